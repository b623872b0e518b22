package natsfeed

import (
	"reflect"
	"sync"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// board gathers what pushes, reads and the connection's status tell, and hands
// the news to one reader. It keeps only the newest state of each ring, so a
// slow reader costs no memory and skips what is outdated.
type board struct {
	wake chan struct{} // capacity 1: there are news

	mu    sync.Mutex
	up    bool // NATS is connected
	ups   int  // counts connections: what was read over an earlier one proves nothing
	order []string
	rings map[string]*ringNews
}

type ringNews struct {
	state   rotation.State // newest known
	applied bool           // state was handed out
	fresh   bool           // a watcher looks at the store, as far as the last read knows
	freshAt time.Time      // of that read
	told    *bool          // what was handed out last; nil: nothing yet
}

type liveNews struct {
	ring string
	live bool
}

func newBoard(rings []string) *board {
	b := &board{wake: make(chan struct{}, 1), order: rings, rings: make(map[string]*ringNews, len(rings))}
	for _, r := range rings {
		b.rings[r] = &ringNews{applied: true}
	}
	return b
}

// offer takes a state that may or may not be newer than the one held.
func (b *board) offer(s rotation.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[s.Ring]
	if r == nil || !newer(r.state, s) {
		return
	}
	r.state, r.applied = s, false
	b.nudge()
}

// newer reports whether s, and not held, is the state that holds.
func newer(held, s rotation.State) bool {
	if held.IsZero() {
		return true
	}
	won := rotation.Merge(held, s)
	return won.Rev != held.Rev || !reflect.DeepEqual(won, held)
}

func (b *board) state(ring string) rotation.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rings[ring]; r != nil {
		return r.state
	}
	return rotation.State{}
}

// connected takes the connection's status. What was known of watchers is
// forgotten with the connection: it has to be read anew.
func (b *board) connected(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if up == b.up {
		return
	}
	b.up = up
	b.ups++
	for _, r := range b.rings {
		r.fresh = false
	}
	b.nudge()
}

// connection names the present connection, for watched and blind.
func (b *board) connection() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ups
}

// watched takes what a read over that connection said about the ring's watchers.
func (b *board) watched(ring string, connection int, fresh bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[ring]
	if r == nil || connection != b.ups {
		return
	}
	r.fresh, r.freshAt = fresh, now
	b.nudge()
}

// watchedAll reports whether a watcher is known to look at every ring's store.
func (b *board) watchedAll() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rings {
		if !r.fresh {
			return false
		}
	}
	return true
}

// blind takes a read that failed: the last one counts until rows written then
// would have expired.
func (b *board) blind(ring string, connection int, now time.Time) {
	b.mu.Lock()
	stale := b.rings[ring] != nil && now.Sub(b.rings[ring].freshAt) > rotation.RowTTL
	b.mu.Unlock()
	if stale {
		b.watched(ring, connection, false, now)
	}
}

// news returns what changed since the last call.
func (b *board) news() (states []rotation.State, lives []liveNews) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ring := range b.order {
		r := b.rings[ring]
		if live := b.up && r.fresh; r.told == nil || *r.told != live {
			r.told = &live
			lives = append(lives, liveNews{ring, live})
		}
		if !r.applied {
			r.applied = true
			states = append(states, r.state)
		}
	}
	return states, lives
}

func (b *board) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
