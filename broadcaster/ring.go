package broadcaster

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// minWindow is the least of a refresh window that late learners are offered:
// the rest of a window gets short for them, and they come in crowds.
const minWindow = 10 * time.Second

// maxRetry spreads clients that are refused one by one, outside of any window.
const maxRetry = 2 * time.Second

// ring is one ring's state, frame and connections.
type ring struct {
	hub    *Hub
	name   string
	verify Verifier // nil: public
	cookie string   // see Ring.Cookie
	slots  []slot   // connections by the second of their beacon
	count  atomic.Int64
	wake   chan struct{} // capacity 1: there is something to push; wake-ups coalesce

	perSecond float64 // refreshes that the issuer admits
	changes   changes

	frame atomic.Pointer[frame] // newest; nil before any state is known

	mu    sync.Mutex
	state rotation.State
	live  bool
	keys  map[string]*keyRef // key name → what connections under it need to know
}

// frame is a state as all connections get it. It is immutable.
type frame struct {
	rev  int64
	live bool
	at   int64 // when it was encoded, milliseconds of the hub's clock
	data []byte
}

// fate of a key, as far as connections under it are concerned.
type fate uint32

const (
	fateAlive   fate = iota // or not known to any state yet
	fateRetired             // gone, in good order
	fateRevoked             // gone, compromised
)

// keyRef is shared by all connections whose token one key verified.
type keyRef struct {
	name  string
	fate  atomic.Uint32
	until atomic.Int64 // retiring: Unix milliseconds at which it stops verifying; else 0
}

func newRing(h *Hub, r Ring, slots int) *ring {
	return &ring{
		hub: h, name: r.Name, verify: r.Verify, cookie: r.Cookie, live: true,
		slots: make([]slot, slots),
		wake:  make(chan struct{}, 1),
		keys:  make(map[string]*keyRef),

		perSecond: cmp.Or(max(r.PerSecond, 0), defaultPerSecond),
		changes:   changes{wake: make(chan struct{}, 1), subjects: make(map[uint64]struct{})},
	}
}

// apply takes a newer state and reports whether it was one.
func (r *ring) apply(s rotation.State, now time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Rev <= r.state.Rev {
		return false, nil
	}
	f, err := r.encode(s, r.live, now)
	if err != nil {
		return false, err
	}
	r.judgeLocked(r.state, s)
	r.state = s
	r.frame.Store(f)
	return true, nil
}

// judgeLocked writes down what a new state means for each key. A key that no
// state has named is left alone: its verifier may be ahead of this hub.
func (r *ring) judgeLocked(prev, next rotation.State) {
	for name, k := range r.keys {
		if _, known := next.Key(name); !known && !isGone(next, name) && k.fate.Load() != uint32(fateAlive) {
			delete(r.keys, name) // closed long ago
		}
	}
	for _, k := range prev.Keys {
		if _, still := next.Key(k.Name); !still {
			r.keyLocked(k.Name).fate.CompareAndSwap(uint32(fateAlive), uint32(fateRetired))
		}
	}
	for _, g := range next.Gone {
		if _, back := next.Key(g.Key); back {
			continue
		}
		f := fateRetired
		if g.Why == rotation.WhyCompromised {
			f = fateRevoked
		}
		r.keyLocked(g.Key).fate.Store(uint32(f))
	}
	for _, k := range next.Keys {
		ref := r.keyLocked(k.Name)
		ref.fate.Store(uint32(fateAlive))
		var until int64
		if k.Stage == rotation.Retiring && !k.VerifyUntil.IsZero() {
			until = k.VerifyUntil.UnixMilli()
		}
		ref.until.Store(until)
	}
}

func isGone(s rotation.State, name string) bool {
	for _, g := range s.Gone {
		if g.Key == name {
			return true
		}
	}
	return false
}

func (r *ring) keyLocked(name string) *keyRef {
	k := r.keys[name]
	if k == nil {
		k = &keyRef{name: name}
		r.keys[name] = k
	}
	return k
}

// key returns what connections under the key of that name share.
func (r *ring) key(name string) *keyRef {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keyLocked(name)
}

// setLive changes the flag that the next beacons carry. It reports whether it
// was another one.
func (r *ring) setLive(live bool, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live == live {
		return false
	}
	r.live = live
	if r.state.IsZero() {
		return true
	}
	if f, err := r.encode(r.state, live, now); err == nil {
		r.frame.Store(f)
	}
	return true
}

// fresh returns the newest frame, with durations at most a second old; nil
// before any state is known.
func (r *ring) fresh() *frame {
	f := r.frame.Load()
	if f == nil || r.hub.clock()-f.at < time.Second.Milliseconds() {
		return f
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f = r.frame.Load(); r.hub.clock()-f.at < time.Second.Milliseconds() {
		return f
	}
	if again, err := r.encode(r.state, r.live, time.Now()); err == nil {
		f = again
		r.frame.Store(f)
	}
	return f
}

// encode makes the frame of a state for this moment.
func (r *ring) encode(s rotation.State, live bool, now time.Time) (*frame, error) {
	data, err := textFrame(frameOf(s, live, now))
	if err != nil {
		return nil, err
	}
	return &frame{rev: s.Rev, live: live, at: r.hub.clock(), data: data}, nil
}

// retryAfter draws the wait of one client that is refused: all of them spread
// over what is left of the ring's refresh window, so that their refreshes
// arrive as slowly as those of everybody else.
func (r *ring) retryAfter(now time.Time) time.Duration {
	r.mu.Lock()
	after, window, open := remaining(r.state, now)
	r.mu.Unlock()
	if !open {
		return rand.N(maxRetry)
	}
	if window > 0 {
		after += rand.N(window)
	}
	return after
}

// frameOf says what clients are told about a state at that moment.
func frameOf(s rotation.State, live bool, now time.Time) stateFrame {
	f := stateFrame{
		Type: "state", Ring: s.Ring, Rev: s.Rev, Urgency: string(s.Urgency), Live: live,
		Pending: []framedKey{}, Retiring: []retiringKey{},
	}
	for _, k := range s.Keys {
		switch k.Stage {
		case rotation.Current:
			f.Key, f.KID = k.Name, k.KID
			if !k.Since.IsZero() {
				f.SinceMs = max(0, now.Sub(k.Since).Milliseconds())
			}
		case rotation.Pending:
			f.Pending = append(f.Pending, framedKey{k.Name, k.KID})
		case rotation.Retiring:
			f.Retiring = append(f.Retiring, retiringKey{k.Name, k.KID, max(0, k.VerifyUntil.Sub(now).Milliseconds())})
		}
	}
	after, window, _ := remaining(s, now)
	f.Refresh = refreshPlan{after.Milliseconds(), window.Milliseconds()}
	return f
}

// remaining is what is left of a state's refresh plan, which begins at the
// state's append, and whether its window is still open. The window never gets
// shorter than minWindow, or than it was planned.
func remaining(s rotation.State, now time.Time) (after, window time.Duration, open bool) {
	after = time.Duration(s.Refresh.AfterMs) * time.Millisecond
	window = time.Duration(s.Refresh.WindowMs) * time.Millisecond
	elapsed := max(0, now.Sub(time.UnixMilli(s.Rev)))
	if elapsed <= after {
		return after - elapsed, window, true
	}
	rest := after + window - elapsed
	return 0, max(rest, min(window, minWindow)), rest > 0
}
