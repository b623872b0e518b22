package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/broadcaster"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// censusPause bounds how often a changing census is put: in a storm every
// connection changes it.
const censusPause = time.Second

// reporter puts this process's census and issuer rows, and counts live issuers.
type reporter struct {
	rows     *natsfeed.Rows
	hub      *broadcaster.Hub
	rings    []string // whose census is put
	issues   string   // the ring this process signs for; "": none
	instance string
	log      *zap.Logger

	issuers *issuers // of the ring that it signs for
	failing bool     // the last round failed, and that was said
}

// run puts rows when they change and every [rotation.RowEvery], until ctx
// ends; then it drops them, so that nobody waits for a row to grow old.
func (r *reporter) run(ctx context.Context) error {
	tick := time.NewTicker(rotation.RowEvery)
	defer tick.Stop()
	count := time.NewTicker(countEvery)
	defer count.Stop()
	for {
		r.put(ctx, true)
		again := true
		for again {
			select {
			case <-ctx.Done():
				r.drop(context.WithoutCancel(ctx))
				return nil
			case <-tick.C:
				again = false
			case <-count.C:
				_ = r.count(ctx, false) // if it goes on, the next round says so
			case <-r.hub.Changed():
				r.put(ctx, false)
				if !pause(ctx, censusPause) {
					continue // ctx has ended: the next turn drops the rows
				}
			}
		}
	}
}

// put puts the census rows, and with issuer the issuer's too.
func (r *reporter) put(ctx context.Context, issuer bool) {
	ctx, cancel := context.WithTimeout(ctx, retryEach)
	defer cancel()
	var failed error
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	for _, name := range r.rings {
		row := r.hub.Census(name)
		row.Ring, row.Instance, row.At = name, r.instance, time.Now().UTC()
		note(r.rows.PutCensus(ctx, row))
	}
	if r.issues != "" && issuer {
		note(r.rows.PutIssuer(ctx, rotation.IssuerRow{Ring: r.issues, Instance: r.instance, At: time.Now().UTC()}))
		note(r.count(ctx, true))
	}
	switch {
	case failed != nil && !r.failing && ctx.Err() == nil:
		r.log.Warn("rows_failing", zap.Error(failed))
	case failed == nil && r.failing:
		r.log.Info("rows_recovered")
	}
	r.failing = failed != nil
}

// count counts the issuers; turn: after this process has put its own row.
func (r *reporter) count(ctx context.Context, turn bool) error {
	if r.issues == "" {
		return nil
	}
	rows, err := r.rows.Issuers(ctx, r.issues)
	if err != nil {
		return err
	}
	r.issuers.counted(len(rows), turn)
	return nil
}

func (r *reporter) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // they grow old by themselves in 30 s
	defer cancel()
	for _, name := range r.rings {
		_ = r.rows.DropCensus(ctx, name, r.instance)
	}
	if r.issues != "" {
		_ = r.rows.DropIssuer(ctx, r.issues, r.instance)
	}
}
