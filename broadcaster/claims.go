package broadcaster

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// Changes of permissions come one by one or in thousands. All that come while
// the hub looks through its connections wait for the next round, so that ten
// thousand changes cost a few rounds, and a connection costs nothing more for
// being told of them.
const (
	claimsAfter  = 500 * time.Millisecond // lets whoever keeps the permissions settle before the first refresh
	claimsWindow = time.Second            // least window; the tabs of a browser refresh once in any case
	claimsPause  = 50 * time.Millisecond  // between two rounds
	maxClaims    = 1 << 17                // subjects that wait; beyond that a change is found out by the next 403
)

// changes are the subjects whose permissions changed and who were not told yet.
type changes struct {
	wake chan struct{} // capacity 1: there are some

	mu       sync.Mutex
	subjects map[uint64]struct{} // digests, see identity
	dropped  int                 // since the last round
}

func (c *changes) add(subject uint64) {
	c.mu.Lock()
	if len(c.subjects) < maxClaims {
		c.subjects[subject] = struct{}{}
	} else {
		c.dropped++
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *changes) take() (subjects map[uint64]struct{}, dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	subjects, dropped = c.subjects, c.dropped
	c.subjects, c.dropped = make(map[uint64]struct{}), 0
	return subjects, dropped
}

// ClaimsChanged has every live connection of that subject (the sub of its
// token) told that what it may do has changed, so that it refreshes before a
// request is refused. It does not wait for them, and is cheap for a subject
// that nobody here speaks for.
func (h *Hub) ClaimsChanged(ring, subject string) {
	if r := h.rings[ring]; r != nil && r.verify != nil {
		r.changes.add(h.digest(subject))
	}
}

// tellClaims tells subjects of their changes until stop is closed.
func (r *ring) tellClaims(stop <-chan struct{}) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	horizon := int64(0) // when all who were told so far will have refreshed, on the hub's clock
	for {
		select {
		case <-stop:
			return
		case <-r.changes.wake:
		}
		subjects, dropped := r.changes.take()
		if dropped > 0 {
			r.hub.log.Warn("changes of permissions not told; the next 403 tells",
				zap.String("ring", r.name), zap.Int("subjects", dropped))
		}
		if len(subjects) > 0 {
			var plan refreshPlan
			plan, horizon = spread(r.hub.clock(), horizon, len(subjects), r.perSecond)
			frame := mustTextFrame(claimsFrame{Type: "claims", refreshPlan: plan})
			r.visit(func(s *session) { s.tellClaims(subjects, frame) })
		}
		pause.Reset(claimsPause)
		select {
		case <-stop:
			return
		case <-pause.C:
		}
	}
}

// spread plans the refreshes of n subjects behind those told before, at the
// rate at which the issuer admits them, with a quarter to spare. Times are
// milliseconds of the hub's clock.
func spread(now, horizon int64, n int, perSecond float64) (refreshPlan, int64) {
	after := now + claimsAfter.Milliseconds()
	need := int64(1.25 * 1000 * float64(n) / perSecond)
	horizon = max(horizon, after) + need
	return refreshPlan{AfterMs: after - now, WindowMs: max(horizon-after, claimsWindow.Milliseconds())}, horizon
}

// tellClaims sends the frame if the session speaks for one of the subjects.
func (s *session) tellClaims(subjects map[uint64]struct{}, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil || !s.listensLocked() {
		return
	}
	if _, ok := subjects[s.who.subject]; !ok {
		return
	}
	s.ring.hub.metrics.claims.WithLabelValues(s.ring.name).Inc()
	s.sendLocked(frame) // shared: it has no spare capacity
}
