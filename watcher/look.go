package watcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// lookTimeout bounds one look at a store that does not answer.
const lookTimeout = 30 * time.Second

// look looks at the store once and returns the head after it. The caller has the turn.
func (w *Watcher) look(ctx context.Context, by, confirmed string) (rotation.State, error) {
	var (
		seen   rotation.Snapshot
		began  time.Time
		behind error // what the store says of being behind
	)
	head, change, err := w.settle(ctx, func(head rotation.State, now time.Time) (rotation.State, rotation.Change, error) {
		began, behind = time.Now(), nil
		var err error
		if seen, err = w.source(ctx, head); errors.Is(err, ErrStale) {
			behind = err
			return head, rotation.Change{Stale: true}, nil
		}
		if err != nil {
			return head, rotation.Change{}, err
		}
		seen.By = by
		next, change := rotation.Next(head, seen, w.policy(ctx, confirmed), now.Add(time.Since(began)))
		return next, change, nil
	})
	if ctx.Err() != nil {
		return head, fmt.Errorf("look at ring %s: %w", w.c.Ring, context.Cause(ctx))
	}
	o, result := judge(change, err)
	now := time.Now()
	looked := !w.Status().LookedAt.IsZero()
	w.m.looks.WithLabelValues(w.c.Ring, result).Inc()
	if result == "changed" && by == rotation.ByPoll && w.c.Hints != nil && looked {
		w.m.unhinted.WithLabelValues(w.c.Ring).Inc() // not by the first look: what happened before it had nobody to hint to
	}
	w.replan(func(s schedule) schedule {
		if o == logFailed {
			return s.unlooked()
		}
		return s.looked(o, change.Confirm, now, w.random())
	})
	switch o {
	case storeFailed:
		w.failed(err)
	case lookedStale:
		w.lookedAt(now)
		w.fine()
		if w.plan().stale >= staleLooksBeforeAlarm {
			w.setAlarms(fromStaleness, []rotation.Alarm{{Code: alarmStale, Text: w.staleness(behind, seen.Seen, head.Seen)}})
		}
	case lookedFine, lookedBlind:
		w.lastSeen = seen.Seen
		w.lookedAt(now)
		w.fine()
		w.setAlarms(fromStaleness, nil)
		w.setAlarms(fromLook, change.Alarms)
		if change.Withheld {
			return head, err // whatever hinted at it has to wait
		}
		if change.Confirm != "" {
			w.c.Logger.Info("an earlier key is current again; a second look will confirm it",
				zap.String("ring", w.c.Ring), zap.String("key", change.Confirm))
		} else if a, ok := w.c.Hints.(Acknowledger); ok {
			a.Looked(began)
		}
	}
	return head, err
}

// staleness tells people of a store that stays behind. behind is what the store
// itself says of it; nil: its marker does.
func (w *Watcher) staleness(behind error, seen, head string) string {
	if behind != nil {
		return behind.Error() + "; if this goes on for minutes, see whether another Region or another store is asked than the one that is written"
	}
	return fmt.Sprintf("the store of ring %s keeps showing something older than the log knows (marker %.80q, the log has %.80q): where the store was restored from a copy, write its newest keys again",
		w.c.Ring, seen, head)
}

func (w *Watcher) source(ctx context.Context, head rotation.State) (rotation.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	seen, err := w.c.Source.Look(ctx, head)
	if err != nil {
		return seen, fmt.Errorf("look at the store of ring %s: %w", w.c.Ring, err)
	}
	return seen, nil
}

// judge names how a look went, for the schedule and for the metric.
func judge(change rotation.Change, err error) (outcome, string) {
	var l *logError
	switch {
	case errors.As(err, &l):
		return logFailed, "log_error"
	case err != nil:
		return storeFailed, "store_error"
	case change.Stale:
		return lookedStale, "stale"
	case change.Withheld:
		return lookedBlind, "withheld"
	case change.Confirm != "":
		return lookedFine, "confirm"
	case change.Row != "":
		return lookedFine, "changed"
	}
	return lookedFine, "same"
}

func (w *Watcher) lookedAt(now time.Time) {
	w.m.lookedAt.WithLabelValues(w.c.Ring).Set(float64(now.UnixMilli()) / 1000)
	w.mu.Lock()
	first := w.status.LookedAt.IsZero()
	w.status.LookedAt = now.UTC()
	w.mu.Unlock()
	if first {
		nudge(w.rowDue)
	}
}
