package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/natslog/embedded"
)

// spine is the connection to NATS and what lives there.
type spine struct {
	server   *embedded.Server // nil: an external one
	conn     *nats.Conn
	log      *natslog.Log
	rows     *natsfeed.Rows
	replicas int
}

// openSpine starts or reaches NATS. An external server that is away is waited
// for as long as ctx holds: a daemon must survive a NATS that starts later.
func openSpine(ctx context.Context, c Config, instance string, log *zap.Logger, reg prometheus.Registerer) (_ *spine, err error) {
	s := &spine{replicas: c.NATS.Replicas}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	connect := natslog.ConnectConfig{
		Name: "keyturn " + instance, Credentials: c.NATS.Credentials,
		TLS:    natslog.TLS{CA: c.NATS.TLS.CA, Cert: c.NATS.TLS.Cert, Key: c.NATS.TLS.Key},
		Logger: log, Registerer: reg,
	}
	if c.NATS.URL == "" {
		if s.server, err = embedded.Start(embedded.Config{Dir: c.DataDir, Logger: log}); err != nil {
			return nil, err
		}
		s.replicas = 1
		connect.InProcess = s.server
		log.Info("nats_embedded", zap.String("mode", "single node"), zap.String("dir", c.DataDir))
	} else {
		connect.URL = c.NATS.URL
		if s.replicas == 0 {
			s.replicas = 3
		}
	}
	if s.conn, err = natslog.Connect(ctx, connect); err != nil {
		return nil, err
	}
	if err := retry(ctx, log, "nats_waits", func(ctx context.Context) (err error) {
		s.log, err = natslog.Open(ctx, s.conn, natslog.Config{Replicas: s.replicas, Logger: log})
		return err
	}); err != nil {
		return nil, err
	}
	return s, retry(ctx, log, "nats_waits", func(ctx context.Context) (err error) {
		s.rows, err = natsfeed.OpenRows(ctx, s.conn, s.replicas)
		return err
	})
}

// Pace of trying again at the start.
const (
	retryFirst = 500 * time.Millisecond
	retryLast  = 10 * time.Second
	retryEach  = 10 * time.Second // bound of one attempt
)

// retry calls f until it works or ctx ends, and says once what it waits for.
func retry(ctx context.Context, log *zap.Logger, event string, f func(context.Context) error) error {
	wait, said := retryFirst, ""
	for {
		each, cancel := context.WithTimeout(ctx, retryEach)
		err := f(each)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w (stopped while waiting)", err)
		}
		if err.Error() != said {
			said = err.Error()
			log.Warn(event, zap.Error(err))
		}
		if !pause(ctx, wait) {
			return fmt.Errorf("%w (stopped while waiting)", err)
		}
		wait = min(2*wait, retryLast)
	}
}

// close drains the connection and stops the embedded server, in this order:
// what was written last must arrive.
func (s *spine) close(ctx context.Context) error {
	var errs []error
	if s.conn != nil {
		if err := s.conn.FlushWithContext(ctx); err != nil && s.conn.IsConnected() {
			errs = append(errs, fmt.Errorf("drain nats: %w", err))
		}
		s.conn.Close()
	}
	if s.server != nil {
		errs = append(errs, s.server.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
