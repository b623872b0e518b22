package main

import (
	"sync"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// keepStates is how many states of a ring the board remembers for those who
// follow it. A rotation has a handful.
const keepStates = 64

// board remembers the last states of each ring, and wakes those who wait for
// more. It is safe for concurrent use.
type board struct {
	mu    sync.Mutex
	rings map[string]*boardRing
}

type boardRing struct {
	states []rotation.State // oldest first
	live   bool
	more   chan struct{} // closed and replaced at each state
}

func newBoard(rings []RingConfig) *board {
	b := &board{rings: map[string]*boardRing{}}
	for _, r := range rings {
		b.rings[r.Name] = &boardRing{more: make(chan struct{})}
	}
	return b
}

// put adds a state that is newer than the last one; others are dropped.
func (b *board) put(s rotation.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[s.Ring]
	if r == nil || (len(r.states) > 0 && s.Rev <= r.states[len(r.states)-1].Rev) {
		return
	}
	r.states = append(r.states, s)
	if len(r.states) > keepStates {
		r.states = append([]rotation.State(nil), r.states[1:]...)
	}
	close(r.more)
	r.more = make(chan struct{})
}

// setLive says whether the ring's states are known to be up to date.
func (b *board) setLive(ring string, live bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rings[ring]; r != nil {
		r.live = live
	}
}

// last returns the newest state, zero while there is none, and whether it is live.
func (b *board) last(ring string) (s rotation.State, live bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[ring]
	if r == nil {
		return rotation.State{}, false
	}
	if len(r.states) > 0 {
		s = r.states[len(r.states)-1]
	}
	return s, r.live
}

// After implements admin.States.
func (b *board) After(ring string, rev int64) (states []rotation.State, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[ring]
	if r == nil {
		return nil, nil
	}
	for _, s := range r.states {
		if s.Rev > rev {
			states = append(states, s)
		}
	}
	return states, r.more
}
