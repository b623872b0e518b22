package watcher

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Config says what one watcher serves. Ring, Store, Instance, Source and Log are needed.
type Config struct {
	Ring     string // alias of the ring
	Store    string // kind of the store, e.g. "file"; part of the events' source
	Instance string // names this process among the watchers of the ring

	Source   Source
	Hints    Hints    // nil: poll only
	Log      Log      //
	Promoter Promoter // nil: this watcher can't write the store
	Rows     Rows     // nil: no rows

	Poll        time.Duration                 // between looks, ± 20 %; zero: 60 s
	Policy      rotation.Policy               // Connections and Confirmed are filled in by the watcher
	Connections func(ctx context.Context) int // live connections of the ring; nil: 0
	Memory      string                        // file that remembers the newest state; "": memory only

	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Watcher serves one ring. Its methods are safe for concurrent use.
type Watcher struct{ c Config }

// Status is what a watcher knows about its ring and about itself.
type Status struct {
	Ring     string           `json:"ring"`
	Store    string           `json:"store"`
	Instance string           `json:"instance"`
	Head     rotation.State   `json:"head"`               // newest state known; the zero state: none
	LookedAt time.Time        `json:"lookedAt,omitzero"`  // last successful look
	Error    string           `json:"error,omitempty"`    // why the last look or the last read of the log failed
	Alarms   []rotation.Alarm `json:"alarms"`             // what a person should see to
	Degraded bool             `json:"degraded,omitempty"` // an error or an alarm stands
}

// New returns a watcher, or says what is wrong with c. It does no I/O but reading c.Memory.
func New(c Config) (*Watcher, error) { return &Watcher{c: c}, nil }

// Run watches until ctx ends and then returns nil. It is called once.
func (w *Watcher) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Look looks at the store now and returns the log's head after it. by is one of
// the rotation.By words; confirmed is the name of a key that the caller itself
// made current again, or "".
func (w *Watcher) Look(ctx context.Context, by, confirmed string) (rotation.State, error) {
	return rotation.State{}, nil
}

// Revoke writes down that key goes the moment current leaves it, and returns
// the log's head after it.
func (w *Watcher) Revoke(ctx context.Context, key string) (rotation.State, error) {
	return rotation.State{}, nil
}

// Extend lets a retiring key verify up to until, and returns the log's head after it.
func (w *Watcher) Extend(ctx context.Context, key string, until time.Time) (rotation.State, error) {
	return rotation.State{}, nil
}

// Status returns what the watcher knows now.
func (w *Watcher) Status() Status { return Status{} }
