package natsfeed

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Config says what a feed brings and to whom.
type Config struct {
	Rings []string
	// Apply gets each state that is newer than all before it of its ring. It
	// is called from Run's goroutine, one call at a time, and should return quickly.
	Apply func(rotation.State)
	// Live tells whether pushes of a ring can be relied upon: NATS is
	// connected and some watcher looked at the store lately. It is called on
	// each change and once at the start, from Run's goroutine. May be nil.
	Live func(ring string, live bool)
	// Every is the pause between reads of the log's heads; zero: 10 s.
	Every  time.Duration
	Logger *zap.Logger // nil: none
}

// Feed brings states from NATS. Its methods are safe for concurrent use.
type Feed struct{}

// New returns a feed over nc, which stays the caller's.
func New(nc *nats.Conn, c Config) *Feed { return &Feed{} }

// Run brings states until ctx ends, and then returns nil.
func (f *Feed) Run(ctx context.Context) error { return nil }

// Synced is closed once the head of each ring was read, or known to be missing.
func (f *Feed) Synced() <-chan struct{} { return nil }

// Refresh reads the head of ring now and returns the newest state known of it.
func (f *Feed) Refresh(ctx context.Context, ring string) (rotation.State, error) {
	return rotation.State{}, nil
}
