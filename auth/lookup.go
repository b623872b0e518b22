package auth

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// lookLimit bounds how long a token of an unknown key can wait.
	lookLimit = 5 * time.Second
	// lookPause is how long after the start of a look for an unannounced kid the
	// next one may start. Without it any garbage kid would make a look.
	lookPause = 10 * time.Second
	// announcedPause is the same for one announced kid: it is known to exist, so
	// only a store that does not answer is spared.
	announcedPause = time.Second
	// maxWaiting bounds the requests, and so the memory, that forged kids can
	// make wait for one look.
	maxWaiting = 1000
)

// errBusy is why a token of an unknown kid is not looked for just now.
var errBusy = errors.New("too many wait for a look")

// lookup shares looks between all who wait for one. A kid that is announced has
// a look of its own, so that forged kids never delay it.
type lookup struct {
	mu        sync.Mutex
	unknown   flight             // shared by all kids that nobody announced
	announced map[string]*flight // kid → its flight; kids of the installed sets only
}

// flight is a series of looks, at most one under way.
type flight struct {
	next    time.Time // no look starts before
	done    chan struct{}
	err     error // of the last look; written before done is closed
	waiting int
}

// run makes a look happen or joins the one under way, and waits for its end.
// In the pause after a look there is none: err is then how that one ended. A
// nil error means that log and store have answered; next is when the next look
// may start.
func (l *lookup) run(ctx context.Context, look func(context.Context, string) error, kid string, announced bool) (next time.Time, err error) {
	now := time.Now()
	l.mu.Lock()
	f, pause := &l.unknown, lookPause
	if announced {
		f, pause = l.own(kid, now), announcedPause
	}
	switch {
	case f.done != nil && f.waiting >= maxWaiting:
		defer l.mu.Unlock()
		return f.next, errBusy
	case f.done == nil && now.Before(f.next):
		defer l.mu.Unlock()
		return f.next, f.err
	case f.done == nil:
		f.next = now.Add(pause)
		f.done = make(chan struct{})
		// The look outlives the request that caused it: others wait for it too.
		go l.fly(f, look, kid)
	}
	done := f.done
	f.waiting++
	next = f.next
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		f.waiting--
		l.mu.Unlock()
	}()

	limit := time.NewTimer(lookLimit)
	defer limit.Stop()
	select {
	case <-done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return next, f.err
	case <-limit.C:
		return next, context.DeadlineExceeded
	case <-ctx.Done():
		return next, ctx.Err()
	}
}

func (l *lookup) fly(f *flight, look func(context.Context, string) error, kid string) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	err := look(ctx, kid)
	l.mu.Lock()
	defer l.mu.Unlock()
	f.err = err
	close(f.done)
	f.done = nil
}

// own returns the flight of one announced kid and forgets those of kids that
// nobody asked for in a while.
func (l *lookup) own(kid string, now time.Time) *flight {
	if f := l.announced[kid]; f != nil {
		return f
	}
	for other, f := range l.announced {
		if f.done == nil && f.waiting == 0 && now.After(f.next) {
			delete(l.announced, other)
		}
	}
	if l.announced == nil {
		l.announced = map[string]*flight{}
	}
	f := &flight{}
	l.announced[kid] = f
	return f
}
