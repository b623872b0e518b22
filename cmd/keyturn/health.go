package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// health answers whether this process lives and is ready.
//
// Ready turns true once everything the process serves has its first state and
// keys, and false again only when it stops: a NATS or store that is away
// later leaves what was known in force. Live turns false only when the parts
// themselves do not answer any more, so that a restart helps.
type health struct {
	mu      sync.Mutex
	waiting map[string]bool // what ready still waits for
	stopped bool
	beat    time.Time     // when all parts last answered
	ready   chan struct{} // closed when ready for the first time
}

// stuckAfter is how long the parts may take to answer before a restart is due.
// They answer in microseconds.
const stuckAfter = time.Minute

func newHealth(waitFor ...string) *health {
	h := &health{waiting: map[string]bool{}, beat: time.Now(), ready: make(chan struct{})}
	for _, what := range waitFor {
		h.waiting[what] = true
	}
	return h
}

// have says that one of the things waited for is there.
func (h *health) have(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.waiting[what] {
		return
	}
	delete(h.waiting, what)
	if len(h.waiting) == 0 {
		close(h.ready)
	}
}

// stop makes ready false for good, so that balancers look elsewhere.
func (h *health) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
}

// missing returns what ready waits for; empty: ready.
func (h *health) missing() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return []string{"nothing: it is stopping"}
	}
	out := make([]string, 0, len(h.waiting))
	for what := range h.waiting {
		out = append(out, what)
	}
	slices.Sort(out)
	return out
}

// alive reports whether the parts answered lately.
func (h *health) alive() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.beat) < stuckAfter
}

// pulse asks all parts for a sign of life every few seconds until ctx ends.
// ask must take each part's locks; where one never comes back, so does pulse,
// and the beat grows old.
func (h *health) pulse(ctx context.Context, ask func()) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		ask()
		h.mu.Lock()
		h.beat = time.Now()
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// register adds /livez and /readyz.
func (h *health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if !h.alive() {
			writeHealth(w, http.StatusServiceUnavailable, map[string]any{"live": false, "why": "a part of the process does not answer any more; restart it"})
			return
		}
		writeHealth(w, http.StatusOK, map[string]any{"live": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if missing := h.missing(); len(missing) > 0 {
			writeHealth(w, http.StatusServiceUnavailable, map[string]any{"ready": false, "waitsFor": missing})
			return
		}
		writeHealth(w, http.StatusOK, map[string]any{"ready": true})
	})
}

func writeHealth(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error here is a caller that hung up
}
