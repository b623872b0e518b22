package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// The connection's pace. A dead server is noticed after two missed pings; the
// wait between attempts carries jitter, lest a fleet returns in one instant.
const (
	pingInterval    = 20 * time.Second
	reconnectWait   = 2 * time.Second
	reconnectJitter = time.Second
)

// ConnectConfig says which NATS to connect to. Exactly one of URL and InProcess is set.
type ConnectConfig struct {
	URL       string                     // nats://host:port, several separated by commas
	InProcess nats.InProcessConnProvider // a server inside this process, e.g. *embedded.Server

	Name        string // shown in the server's list of connections, e.g. "keyturn watch host-7"
	Credentials string // path of a .creds file, read again at each attempt; "": none
	TLS         TLS

	ReconnectWait time.Duration // zero: 2 s, plus up to 1 s of jitter; at most; tests shorten it
	Logger        *zap.Logger   // nil: none
	Registerer    prometheus.Registerer
}

// TLS names PEM files. The zero value leaves TLS to the URL's scheme.
type TLS struct {
	CA   string // authorities that may sign the server's certificate; "": the system's
	Cert string // certificate of this client; needs Key
	Key  string
}

// Connect returns a connection that never gives up. If the server can't be
// reached, or refuses the credentials, the connection is returned nevertheless
// and keeps trying: a daemon must survive a NATS that starts later, and
// credentials that are mended while it runs. Errors mean that the
// configuration can't work. While it is disconnected, publishing fails at once
// with [nats.ErrReconnectBufExceeded].
//
// ctx bounds the first attempt only. The caller closes the connection.
func Connect(ctx context.Context, c ConnectConfig) (*nats.Conn, error) {
	if (c.URL == "") == (c.InProcess == nil) {
		return nil, errors.New("connect to nats: want either a url or an in-process server")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return nil, errors.New("connect to nats: tls needs both cert and key, or none of them")
	}
	w, err := newWitness(c.Logger, c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: register metrics: %w", err)
	}
	type result struct {
		nc  *nats.Conn
		err error
	}
	first := make(chan result, 1) // one answer, even if nobody waits for it any more
	go func() {
		nc, err := nats.Connect(c.URL, append(c.options(), w.options()...)...)
		first <- result{nc, err}
	}()
	select {
	case r := <-first:
		if r.err != nil {
			return nil, fmt.Errorf("connect to nats: %w", r.err)
		}
		return r.nc, nil
	case <-ctx.Done():
		go func() {
			if r := <-first; r.nc != nil {
				r.nc.Close()
			}
		}()
		return nil, fmt.Errorf("connect to nats: %w", context.Cause(ctx))
	}
}

func (c ConnectConfig) options() []nats.Option {
	wait, jitter := reconnectWait, reconnectJitter
	if c.ReconnectWait > 0 {
		wait, jitter = c.ReconnectWait, c.ReconnectWait/2
	}
	opts := []nats.Option{
		nats.Name(c.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(wait),
		nats.ReconnectJitter(jitter, jitter),
		nats.PingInterval(pingInterval),
		nats.ReconnectBufSize(-1),
	}
	if c.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.InProcess))
	}
	if c.Credentials != "" {
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	if c.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(c.TLS.CA))
	}
	if c.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(c.TLS.Cert, c.TLS.Key))
	}
	return opts
}
