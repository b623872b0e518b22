package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/filestore"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// store is what a ring needs of its secret store, whichever kind it is.
type store interface {
	watcher.Source
	watcher.Hints
	rollout.Store
	// Value returns the material of a live key.
	Value(ctx context.Context, st rotation.State, k rotation.Key) (auth.Key, error)
	// Alarms tells what a person should see to.
	Alarms() []rotation.Alarm
}

// runner is a store that does something of its own until ctx ends.
type runner interface {
	Run(ctx context.Context) error
}

var (
	_ store  = (*filestore.Store)(nil)
	_ runner = (*filestore.Store)(nil)
	_ store  = (*secretsmanager.Store)(nil)
)

// openStore opens the store of a ring without asking it anything. memory is the
// folder where it may remember what it has seen; empty: it remembers nothing.
func openStore(c RingConfig, memory string, cloud *cloud, log *zap.Logger, reg prometheus.Registerer) (store, error) {
	file := func(ending string) string {
		if memory == "" {
			return ""
		}
		return filepath.Join(memory, c.Name+ending)
	}
	var s store
	var err error
	switch c.Store {
	case storeAWS:
		s, err = secretsmanager.Open(c.Secret, secretsmanager.Config{
			Ring: c.Name, KID: c.kidRule(), Client: cloud.secrets(c), Memory: file(".arn"), RotateBy: c.RotateBy,
			Logger: log, Registerer: reg,
		})
	default:
		s, err = filestore.Open(c.Secret, filestore.Config{Ring: c.Name, KID: c.kidRule(), Prints: file(".prints"), Logger: log})
	}
	if err != nil {
		return nil, fmt.Errorf("ring %s: %w", c.Name, err)
	}
	return s, nil
}
