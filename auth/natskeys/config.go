package natskeys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Store is where the keys of a ring are kept. Its methods are called from
// several goroutines, must return soon after their context ends, and their
// errors must show no material.
type Store interface {
	// Look returns what the store shows now. prev is the newest state known; a
	// store may need it for naming what it finds.
	Look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error)
	// Value returns the material of k, a live key of the state s.
	Value(ctx context.Context, s rotation.State, k rotation.Key) (auth.Key, error)
}

// Rows takes this verifier's report.
type Rows interface {
	PutVerifier(ctx context.Context, row rotation.VerifierRow) error
	DropVerifier(ctx context.Context, ring, instance string) error
}

// Config of a [Source].
type Config struct {
	Ring     string     // alias of the ring; required
	Instance string     // this process, unique among the verifiers of the ring; required
	Conn     *nats.Conn // stays the caller's; required
	Store    Store      // required
	Rows     Rows       // nil: nobody is told what is held
	// Keyring configures the keyring; its Look is replaced, its Observe kept.
	Keyring auth.Config
	// SignAfter is how long a key must have stood in the log before it signs;
	// in a compromise it signs at once. Zero: at once always.
	SignAfter time.Duration
	// Poll is the pause between looks at the store's labels while the log
	// can't be relied upon, give or take a tenth. Zero: 60 s.
	Poll time.Duration
	// TokenLifetime is the longest life of a token of this ring. It bounds how
	// long a key counts that only labels have shown. Zero: 15 min.
	TokenLifetime time.Duration
	// Signs: this instance signs tokens, and reports the key it signs with.
	Signs bool
	// Outlives is told of tokens that verified and live longer than
	// TokenLifetime: once for each key, and again when a later end turns up. It
	// is called from Run's goroutines, one call at a time. Nil: nobody is told.
	Outlives func(ctx context.Context, key string, exp time.Time)

	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: no metrics
}

const (
	defaultPoll     = time.Minute
	defaultLifetime = 15 * time.Minute
)

// normal returns c with its defaults, or what is wrong with it.
func (c Config) normal() (Config, error) {
	if err := rotation.CheckRing(c.Ring); err != nil {
		return Config{}, fmt.Errorf("keys: %w", err)
	}
	switch {
	case c.Instance == "":
		return Config{}, errors.New("keys: instance has no name: give each process its own")
	case c.Conn == nil:
		return Config{}, errors.New("keys: there is no connection to NATS")
	case c.Store == nil:
		return Config{}, errors.New("keys: there is no store")
	}
	c.Poll = cmp.Or(max(c.Poll, 0), defaultPoll)
	c.TokenLifetime = cmp.Or(max(c.TokenLifetime, 0), defaultLifetime)
	c.SignAfter = max(c.SignAfter, 0)
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	c.Logger = c.Logger.With(zap.String("ring", c.Ring))
	return c, nil
}

// policy is how labels are read while the log is silent.
func (c Config) policy() rotation.Policy {
	return rotation.Policy{TokenLifetime: c.TokenLifetime, SignerLag: 2 * c.Poll}
}

// overlap is how long a key that only labels have shown counts after they
// showed it last: until the last token under it has expired.
func (c Config) overlap() time.Duration {
	return c.TokenLifetime + 2*c.Poll + rotation.DefaultSkew
}
