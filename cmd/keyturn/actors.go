package main

import (
	"context"
	"fmt"
	"runtime/debug"
)

// actors runs the loops of a process. The first that ends with an error, before
// it was asked to end, ends the process: failed receives it.
type actors struct {
	failed chan error // capacity 1: the first failure counts
}

func newActors() *actors { return &actors{failed: make(chan error, 1)} }

// actor is one running loop.
type actor struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// start runs a loop until it is stopped. The context carries nothing of the
// caller's: an actor ends when its turn comes, not when a signal arrives.
func (a *actors) start(name string, run func(context.Context) error) *actor {
	ctx, cancel := context.WithCancel(context.Background())
	x := &actor{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		defer func() {
			if v := recover(); v != nil {
				a.fail(fmt.Errorf("%s: panic: %v\n%s", name, v, debug.Stack()))
			}
		}()
		if err := run(ctx); err != nil && ctx.Err() == nil {
			a.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return x
}

func (a *actors) fail(err error) {
	select {
	case a.failed <- err:
	default: // the process ends for an earlier one
	}
}

// stop asks the actors to end and waits for them, or for ctx.
func stop(ctx context.Context, list ...*actor) {
	for _, x := range list {
		if x != nil {
			x.cancel()
		}
	}
	for _, x := range list {
		if x == nil {
			continue
		}
		select {
		case <-x.done:
		case <-ctx.Done():
			return
		}
	}
}
