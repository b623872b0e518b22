package natsfeed_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	ring = "payments"
	rev  = 1_795_304_374_000
)

// heard is what a feed told.
type heard struct {
	mu     sync.Mutex
	states []rotation.State
	lives  []bool
	inside int
	wake   chan struct{} // capacity 1
}

func (h *heard) apply(s rotation.State) {
	h.mu.Lock()
	h.inside++
	overlap := h.inside > 1
	h.mu.Unlock()
	if overlap {
		panic("two calls of Apply at a time")
	}
	h.mu.Lock()
	h.inside--
	h.states = append(h.states, s)
	h.mu.Unlock()
	h.nudge()
}

func (h *heard) live(_ string, live bool) {
	h.mu.Lock()
	h.lives = append(h.lives, live)
	h.mu.Unlock()
	h.nudge()
}

func (h *heard) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *heard) last() (rev int64, live bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.states); n > 0 {
		rev = h.states[n-1].Rev
	}
	return rev, len(h.lives) > 0 && h.lives[len(h.lives)-1]
}

// until waits for cond, which is asked after each thing heard.
func (h *heard) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !cond() {
		select {
		case <-h.wake:
		case <-deadline.C:
			rev, live := h.last()
			t.Fatalf("never: %s; last heard rev %d, live %t", what, rev, live)
		}
	}
}

func (h *heard) untilRev(t *testing.T, want int64) {
	t.Helper()
	h.until(t, "state", func() bool { got, _ := h.last(); return got == want })
}

func (h *heard) untilLive(t *testing.T, want bool) {
	t.Helper()
	h.until(t, "live", func() bool {
		h.mu.Lock()
		told := len(h.lives) > 0
		h.mu.Unlock()
		_, got := h.last()
		return told && got == want
	})
}

// feed runs a feed until the test ends.
func feed(t *testing.T, nc *nats.Conn, every time.Duration) (*natsfeed.Feed, *heard) {
	t.Helper()
	h := &heard{wake: make(chan struct{}, 1)}
	f := natsfeed.New(nc, natsfeed.Config{Rings: []string{ring}, Apply: h.apply, Live: h.live, Every: every})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return f, h
}

func synced(t *testing.T, f *natsfeed.Feed) {
	t.Helper()
	select {
	case <-f.Synced():
	case <-time.After(20 * time.Second):
		t.Fatal("never synced")
	}
}

func js(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// stream makes the stream as the watchers do, as far as a feed can see it.
func stream(t *testing.T, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	s, err := js(t, nc).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: rotation.Stream, Subjects: []string{rotation.LogPrefix + "*"},
		RePublish: &jetstream.RePublish{Source: rotation.LogPrefix + "*", Destination: rotation.StatePrefix + "{{wildcard(1)}}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func event(t *testing.T, ring string, rev int64) []byte {
	t.Helper()
	at := time.UnixMilli(rev).UTC()
	data, err := json.Marshal(rotation.NewEvent(rotation.State{
		Ring: ring, Rev: rev, Urgency: rotation.Planned,
		Keys:  []rotation.Key{{Name: "a", KID: "a", Version: "a", Stage: rotation.Current, Algorithm: "HS256", Since: at}},
		Cause: rotation.Cause{By: rotation.ByPoll, Change: "promoted"},
	}, "file", "promoted", at))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func appendRev(t *testing.T, nc *nats.Conn, rev int64) {
	t.Helper()
	if _, err := js(t, nc).Publish(t.Context(), rotation.LogSubject(ring), event(t, ring, rev)); err != nil {
		t.Fatal(err)
	}
}

func row(instance string) rotation.WatcherRow {
	now := time.Now().UTC()
	return rotation.WatcherRow{Ring: ring, Instance: instance, At: now, Store: "file", LookedAt: now, Poll: time.Minute}
}
