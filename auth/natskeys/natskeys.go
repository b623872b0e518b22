package natskeys

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Store is the store of a ring's keys: what is there, and their values.
type Store interface {
	Look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error)
	Value(ctx context.Context, s rotation.State, k rotation.Key) (auth.Key, error)
}

// Rows takes the report of this verifier.
type Rows interface {
	PutVerifier(ctx context.Context, row rotation.VerifierRow) error
	DropVerifier(ctx context.Context, ring, instance string) error
}

// Config of a [Source].
type Config struct {
	Ring      string
	Instance  string
	Conn      *nats.Conn
	Store     Store
	Rows      Rows
	Keyring   auth.Config
	SignAfter time.Duration
	Poll      time.Duration
	Signs     bool // report the key that this instance signs with
	// Outlives is called when a verified token's exp is later than TokenLifetime after its iat.
	Outlives      func(key string, exp time.Time)
	TokenLifetime time.Duration
	Logger        *zap.Logger
	Registerer    prometheus.Registerer
}

// Source keeps a keyring fed.
type Source struct{ ring *auth.Keyring }

// New returns a source that is usable.
func New(ctx context.Context, c Config) (*Source, error) { return nil, nil }

// Run keeps the keyring fed until ctx ends.
func (s *Source) Run(ctx context.Context) error { return nil }

// Keyring returns the keyring.
func (s *Source) Keyring() *auth.Keyring { return s.ring }

// State returns the newest state.
func (s *Source) State() rotation.State { return rotation.State{} }
