package watcher

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// rowTimeout bounds one write of the row.
const rowTimeout = 5 * time.Second

// keepRow puts the row when it changes and every [rotation.RowEvery], and takes
// it back when ctx ends.
func (w *Watcher) keepRow(ctx context.Context) {
	if w.c.Rows == nil {
		return
	}
	tick := time.NewTicker(rotation.RowEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			w.dropRow(context.WithoutCancel(ctx))
			return
		case <-w.rowDue:
		case <-tick.C:
		}
		pctx, cancel := context.WithTimeout(ctx, rowTimeout)
		err := w.c.Rows.PutWatcher(pctx, w.row(time.Now()))
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			w.c.Logger.Warn("row not written; others can't see this watcher", zap.String("ring", w.c.Ring), zap.Error(err))
		}
		failing = err != nil
	}
}

func (w *Watcher) dropRow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, rowTimeout)
	defer cancel()
	if err := w.c.Rows.DropWatcher(ctx, w.c.Ring, w.c.Instance); err != nil {
		// It expires by itself.
		w.c.Logger.Info("row not taken back", zap.String("ring", w.c.Ring), zap.Error(err))
	}
}
