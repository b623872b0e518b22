package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// ring is everything of one ring in this process.
type ring struct {
	config   RingConfig
	store    store
	watcher  *watcher.Watcher
	outlives *outlives
	keeper   *rollout.Keeper       // nil but where turns leave marks in the store
	queue    *secretsmanager.Queue // of its hints; nil: none

	keys atomic.Pointer[natskeys.Source] // nil until the first usable key
}

// errNoKeys says that a ring has no usable key yet. The hub takes it for "ask
// again later".
var errNoKeys = errors.New("no key of the ring is usable yet")

// VerifyStale implements broadcaster.Verifier from the first moment on, so
// that one ring without keys does not hold up the others.
func (r *ring) VerifyStale(ctx context.Context, token string, grace time.Duration) (*auth.Token, error) {
	keys := r.keys.Load()
	if keys == nil {
		return nil, errNoKeys
	}
	return keys.Keyring().VerifyStale(ctx, token, grace)
}

// ringSkew is how far the clocks of one ring's processes may differ.
const ringSkew = rotation.DefaultSkew

// policy turns the configuration of a ring into the rules of its rotations.
func (c RingConfig) policy() rotation.Policy {
	after := c.SignAfter
	if c.Issuer == "external" {
		after = c.IssuerLag
	}
	return rotation.Policy{
		// The previous key may sign until then, and what it signs last must live out its life.
		TokenLifetime: c.TokenLifetime, SignerLag: max(2*c.Poll, after), Skew: ringSkew,
		AfterMs: after.Milliseconds(), PerSecond: c.Refresh.PerSecond, StrictKID: c.KID.Strict,
	}
}

// kidRule translates the configuration's rule.
func (c RingConfig) kidRule() watcher.KIDRule {
	return watcher.KIDRule{From: c.KID.From, Literal: c.KID.Literal}
}

// claimsOf returns the issuer and audience that tokens of a ring carry.
func (c Config) claimsOf(r RingConfig) (issuer, audience string) {
	if r.Name == c.Auth.Ring {
		return c.Auth.Issuer, c.Auth.Audience
	}
	return r.Verify.Issuer, r.Verify.Audience
}

// openRing opens the store of a ring and makes its watcher; neither runs yet.
func openRing(all Config, c RingConfig, cloud *cloud, instance string, s *spine, log *zap.Logger, reg prometheus.Registerer) (*ring, error) {
	memory := filepath.Join(all.DataDir, "memory")
	if err := os.MkdirAll(memory, 0o700); err != nil {
		return nil, fmt.Errorf("dataDir: %w; give one that this user may write", err)
	}
	store, err := openStore(c, memory, cloud, log, reg)
	if err != nil {
		return nil, err
	}
	r := &ring{config: c, store: store}
	w := watcher.Config{
		Ring: c.Name, Store: c.Store, Instance: instance,
		Source: store, Hints: store, Log: s.log, Rows: s.rows,
		Promoter: rollout.Finisher{Store: store}, // asks each time whether the store may be written: that changes
		Poll:     c.Poll, Eventual: c.Store == storeAWS, Policy: c.policy(),
		Connections: func(ctx context.Context) int {
			rows, err := s.rows.Census(ctx, c.Name)
			if err != nil {
				return 0 // an unknown number spreads nothing; the watcher's own alarms tell of NATS
			}
			return admin.Total(rows).Connections
		},
		Memory: filepath.Join(memory, c.Name+".state"), Logger: log, Registerer: reg,
	}
	if r.watcher, err = watcher.New(w); err != nil {
		return nil, fmt.Errorf("ring %s: %w", c.Name, err)
	}
	r.outlives = newOutlives(r.watcher, log.With(zap.String("ring", c.Name)))
	if _, leaves := store.(rollout.Tidier); leaves {
		if r.keeper, err = rollout.NewKeeper(rollout.KeeperConfig{Deps: r.deps(all, s.rows), Logger: log, Registerer: reg}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// deps is what a turn of the ring's key works with.
func (r *ring) deps(all Config, rows *natsfeed.Rows) rollout.Deps {
	name := r.config.Name
	return rollout.Deps{
		Ring: name, Store: r.store, Watcher: r.watcher,
		Verifiers: func(ctx context.Context) ([]rotation.VerifierRow, error) { return rows.Verifiers(ctx, name) },
		SignAfter: r.config.SignAfter,
		External:  name != all.Auth.Ring, // without an auth section nobody here reports what signs
	}
}

// alarms returns what a person should see to, each part's own.
func (r *ring) alarms() []rotation.Alarm {
	all := slices.Concat(r.watcher.Status().Alarms, r.store.Alarms(), r.outlives.alarms())
	if r.keeper != nil {
		all = append(all, r.keeper.Alarms()...)
	}
	if r.queue != nil {
		all = append(all, r.queue.Alarms()...)
	}
	return all
}

// openKeys makes the ring's keyring; it blocks until there is a usable key or ctx ends.
func (r *ring) openKeys(ctx context.Context, c Config, instance string, s *spine, log *zap.Logger, reg prometheus.Registerer) error {
	issuer, audience := c.claimsOf(r.config)
	keys, err := natskeys.New(ctx, natskeys.Config{
		Ring: r.config.Name, Instance: instance, Conn: s.conn, Store: r.store, Rows: s.rows,
		Keyring:   auth.Config{Issuer: issuer, Audience: audience, RequireKID: r.config.RequireKID, Skew: ringSkew},
		SignAfter: r.config.SignAfter, Poll: r.config.Poll,
		Signs:    r.config.Name == c.Auth.Ring,
		Outlives: r.outlives.saw, TokenLifetime: r.config.TokenLifetime,
		Logger: log, Registerer: reg,
	})
	if err != nil {
		return fmt.Errorf("ring %s: %w", r.config.Name, err)
	}
	r.keys.Store(keys)
	return nil
}
