package natskeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ring = "payments"

// script is a store that shows what a test says.
type script struct {
	mu     sync.Mutex
	labels rotation.Snapshot
	lookAt error
	values map[string]auth.Key // version → material
	hangs  map[string]bool     // versions whose value never comes
	reads  map[string]int      // version → readings
	looks  int
}

func newScript(keys ...rotation.Key) *script {
	s := &script{values: map[string]auth.Key{}, hangs: map[string]bool{}, reads: map[string]int{}}
	s.labels = rotation.Snapshot{Ring: ring, Seen: "1"}
	for _, k := range keys {
		s.labels.Keys = append(s.labels.Keys, seen(k))
		s.put(k)
	}
	return s
}

func seen(k rotation.Key) rotation.Seen {
	return rotation.Seen{Version: k.Version, KID: k.KID, Stage: k.Stage, Algorithm: k.Algorithm, Print: rotation.Print(k.Version)}
}

// put makes a value readable.
func (s *script) put(k rotation.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[k.Version] = material(k)
}

func (s *script) change(f func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *script) Look(_ context.Context, _ rotation.State) (rotation.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	l := s.labels
	l.Keys = slices.Clone(l.Keys)
	return l, s.lookAt
}

var errNoValue = errors.New("value is not there")

func (s *script) Value(ctx context.Context, _ rotation.State, k rotation.Key) (auth.Key, error) {
	s.mu.Lock()
	s.reads[k.Version]++
	hangs := s.hangs[k.Version]
	v, ok := s.values[k.Version]
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return auth.Key{}, ctx.Err()
	}
	if !ok {
		return auth.Key{}, errNoValue
	}
	return v, nil
}

func (s *script) readings(version string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads[version]
}

// wire is a feed that brings what a test says.
type wire struct {
	apply func(rotation.State)
	live  func(string, bool)
	push  chan rotation.State
	ends  chan error

	mu   sync.Mutex
	head rotation.State
	err  error
}

func (w *wire) Run(ctx context.Context) error {
	w.live(ring, true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.ends:
			return err
		case s := <-w.push:
			w.apply(s)
		}
	}
}

func (w *wire) Refresh(context.Context, string) (rotation.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head, w.err
}

func (w *wire) set(head rotation.State, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.head, w.err = head, err
}

// board takes rows.
type board struct {
	mu      sync.Mutex
	puts    []rotation.VerifierRow
	dropped int
	err     error
}

func (b *board) PutVerifier(_ context.Context, row rotation.VerifierRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.puts = append(b.puts, row)
	return nil
}

func (b *board) DropVerifier(context.Context, string, string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped++
	return nil
}

func (b *board) rows() []rotation.VerifierRow {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.puts)
}

// material is the same for the same version all through a run.
func material(k rotation.Key) auth.Key {
	key, err := auth.NewHMAC(k.KID, auth.HS256, fmt.Appendf(nil, "0f8d1c-%s-b7e2-91ac43d05e6f7788", k.Version))
	if err != nil {
		panic(err)
	}
	return key
}

func key(name string, stage rotation.Stage) rotation.Key {
	return rotation.Key{Name: name, KID: "kid-" + name, Version: name, Stage: stage, Algorithm: auth.HS256}
}

func state(rev int64, keys ...rotation.Key) rotation.State {
	return rotation.State{Ring: ring, Rev: rev, Urgency: rotation.Planned, Seen: "1", Keys: keys}
}

// rig is a source under test, with what it is wired to.
type rig struct {
	t      *testing.T
	source *Source
	store  *script
	wire   *wire
	board  *board
	stop   func()
}

func config(store Store) Config {
	return Config{Ring: ring, Instance: "one", Store: store, SignAfter: 5 * time.Second, Poll: time.Minute, TokenLifetime: 15 * time.Minute, Signs: true}
}

// prepare makes a source without waiting for it to be usable in vain.
func prepare(ctx context.Context, t *testing.T, c Config, w *wire, b *board) (*Source, error) {
	t.Helper()
	if b != nil {
		c.Rows = b
	}
	c, err := withConn(c).normal()
	if err != nil {
		t.Fatal(err)
	}
	return start(ctx, c, func(apply func(rotation.State), live func(string, bool)) feed {
		w.apply, w.live = apply, live
		return w
	}, func(string, chan *nats.Msg) (*nats.Subscription, error) { return nil, nil }) // nobody asks
}

// run starts a usable source inside a bubble.
func run(t *testing.T, c Config, store *script, head rotation.State) *rig {
	t.Helper()
	r := &rig{t: t, store: store, board: &board{}, wire: &wire{push: make(chan rotation.State), ends: make(chan error), head: head}}
	c.Store = store
	var err error
	if r.source, err = prepare(t.Context(), t, c, r.wire, r.board); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.source.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got error %v from Run, want none", err)
		}
	})
	t.Cleanup(r.stop)
	synctest.Wait()
	return r
}

// push brings a state, and waits until it has taken effect.
func (r *rig) push(s rotation.State) {
	r.t.Helper()
	r.wire.set(s, nil)
	r.wire.push <- s
	synctest.Wait()
}

func (r *rig) verify(k rotation.Key) string {
	r.t.Helper()
	return r.verifyToken(token(r.t, k, time.Hour))
}

func (r *rig) verifyToken(raw string) string {
	r.t.Helper()
	_, err := r.source.Keyring().Verify(r.t.Context(), raw)
	var e *auth.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	r.t.Fatalf("got error %v, want *auth.Error", err)
	return ""
}

func (r *rig) signs() string { return r.source.Keyring().Signer() }

// token is signed by the key's material, with an iat of now.
func token(t *testing.T, k rotation.Key, life time.Duration) string {
	t.Helper()
	signer := auth.NewKeyring(auth.Config{})
	if err := signer.Install(auth.Set{Held: []auth.Held{{Name: k.Name, Key: material(k), Stage: auth.Current}}}); err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(map[string]any{"sub": "alice", "iat": time.Now().Unix(), "exp": time.Now().Add(life).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Token
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// gathered returns all samples: name and labels → value.
func gathered(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}
