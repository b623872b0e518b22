package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// readyWithin bounds the start: recovering a store of a few thousand messages
// takes milliseconds, so a server that needs longer is not coming.
const readyWithin = 15 * time.Second

// askEvery is how long one question for readiness lasts, so that a fatal error
// is noticed soon.
const askEvery = 50 * time.Millisecond

// memoryLimit bounds JetStream's memory storage, which holds rows of a few
// hundred bytes only: 64 MiB.
const memoryLimit = 64 << 20

// Config says where and how the server runs.
type Config struct {
	// Dir is keyturn's data directory; the server keeps everything in Dir/nats.
	// It is created (0700) if it is missing.
	Dir string
	// Listen is a TCP address, e.g. "127.0.0.1:4222" or "127.0.0.1:0". Empty:
	// the server is reachable from inside this process only.
	Listen string
	// Logger gets the server's warnings and errors; nil: none.
	Logger *zap.Logger
}

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	nats   *server.Server
	unlock func() error
	ended  chan struct{} // closed when the server's start function has returned
}

// Start starts a server and returns once it takes connections and JetStream is
// ready. It fails, and leaves nothing behind, if another process uses Dir, if
// Dir can't be written, or if Listen is taken.
func Start(c Config) (*Server, error) {
	if c.Dir == "" {
		return nil, errors.New("embedded nats server: no data directory; set dataDir")
	}
	opts, err := options(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded nats server: create store directory: %w", err)
	}
	unlock, err := lock(filepath.Join(opts.StoreDir, "lock"))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("embedded nats server: %s is in use by another process; stop it, or give this one another data directory", c.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: lock store directory: %w", err)
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded nats server: %w", err), unlock())
	}
	log := &bridge{log: c.Logger, fatal: make(chan string, 1)}
	if log.log == nil {
		log.log = zap.NewNop()
	}
	ns.SetLoggerV2(log, false, false, false)
	s := &Server{nats: ns, unlock: unlock, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		ns.Start()
	}()
	if err := s.ready(log.fatal); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded nats server: %w", err), s.Shutdown(context.Background()))
	}
	return s, nil
}

func options(c Config) (*server.Options, error) {
	opts := &server.Options{
		ServerName:             "keyturn",
		JetStream:              true,
		StoreDir:               filepath.Join(c.Dir, "nats"),
		SyncAlways:             true,
		JetStreamMaxMemory:     memoryLimit,
		NoSigs:                 true,
		DontListen:             c.Listen == "",
		DisableJetStreamBanner: true,
	}
	if c.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: listen address %q: %w; want host:port", c.Listen, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: listen address %q: the port is not a number of 0 to 65535", c.Listen)
	}
	opts.Host, opts.Port = host, int(n)
	if n == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// ready waits until the server takes connections, or says why it does not.
func (s *Server) ready(fatal <-chan string) error {
	for end := time.Now().Add(readyWithin); ; {
		up := s.nats.ReadyForConnections(askEvery)
		select {
		case why := <-fatal:
			return errors.New(why)
		default:
		}
		if up {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("not ready after %s", readyWithin)
		}
	}
	if !s.nats.JetStreamEnabled() {
		return errors.New("jetstream did not start")
	}
	return nil
}

// InProcessConn opens a connection that does not leave the process.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// URL returns nats://host:port, or "" for a server that does not listen.
func (s *Server) URL() string {
	a, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok || a == nil {
		return ""
	}
	return "nats://" + a.String()
}

// Shutdown stops the server and gives the data directory free. It returns when
// all is stopped or ctx ends, whichever is first. Later calls do nothing.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan error, 1) // one answer, even if nobody waits for it any more
	go func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		<-s.ended
		done <- s.unlock()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("embedded nats server: shut down: %w", context.Cause(ctx))
	}
}
