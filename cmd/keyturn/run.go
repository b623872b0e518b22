package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// The order of a start: ports (taken already), health, NATS and the log, stores
// and watchers, hub and feed, admin API; then each ring's keys as they come, and
// sign-in with them. A stop goes the other way, browsers first.

// Bounds of a stop.
const (
	stopDoors  = 5 * time.Second  // open requests
	stopActors = 10 * time.Second // loops and their last rows
	stopSpine  = 10 * time.Second // NATS: what was written, and the embedded server
	stopRest   = 2 * time.Second  // either of both after a second signal: they need milliseconds, and the log is at stake
)

// run runs the process until ctx ends or a part fails, and stops it in order.
func (p *process) run(ctx context.Context) error {
	p.running.doors = []*actor{
		p.actors.start("public listener", p.public.run),
		p.actors.start("admin listener", p.adminDoor.run),
	}
	public, inner := p.addresses()
	p.log.Info("listening", zap.String("public", public), zap.String("admin", inner), zap.String("instance", p.instance))

	begin, cancel := context.WithCancel(ctx)
	started := p.actors.start("start", func(context.Context) error { return p.start(begin) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-p.actors.failed:
	}
	cancel() // a start that still waits for NATS ends here
	<-started.done
	if err == nil && ctx.Err() == nil {
		err = errors.New("ended without a reason") // can't happen: one of both woke us
	}
	p.log.Info("stopping", zap.Error(err))
	return errors.Join(err, p.stop())
}

// start builds and starts the parts. What it has begun when it fails, stop ends.
func (p *process) start(ctx context.Context) (err error) {
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = nil // it was asked to stop before it had begun
		}
	}()
	if p.spine, err = openSpine(ctx, p.config, p.instance, p.log, p.registry); err != nil {
		return err
	}
	for _, rc := range p.config.Rings {
		if p.rings[rc.Name], err = openRing(p.config, rc, p.cloud, p.instance, p.spine, p.log, p.registry); err != nil {
			return err
		}
	}
	if err := p.startQueues(); err != nil {
		return err
	}
	for _, r := range p.rings {
		p.startRing(r)
	}
	if err := p.startHub(); err != nil {
		return err
	}
	if err := p.newAPI(); err != nil {
		return err
	}
	p.apiGate.open(p.api)
	if p.demo == nil { // before anything makes the process ready
		p.publicGate.open(p.publicMux())
	}
	for _, r := range p.rings {
		p.running.keys = append(p.running.keys, p.startKeys(r))
	}
	p.running.pulse = []*actor{
		p.actors.start("pulse", func(ctx context.Context) error { return p.health.pulse(ctx, p.touch) }),
		p.actors.start("watchdog", func(ctx context.Context) error { return p.notify.feed(ctx, p.health.alive) }),
		p.actors.start("readiness", p.announce),
	}
	return nil
}

// startQueues starts each queue of hints once, for all rings that name it.
func (p *process) startQueues() error {
	sharing := map[string][]*ring{}
	for _, rc := range p.config.Rings {
		if url := rc.Hints.SQS; url != "" {
			sharing[url] = append(sharing[url], p.rings[rc.Name])
		}
	}
	for url, rings := range sharing {
		var stores []*secretsmanager.Store
		for _, r := range rings {
			stores = append(stores, r.store.(*secretsmanager.Store)) // checked: hints stand with store aws only
		}
		queue, err := secretsmanager.NewQueue(url, p.cloud.queue(rings[0].config), secretsmanager.QueueConfig{Logger: p.log, Registerer: p.registry}, stores...)
		if err != nil {
			return err
		}
		for _, r := range rings {
			r.queue = queue
		}
		p.running.watchers = append(p.running.watchers, p.actors.start("queue "+path.Base(url), queue.Run))
	}
	return nil
}

func (p *process) startRing(r *ring) {
	start := func(what string, run func(context.Context) error) {
		p.running.watchers = append(p.running.watchers, p.actors.start(what+" "+r.config.Name, run))
	}
	if s, ok := r.store.(runner); ok {
		start("store", s.Run)
	}
	start("watcher", r.watcher.Run)
	start("outlives", func(ctx context.Context) error {
		return r.outlives.run(ctx, func() rotation.State { return r.watcher.Status().Head })
	})
	if r.keeper != nil {
		start("keeper", r.keeper.Run)
	}
}

func (p *process) startHub() error {
	if err := p.newHub(); err != nil {
		return err
	}
	names := make([]string, len(p.config.Rings))
	for i, r := range p.config.Rings {
		names[i] = r.Name
	}
	p.feed = natsfeed.New(p.spine.conn, natsfeed.Config{
		Rings: names, Logger: p.log,
		Apply: func(s rotation.State) {
			p.hub.Apply(s)
			p.board.put(s)
			p.health.have(stateOf(s.Ring))
			if r := p.rings[s.Ring]; r != nil {
				r.outlives.nudge()
			}
		},
		Claims: p.hub.ClaimsChanged,
		Live: func(ring string, live bool) {
			p.hub.SetLive(ring, live)
			p.board.setLive(ring, live)
		},
	})
	issues := ""
	if p.config.issues() {
		issues = p.config.Auth.Ring
	}
	p.reporter = &reporter{rows: p.spine.rows, hub: p.hub, rings: p.broadcastRings(), issues: issues, instance: p.instance, issuers: newIssuers(), log: p.log}
	p.running.hub = p.actors.start("hub", p.hub.Run)
	p.running.feed = p.actors.start("feed", p.feed.Run)
	p.running.reports = p.actors.start("rows", p.reporter.run)
	return nil
}

// startKeys waits for the ring's keys and runs them; with the ring that signs,
// sign-in follows.
func (p *process) startKeys(r *ring) *actor {
	name := r.config.Name
	return p.actors.start("keys "+name, func(ctx context.Context) error {
		if err := r.openKeys(ctx, p.config, p.instance, p.spine, p.log, p.registry); err != nil {
			return err
		}
		p.health.have(keysOf(name))
		if name == p.config.Auth.Ring {
			service, err := p.newSignin(ctx)
			if err != nil {
				return fmt.Errorf("sign-in: %w", err)
			}
			defer service.Wait() // the doors are closed by now, and what is still heard is stored
			mux := http.NewServeMux()
			service.Register(mux)
			ctx, cancel := context.WithCancel(ctx)
			var opening sync.WaitGroup
			defer opening.Wait()
			defer cancel()
			opening.Go(func() {
				if p.reporter.issuers.settled(ctx) {
					p.authGate.open(mux)
					p.health.have("the session store")
				}
			})
		}
		return r.keys.Load().Run(ctx)
	})
}

// announce tells the world when the process is ready.
func (p *process) announce(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.feed.Synced():
		p.health.have("the log of states")
	}
	select {
	case <-ctx.Done():
		return nil
	case <-p.health.ready:
	}
	p.log.Info("ready")
	if p.demo != nil {
		pages, err := p.demo.handler(p)
		if err != nil {
			return err
		}
		p.publicGate.open(pages)
		public, inner := p.addresses()
		if err := p.demo.welcome(ctx, public, inner); err != nil {
			return err
		}
	}
	if err := p.notify.send("READY=1"); err != nil {
		p.log.Warn("notify_failed", zap.Error(err))
	}
	return nil
}

// touch takes the locks of all parts; see [health.pulse].
func (p *process) touch() {
	for name, r := range p.rings {
		_ = r.watcher.Status()
		if keys := r.keys.Load(); keys != nil {
			_ = keys.State()
		}
		_, _ = p.board.last(name)
	}
	for _, name := range p.broadcastRings() {
		_ = p.hub.Connections(name)
	}
}

// stop ends everything in order: browsers move, requests end, then the loops
// drop their rows, then what was written reaches the log, and the embedded
// server closes last. The second signal cuts every wait short.
func (p *process) stop() error {
	p.health.stop()
	if err := p.notify.send("STOPPING=1"); err != nil {
		p.log.Warn("notify_failed", zap.Error(err))
	}
	if p.hub != nil {
		ctx, cancel := p.hurried(p.config.Drain+time.Second, 0)
		p.hub.Drain(ctx, p.config.Drain)
		cancel()
	}
	if p.api != nil {
		p.api.HangUp()
	}
	ctx, cancel := p.hurried(stopDoors, 0)
	err := errors.Join(p.public.close(ctx), p.adminDoor.close(ctx))
	cancel()
	if p.api != nil {
		p.api.Close()
	}
	ctx, cancel = p.hurried(stopActors, stopRest)
	stop(ctx, p.running.pulse...)
	stop(ctx, p.running.reports)
	stop(ctx, p.running.feed)
	stop(ctx, p.running.hub)
	stop(ctx, p.running.keys...)
	stop(ctx, p.running.watchers...)
	stop(ctx, p.running.doors...)
	cancel()
	if p.spine != nil {
		ctx, cancel = p.hurried(stopSpine, stopRest)
		err = errors.Join(err, p.spine.close(ctx))
		cancel()
	}
	p.log.Info("stopped")
	return err
}
