package broadcaster

import (
	"sync"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// signalEvery paces Changed: a count is no use to people faster than this, and
// a storm of connections must not become one of rows.
const signalEvery = time.Second

// Changed receives after the result of Census may have changed, at once where
// it had not for a second, and at most about once a second. Wake-ups coalesce:
// whoever receives takes a new census.
func (h *Hub) Changed() <-chan struct{} { return h.changed }

// note remembers that the census changed.
func (h *Hub) note() {
	if h.dirty.Swap(true) {
		return // the next tick tells
	}
	now, last := h.clock(), h.signaled.Load()
	if now-last >= signalEvery.Milliseconds() && h.signaled.CompareAndSwap(last, now) {
		h.signal(now)
	}
}

func (h *Hub) signal(now int64) {
	h.signaled.Store(now)
	h.dirty.Store(false)
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// Connections returns how many connections the ring has, authenticated or not.
func (h *Hub) Connections(ring string) int {
	if r := h.rings[ring]; r != nil {
		return int(r.count.Load())
	}
	return 0
}

// Census counts the ring's connections by the key that verified their token.
// It visits every connection: some milliseconds for a hundred thousand. The
// row of a ring that the hub does not have counts nothing.
func (h *Hub) Census(ring string) rotation.CensusRow {
	row := rotation.CensusRow{Ring: ring, Instance: h.config.Instance, At: time.Now().UTC(), Keys: map[string]int{}}
	r := h.rings[ring]
	if r == nil {
		return row
	}
	if f := r.frame.Load(); f != nil {
		row.Rev = f.rev
	}
	var mu sync.Mutex
	r.visit(func(s *session) {
		s.mu.Lock()
		key, rev, failed, gone := s.key, s.rev, s.failed, s.closing || s.dead
		s.mu.Unlock()
		if gone {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if row.Rev != 0 && rev == row.Rev {
			row.Told++
		}
		if failed {
			row.Failed++
		}
		if key == nil {
			row.Waiting++
		} else {
			row.Keys[key.name]++
		}
	})
	return row
}
