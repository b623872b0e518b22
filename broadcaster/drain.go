package broadcaster

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Drain sends the clients elsewhere before this process stops. It takes no new
// connections, tells every client to open another one at a random moment
// within the given time, and closes those that are still here after it with
// 1012. It returns when all have gone, or when ctx ends, or soon after the
// time is over if clients do not even answer that. With no time at all it
// closes at once. Run must still be running.
func (h *Hub) Drain(ctx context.Context, within time.Duration) {
	h.refuseNew()
	begin, connections := time.Now(), h.connections()
	if within > 0 && connections > 0 {
		frame := mustTextFrame(drainFrame{Type: "drain", WithinMs: within.Milliseconds()})
		h.visit(func(s *session) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.closing {
				s.sendLocked(frame)
			}
		})
		h.waitEmpty(ctx, within)
	}
	left := h.connections()
	h.closeAll()
	h.waitEmpty(ctx, lingerLimit+2*tick) // a tick late, and a tick to notice
	h.log.Info("drained", zap.Int("connections", connections), zap.Int("closed", left),
		zap.Int("left", h.connections()), zap.Duration("took", time.Since(begin)))
}

func (h *Hub) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

// closeAll closes every connection with 1012, for good. Tokens that wait for
// their key wait no longer.
func (h *Hub) closeAll() {
	h.closing.Store(true)
	h.stopLooks()
	h.visit(func(s *session) { s.close(closeServiceRestart, nil) })
}

func (h *Hub) visit(do func(*session)) {
	for _, r := range h.rings {
		r.visit(do)
	}
	h.nowhere.visit(do)
}

// waitEmpty waits until no connection is left, at most that long.
func (h *Hub) waitEmpty(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for h.connections() > 0 {
		select {
		case <-h.emptied:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
