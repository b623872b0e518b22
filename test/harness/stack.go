package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/broadcaster"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/filestore"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Ring is the ring of every stack.
const Ring = "payments"

// Options of a stack; zero values are the defaults in brackets.
type Options struct {
	NATS          *natstest.Server // a new one
	File          *KeyFile         // one HS256 key "first"
	PerSecond     float64          // 1000
	TokenLifetime time.Duration    // 10 min: browsers renew no token for its age
	SignAfter     time.Duration    // 0
	Poll          time.Duration    // 1 s
	Beacon        time.Duration    // 1 s
	Logger        *zap.Logger      // none
	Registry      *prometheus.Registry
}

// Stack is keyturn in one process: what `keyturn serve` wires, with sign-in by
// name and an API that the ring's tokens protect.
type Stack struct {
	URL     string
	File    *KeyFile
	NATS    *natstest.Server
	Conn    *nats.Conn
	Store   *filestore.Store
	Watcher *watcher.Watcher
	Keys    *natskeys.Source
	Hub     *broadcaster.Hub
	Rows    *natsfeed.Rows
	Log     *natslog.Log
	Events  *Events // every state that was appended, in order

	signAfter time.Duration
}

// Start starts a stack that is usable when it returns.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	o.fill(t)
	conn := o.NATS.Conn(t) // closed after all that runs on it has ended
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	run := func(what string, f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("%s ended: %v", what, err)
			}
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{URL: "http://" + listener.Addr().String(), File: o.File, NATS: o.NATS, Conn: conn, signAfter: o.SignAfter}
	ready, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	s.Log, err = natslog.Open(ready, s.Conn, natslog.Config{Logger: o.Logger})
	must(err)
	s.Rows, err = natsfeed.OpenRows(ready, s.Conn, 1)
	must(err)
	s.Events = Record(t, o.NATS.Conn(t))
	s.Store, err = filestore.Open(o.File.Path, filestore.Config{Ring: Ring, Logger: o.Logger})
	must(err)
	run("file store", s.Store.Run)

	policy := rotation.Policy{
		TokenLifetime: o.TokenLifetime, SignerLag: 2 * o.Poll, PerSecond: o.PerSecond,
		// A browser that asked before the keyring had the new key would get a
		// token under the old one, and not ask again.
		AfterMs: (o.SignAfter + time.Second).Milliseconds(),
	}
	s.Hub = newHub(t, s, o)
	s.Watcher, err = watcher.New(watcher.Config{
		Ring: Ring, Store: "file", Instance: "one", Source: s.Store, Hints: s.Store, Log: s.Log,
		Promoter: rollout.Finisher{Store: s.Store}, Rows: s.Rows, Poll: o.Poll, Policy: policy,
		Connections: func(context.Context) int { return s.Hub.Connections(Ring) },
		Memory:      t.TempDir() + "/newest.json",
		Logger:      o.Logger, Registerer: o.Registry,
	})
	must(err)
	run("watcher", s.Watcher.Run)

	s.Keys, err = natskeys.New(ready, natskeys.Config{
		Ring: Ring, Instance: "one", Conn: s.Conn, Store: s.Store, Rows: s.Rows,
		Keyring:   auth.Config{Issuer: "https://issuer.test", Audience: "test", Skew: 5 * time.Second},
		SignAfter: o.SignAfter, Poll: o.Poll, Signs: true, TokenLifetime: o.TokenLifetime,
		Logger: o.Logger, Registerer: o.Registry,
	})
	must(err)
	run("keys", s.Keys.Run)
	run("hub", s.Hub.Run)
	feed := natsfeed.New(s.Conn, natsfeed.Config{
		Rings: []string{Ring}, Apply: s.Hub.Apply, Live: s.Hub.SetLive, Every: time.Second, Logger: o.Logger,
	})
	run("feed", feed.Run)
	s.serve(t, ready, run, listener, o)
	return s
}

func (o *Options) fill(t testing.TB) {
	if o.NATS == nil {
		o.NATS = natstest.Start(t)
	}
	if o.File == nil {
		o.File = NewKeyFile(t, HS256("first", "current"))
	}
	if o.PerSecond == 0 {
		o.PerSecond = 1000
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = 10 * time.Minute
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Beacon == 0 {
		o.Beacon = time.Second
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
}

// lateVerifier reaches the keyring that is made after the hub.
type lateVerifier struct{ stack *Stack }

func (v lateVerifier) VerifyStale(ctx context.Context, token string, grace time.Duration) (*auth.Token, error) {
	return v.stack.Keys.Keyring().VerifyStale(ctx, token, grace)
}

func newHub(t testing.TB, s *Stack, o Options) *broadcaster.Hub {
	t.Helper()
	hub, err := broadcaster.New(broadcaster.Config{
		Rings: []broadcaster.Ring{{Name: Ring, Verify: lateVerifier{s}}}, Origins: []string{s.URL},
		Limits: broadcaster.Limits{ExemptLoopback: true}, Beacon: o.Beacon, Instance: "one",
		Logger: o.Logger, Registerer: o.Registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

// serve opens the public listener.
func (s *Stack) serve(t testing.TB, ready context.Context, run func(string, func(context.Context) error), listener net.Listener, o Options) {
	t.Helper()
	people, err := signin.New(ready, signin.Config{
		Conn: s.Conn, Keyring: s.Keys.Keyring(), Claims: signin.FileClaims(t.TempDir() + "/none.json"),
		Issuer: "https://issuer.test", Audience: "test", TokenLifetime: o.TokenLifetime,
		Origins: []string{s.URL}, PerSecond: o.PerSecond, Insecure: true, DevLogin: true,
		Logger: o.Logger, Registerer: o.Registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/stream", s.Hub.StreamHandler())
	mux.Handle("GET /v1/state", s.Hub.StateHandler())
	people.Register(mux)
	protect := auth.Middleware(s.Keys.Keyring(), auth.Options{})
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := auth.TokenFrom(r.Context())
		fmt.Fprintf(w, `{"key":%q}`, token.Key)
	})
	mux.Handle("GET /api/hello", protect(hello))
	mux.Handle("GET /api/admin", protect(auth.RequireRole("admin")(hello)))

	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	run("http", func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(listener); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
}

// Rollout is what a rotation on purpose works with.
func (s *Stack) Rollout() rollout.Deps {
	return rollout.Deps{
		Ring: Ring, Store: s.Store, Watcher: s.Watcher, SignAfter: s.signAfter,
		Verifiers: func(ctx context.Context) ([]rotation.VerifierRow, error) { return s.Rows.Verifiers(ctx, Ring) },
	}
}

// Events records what is republished from the log.
type Events struct {
	mu     sync.Mutex
	states []rotation.State
	bytes  [][]byte
}

// Record subscribes to the states of all rings.
func Record(t testing.TB, nc *nats.Conn) *Events {
	t.Helper()
	e := &Events{}
	_, err := nc.Subscribe(rotation.StatePrefix+">", func(m *nats.Msg) {
		ev, err := rotation.DecodeEvent(m.Data)
		if err != nil {
			t.Errorf("an event on %s can't be decoded: %v", m.Subject, err)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.states = append(e.states, ev.Data)
		e.bytes = append(e.bytes, m.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return e
}

// All returns the states so far.
func (e *Events) All() []rotation.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]rotation.State(nil), e.states...)
}

// Bytes returns the events so far as they crossed NATS.
func (e *Events) Bytes() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([][]byte(nil), e.bytes...)
}

// Until polls until the condition holds; three minutes in vain end the test.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	UntilWithin(t, 3*time.Minute, what, holds)
}

// UntilWithin is Until with a deadline of its own, which only bounds a broken run.
func UntilWithin(t testing.TB, deadline time.Duration, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(deadline)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain until %s", deadline, what)
		}
		wait(t.Context(), 10*time.Millisecond)
	}
}
