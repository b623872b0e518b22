package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// settle is how long a server may finish what a delivery set going, before its
// processor time is read.
const settle = 150 * time.Millisecond

// target is a server under measurement with its swarm of clients.
type target struct {
	name   string
	server *process
	swarm  *process
	conns  int
	size   int // payload of the last delivered frame, bytes

	cpu     []float64 // µs of processor time per delivery, one a round
	latency []float64 // ms from the begin to the last client, one a round
}

// self starts this binary in another role.
func self(ctx context.Context, role string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(role, exec.CommandContext(ctx, exe, role), true)
}

// connect opens the clients.
func (t *target) connect(c connectCommand) (swarmAnswer, error) {
	c.Conns = t.conns
	var a swarmAnswer
	if err := t.swarm.tell(swarmCommand{Connect: &c}, &a); err != nil {
		return a, err
	}
	if a.Connected == 0 {
		return a, fmt.Errorf("%s: no client connected: %s", t.name, a.Error)
	}
	return a, nil
}

// deliver makes the server tell every client something, and measures. begin
// returns when the telling began; it is called after all have heard.
func (t *target) deliver(needle string, trigger func() error, begin func() (time.Time, error)) error {
	var a swarmAnswer
	if err := t.swarm.tell(swarmCommand{Arm: needle}, &a); err != nil {
		return err
	}
	before, err := t.server.cpu()
	if err != nil {
		return err
	}
	if err := trigger(); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if err := t.swarm.tell(swarmCommand{Await: 30 * time.Second}, &a); err != nil {
		return err
	}
	if a.Error != "" {
		return fmt.Errorf("%s: %s\n%s", t.name, a.Error, t.server.tail)
	}
	<-time.After(settle)
	after, err := t.server.cpu()
	if err != nil {
		return err
	}
	from, err := begin()
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	t.size = a.Size
	t.cpu = append(t.cpu, float64((after-before).Nanoseconds())/1e3/float64(a.Got))
	t.latency = append(t.latency, float64(time.Unix(0, a.LastNs).Sub(from).Microseconds())/1e3)
	return nil
}

// deliverRef measures one round of a reference server: a text of the given size.
func (t *target) deliverRef(round, size int) error {
	needle := fmt.Sprintf("round-%d-", round)
	var a refAnswer
	return t.deliver(needle, func() error {
		if err := t.server.tell(refCommand{Send: needle + strings.Repeat("x", max(0, size-len(needle)))}, &a); err != nil {
			return err
		}
		if a.Error != "" || a.Sent != t.conns {
			return fmt.Errorf("sent to %d of %d: %s", a.Sent, t.conns, a.Error)
		}
		return nil
	}, func() (time.Time, error) { return time.Unix(0, a.BeginNs), nil })
}

// deliverKeyturn measures one round of the daemon: a pending key appears in the
// file. It returns the time from the change of the file to the append.
func (t *target) deliverKeyturn(ctx context.Context, d *daemon, round int) (lag time.Duration, err error) {
	kid := fmt.Sprintf("round-%d", round)
	var wrote, appended time.Time
	err = t.deliver(`"`+kid+`"`, func() error {
		wrote = time.Now()
		return d.write(kid)
	}, func() (time.Time, error) {
		appended, err = d.revision(ctx)
		return appended, err
	})
	return appended.Sub(wrote), err
}

// startReference starts a floor or a naive hub and connects a swarm to it.
func startReference(ctx context.Context, role string, conns, parallel int) (*target, error) {
	server, err := self(ctx, role)
	if err != nil {
		return nil, err
	}
	t := &target{name: role, server: server, conns: conns}
	var at listening
	if err := server.hear(&at); err != nil {
		return t, err
	}
	if t.swarm, err = self(ctx, "swarm"); err != nil {
		return t, err
	}
	a, err := t.connect(connectCommand{Address: at.Address, Path: "/", Parallel: parallel})
	if err == nil && a.Failed > 0 {
		err = fmt.Errorf("%s: %d of %d clients did not connect: %s", role, a.Failed, conns, a.Error)
	}
	return t, err
}
