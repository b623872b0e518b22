package natskeys

import (
	"context"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// outliving gathers tokens that live longer than the ring says.
type outliving struct {
	lifetime time.Duration
	wake     chan struct{} // capacity 1: pending is not empty

	mu      sync.Mutex
	known   map[string]time.Time // key name → latest end that was told
	pending map[string]time.Time // key name → latest end, to be told
}

// maxOutliving bounds the keys remembered; a ring has far fewer.
const maxOutliving = 256

func newOutliving(lifetime time.Duration) *outliving {
	return &outliving{lifetime: lifetime, wake: make(chan struct{}, 1), known: map[string]time.Time{}, pending: map[string]time.Time{}}
}

// observe looks at a verified token. It is on the path of every request, so it
// takes the lock only for a token that does outlive.
func (o *outliving) observe(t *auth.Token) {
	from := t.IssuedAt
	if from.IsZero() {
		from = time.Now()
	}
	if t.Expiry.Sub(from) <= o.lifetime {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !t.Expiry.After(o.known[t.Key].Add(time.Second)) {
		return
	}
	if len(o.known) >= maxOutliving {
		clear(o.known) // most of these keys are long gone
	}
	o.known[t.Key] = t.Expiry
	o.pending[t.Key] = t.Expiry
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outliving) take() map[string]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.pending
	o.pending = map[string]time.Time{}
	return taken
}

// outliveLoop tells of such tokens until ctx ends.
func (s *Source) outliveLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.outlives.wake:
		}
		for key, exp := range s.outlives.take() {
			s.config.Outlives(ctx, key, exp)
		}
	}
}

// observe is the keyring's [auth.Config.Observe].
func (s *Source) observe(t *auth.Token, err *auth.Error) {
	s.metrics.verified(err)
	if t != nil && s.config.Outlives != nil {
		s.outlives.observe(t)
	}
	if s.config.Keyring.Observe != nil {
		s.config.Keyring.Observe(t, err)
	}
}
