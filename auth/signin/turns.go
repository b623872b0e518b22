package signin

import (
	"context"
	"sync"
)

// turns lets one caller at a time do something about a session.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn // session → whoever does or waits; nobody: no entry
}

type turn struct {
	token chan struct{} // capacity 1: full while somebody is at it
	users int           // of this entry
}

// take waits for the session's turn. done gives it back and must be called once; on an error it is nil.
func (t *turns) take(ctx context.Context, session string) (done func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]*turn{}
	}
	mine := t.held[session]
	if mine == nil {
		mine = &turn{token: make(chan struct{}, 1)}
		t.held[session] = mine
	}
	mine.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.held, session)
		}
	}
	select {
	case mine.token <- struct{}{}:
		return func() { <-mine.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
