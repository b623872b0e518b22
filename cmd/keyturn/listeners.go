package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
)

// listen takes an address at once, so that a taken port is the first thing
// said and not found out after a store was opened. flag is what changes it.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another process; stop it, or choose another address with %s", address, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s needs a privilege this process lacks; choose a port above 1023 with %s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is no address of this host; choose one with %s", address, flag)
	}
	return nil, fmt.Errorf("listen on %s (%s): %w", address, flag, err)
}

// gate answers 503 until the real handler is there, so that a process that
// still waits for its stores is seen to be starting, not dead.
type gate struct{ next atomic.Pointer[http.Handler] }

func (g *gate) open(h http.Handler) { g.next.Store(&h) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := g.next.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	auth.WriteProblem(w, &auth.Error{
		Status: http.StatusServiceUnavailable, Code: "starting",
		Description: "keyturn is starting; try again in a moment", RetryAfter: time.Second,
	})
}

// door is one HTTP listener.
type door struct {
	listener net.Listener
	server   *http.Server
	tls      bool
}

// newDoor makes a server with the bounds that strangers need. Streams lift the
// write timeout for themselves.
func newDoor(l net.Listener, h http.Handler, log *zap.Logger, cert *certificate) *door {
	d := &door{listener: l, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second, // a client that sends its header byte by byte
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // a client that does not read
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// A peer that takes no byte at all would hold its HTTP/2 handlers past their own
		// deadlines: the end of a stream has to be written, too.
		HTTP2: &http.HTTP2Config{WriteByteTimeout: 10 * time.Second},
		// net/http tells of each broken handshake, at what becomes info: strangers'
		// noise, which the level drops.
		ErrorLog: zap.NewStdLog(log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}}
	if cert != nil {
		d.tls = true
		d.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}
	}
	return d
}

// run serves until the door is closed.
func (d *door) run(context.Context) error {
	var err error
	if d.tls {
		err = d.server.ServeTLS(d.listener, "", "")
	} else {
		err = d.server.Serve(d.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", d.listener.Addr(), err)
}

// close ends open requests within ctx and cuts the rest off.
func (d *door) close(ctx context.Context) error {
	if err := d.server.Shutdown(ctx); err != nil {
		return d.server.Close()
	}
	return nil
}

// certificate serves a key pair from files and reads them again when they
// change, so that a renewed certificate needs no restart.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	pair    *tls.Certificate
	changed [2]time.Time // of both files, when they were read
	looked  time.Time
}

// loadCertificate reads the pair, or says what is wrong with it.
func loadCertificate(c ServerTLS) (*certificate, error) {
	k := &certificate{cert: c.Cert, key: c.Key}
	if err := k.loadLocked(); err != nil {
		return nil, fmt.Errorf("broadcast.tls: %w", err)
	}
	return k, nil
}

func (k *certificate) loadLocked() error {
	var changed [2]time.Time
	for i, file := range []string{k.cert, k.key} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	k.looked = time.Now()
	if k.pair != nil && changed == k.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return err
	}
	k.pair, k.changed = &pair, changed
	return nil
}

// get implements tls.Config.GetCertificate. A pair that can't be read leaves
// the last good one in place.
func (k *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) > 10*time.Second {
		k.looked = time.Now()
		_ = k.loadLocked() // the last good pair stays; a renewal in progress is read in ten seconds
	}
	return k.pair, nil
}
