// Package natstest starts a real NATS server with JetStream for the tests of
// any package.
//
// Promise: the server keeps its address and its data across Stop and Start, so
// that connections made before find it again; all is stopped and removed when
// the test ends. Goroutines belong to the test.
package natstest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/natslog/embedded"
)

// Server is a server of one test. Its methods may be called from any goroutine
// but for those that take a *testing.T, which fail that test on an error.
type Server struct {
	dir string

	mu      sync.Mutex
	current *embedded.Server // nil while stopped
}

// Start starts a server, reachable through [Server.Conn] only, with its data in
// a directory of the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartIn(t, t.TempDir())
}

// StartIn is Start with the data directory of an earlier server, or a copy of one.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	s := &Server{dir: dir}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	s.keepAStream(t)
	return s
}

// keepAStream makes a stream that no test touches. A server that loses its last
// one removes the folder of streams in the background, and a stream made in
// that moment fails with "error creating store for stream" (nats-server 2.15.2);
// a keyturn in use never has a single stream.
func (s *Server) keepAStream(t testing.TB) {
	t.Helper()
	js, err := jetstream.New(s.Conn(t))
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "BYSTANDER", Subjects: []string{"natstest.bystander"}}); err != nil {
		t.Fatalf("natstest: make a stream that stays: %v", err)
	}
}

// Dir returns the data directory. Copy or change it only while the server is stopped.
func (s *Server) Dir() string { return s.dir }

// Conn returns a connection as keyturn itself makes it, except that it comes
// back within 20 ms of the server's return. It is closed when the test ends.
func (s *Server) Conn(t testing.TB) *nats.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	nc, err := natslog.Connect(ctx, natslog.ConnectConfig{
		InProcess: s, Name: t.Name(), ReconnectWait: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Start starts a stopped server on the same data.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return
	}
	ns, err := embedded.Start(embedded.Config{Dir: s.dir})
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	s.current = ns
}

// StartFor starts a stopped server, lets do work on a connection of its own, and
// only then lets connections made earlier back in.
func (s *Server) StartFor(t testing.TB, do func(nc *nats.Conn)) {
	t.Helper()
	ns, err := embedded.Start(embedded.Config{Dir: s.dir})
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	nc, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	do(nc)
	nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = ns
}

// Stop stops the server; connections stay and try to come back.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.current.Shutdown(ctx); err != nil {
		t.Errorf("natstest: %v", err)
	}
	s.current = nil
}

// Restart is Stop and Start.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

// InProcessConn makes Server a nats.InProcessConnProvider that follows restarts.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, errors.New("natstest: the server is stopped")
	}
	return s.current.InProcessConn()
}
