package watcher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// defaultPoll is the pause between looks when [Config.Poll] does not say.
const defaultPoll = 60 * time.Second

// countTimeout bounds the count of connections: an event must not wait for it.
const countTimeout = time.Second

// Config says what one watcher serves. Ring, Store, Instance, Source and Log are needed.
type Config struct {
	Ring     string // alias of the ring
	Store    string // kind of the store, e.g. "file"; part of the events' source
	Instance string // names this process among the watchers of the ring

	Source   Source
	Log      Log
	Hints    Hints    // nil: poll only; may be an [Acknowledger] and a [Health] too
	Promoter Promoter // nil: this watcher can't write the store
	Rows     Rows     // nil: no rows

	Poll        time.Duration                 // between looks, ± 20 %; zero: 60 s
	Eventual    bool                          // the store is eventually consistent: every 5 s for 2 min after a hint or an ops look, every 15 s while hints are unhealthy, never slower than Poll
	Policy      rotation.Policy               // the watcher fills in Connections, Confirmed and LastSeen
	Connections func(ctx context.Context) int // live connections of the ring; nil: 0
	Memory      string                        // file that remembers the newest state; "": this process's memory only

	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Watcher serves one ring. Its methods are safe for concurrent use.
type Watcher struct {
	c      Config
	m      *metrics
	memory memory
	random func() float64 // in [0,1)

	turn    chan struct{} // capacity 1: whoever has put something in may use the store and the log
	changed chan struct{} // capacity 1: the schedule changed outside Run
	rowDue  chan struct{} // capacity 1: the row changed

	// These belong to whoever has the turn.
	remembered rotation.State // newest state this process knows
	lastSeen   string         // the store's marker at the last look

	mu       sync.Mutex
	schedule schedule
	status   Status
	alarms   map[origin][]rotation.Alarm
}

// New returns a watcher, or says what is wrong with c. It does no I/O but
// reading c.Memory; a memory that can't be read is an alarm, not an error.
func New(c Config) (*Watcher, error) {
	switch {
	case rotation.CheckRing(c.Ring) != nil:
		return nil, fmt.Errorf("watcher: %w", rotation.CheckRing(c.Ring))
	case c.Store == "" || c.Instance == "":
		return nil, fmt.Errorf("watcher of ring %s: store and instance need a name", c.Ring)
	case c.Source == nil || c.Log == nil:
		return nil, fmt.Errorf("watcher of ring %s: it needs a source and a log", c.Ring)
	case c.Poll < 0:
		return nil, fmt.Errorf("watcher of ring %s: poll is %s; want a pause, or zero for %s", c.Ring, c.Poll, defaultPoll)
	case c.Poll == 0:
		c.Poll = defaultPoll
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("watcher of ring %s: register metrics: %w", c.Ring, err)
	}
	w := &Watcher{
		c: c, m: m, memory: memory(c.Memory), random: rand.Float64,
		turn: make(chan struct{}, 1), changed: make(chan struct{}, 1), rowDue: make(chan struct{}, 1),
		schedule: schedule{poll: c.Poll, eventual: c.Eventual},
		status:   Status{Ring: c.Ring, Store: c.Store, Instance: c.Instance},
		alarms:   make(map[origin][]rotation.Alarm),
	}
	if w.remembered, err = w.memory.load(c.Ring); err != nil {
		w.setAlarms(fromMemory, []rotation.Alarm{{Code: alarmMemory, Text: err.Error() + "; it is written anew with the next state"}})
	}
	w.status.Head = w.remembered
	return w, nil
}

// Run watches until ctx ends, takes its row back and returns nil. It is called once.
func (w *Watcher) Run(ctx context.Context) error {
	var rows sync.WaitGroup
	rows.Go(func() { w.keepRow(ctx) })
	defer rows.Wait()
	var hints <-chan struct{} // nil: blocks for ever
	if w.c.Hints != nil {
		hints = w.c.Hints.Hints()
	}
	for {
		w.act(ctx)
		timer := time.NewTimer(time.Until(w.plan().next()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-hints:
			timer.Stop()
			w.replan(func(s schedule) schedule { return s.hinted(time.Now(), w.random()) })
			w.ownTurn(ctx, func() { _, _ = w.look(ctx, rotation.ByHint, "") }) // the status has the error
		case <-w.changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// act does what is due. Errors are in the status.
func (w *Watcher) act(ctx context.Context) {
	if h, ok := w.c.Hints.(Health); ok {
		healthy := h.Healthy()
		w.replan(func(s schedule) schedule { return s.health(healthy, time.Now(), w.random()) })
	}
	w.ownTurn(ctx, func() {
		plan := w.plan()
		switch what, key := plan.due(time.Now()); what {
		case lookDue:
			by := rotation.ByPoll
			if plan.told {
				by = rotation.ByHint // its first look did not see yet what it told of
			}
			_, _ = w.look(ctx, by, key)
		case finishDue:
			w.finish(ctx, key)
		case readDue:
			_, _, _ = w.settle(ctx, noDecision)
		}
	})
}

// Look looks at the store now and returns the log's head after it. by is one of
// the rotation.By words; confirmed is the name of a key that the caller itself
// made current again, or "". It waits for other looks to end. A look that the
// store answers with something older than the head changes nothing and is no
// error; Run looks again.
func (w *Watcher) Look(ctx context.Context, by, confirmed string) (head rotation.State, err error) {
	waited := w.inTurn(ctx, func() {
		w.step(by)
		head, err = w.look(ctx, by, confirmed)
	})
	return head, errors.Join(waited, err)
}

// LookAfter runs do, which changes the store, and then does as [Watcher.Look]:
// no look of Run, which the change itself may hint at, comes between and takes
// the change for somebody else's. Where do fails, nothing is looked at, and its
// error is returned. Where the store is eventually consistent, a stale look is
// repeated for up to 15.5 s before the head is returned as it is. do must not
// call this watcher, but for Status.
func (w *Watcher) LookAfter(ctx context.Context, by, confirmed string, do func(context.Context) error) (head rotation.State, err error) {
	waited := w.inTurn(ctx, func() {
		w.step(by)
		if head, err = w.remembered, do(ctx); err == nil {
			head, err = w.lookUntilSeen(ctx, by, confirmed)
		}
	})
	return head, errors.Join(waited, err)
}

// step notes a step of a turn, if by says that a look is one.
func (w *Watcher) step(by string) {
	if by == rotation.ByOps {
		w.replan(func(s schedule) schedule { return s.hurry(time.Now(), w.random()) })
	}
}

// lookUntilSeen looks again up the ladder while the store is behind what was
// just written to it. The caller has the turn.
func (w *Watcher) lookUntilSeen(ctx context.Context, by, confirmed string) (head rotation.State, err error) {
	for _, wait := range staleLadder {
		head, err = w.look(ctx, by, confirmed)
		if plan := w.plan(); err != nil || !plan.eventual || plan.stale == 0 {
			return head, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return head, nil // what was written is written; Run looks again
		case <-timer.C:
		}
	}
	return w.look(ctx, by, confirmed)
}

// Revoke writes down that key goes the moment current leaves it, and returns
// the log's head after it.
func (w *Watcher) Revoke(ctx context.Context, key string) (rotation.State, error) {
	return w.write(ctx, func(head rotation.State, now time.Time) (rotation.State, rotation.Change, error) {
		return rotation.Revoke(head, key, w.policy(ctx, ""), now)
	})
}

// Extend lets a retiring key verify up to until, and returns the log's head after it.
func (w *Watcher) Extend(ctx context.Context, key string, until time.Time) (rotation.State, error) {
	return w.write(ctx, func(head rotation.State, now time.Time) (rotation.State, rotation.Change, error) {
		return rotation.Extend(head, key, until, now)
	})
}

func (w *Watcher) write(ctx context.Context, d decision) (head rotation.State, err error) {
	waited := w.inTurn(ctx, func() { head, _, err = w.settle(ctx, d) })
	return head, errors.Join(waited, err)
}

// inTurn runs f while nobody else uses store and log, and wakes Run to see the
// schedule that f leaves behind.
func (w *Watcher) inTurn(ctx context.Context, f func()) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("watcher of ring %s: wait for the turn: %w", w.c.Ring, context.Cause(ctx))
	}
	defer func() {
		<-w.turn
		nudge(w.changed)
	}()
	f()
	return nil
}

// ownTurn is inTurn for Run itself, which sees the schedule anyway.
func (w *Watcher) ownTurn(ctx context.Context, f func()) {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-w.turn }()
	f()
}

func (w *Watcher) plan() schedule {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.schedule
}

func (w *Watcher) replan(f func(schedule) schedule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.schedule = f(w.schedule)
}

func (w *Watcher) policy(ctx context.Context, confirmed string) rotation.Policy {
	p := w.c.Policy
	p.Confirmed, p.LastSeen = confirmed, w.lastSeen
	if w.c.Connections != nil {
		ctx, cancel := context.WithTimeout(ctx, countTimeout)
		defer cancel()
		p.Connections = w.c.Connections(ctx)
	}
	return p
}

// nudge fills a channel of capacity 1; wishes coalesce.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
