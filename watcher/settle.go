package watcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// maxConflicts is how often in a row somebody may be first before a round is
// given up and tried again later.
const maxConflicts = 32

// decision says what follows a head. now is the log's clock.
type decision func(head rotation.State, now time.Time) (rotation.State, rotation.Change, error)

// noDecision leaves the head as it is: what remains is to read it, and to
// bring back and retire what it asks for.
func noDecision(head rotation.State, _ time.Time) (rotation.State, rotation.Change, error) {
	return head, rotation.Change{}, nil
}

// logError says that the log, and not the store or the decision, failed.
type logError struct{ err error }

func (e *logError) Error() string { return e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// settle reads the head, decides and appends, again and again until nobody was
// first. It returns the head after it. The caller has the turn.
func (w *Watcher) settle(ctx context.Context, decide decision) (rotation.State, rotation.Change, error) {
	head, change, err := w.settled(ctx, decide)
	now := time.Now()
	var l *logError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &l):
		w.m.logErrors.WithLabelValues(w.c.Ring).Inc()
		w.failed(err)
		w.replan(func(s schedule) schedule { return s.unread(now, w.random()) })
	default:
		w.replan(func(s schedule) schedule { return s.readHead(now) })
		if err == nil && w.plan().failed == 0 {
			w.fine()
		}
	}
	return head, change, err
}

func (w *Watcher) settled(ctx context.Context, decide decision) (rotation.State, rotation.Change, error) {
	for range maxConflicts {
		head, seq, now, err := w.head(ctx)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return w.remembered, rotation.Change{}, &logError{err}
		}
		next, change, err := decide(head, now)
		if err != nil || change.Row == "" {
			return head, change, err
		}
		_, err = w.append(ctx, next, change, now, seq)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return head, change, &logError{err}
		}
		return next, change, nil
	}
	return w.remembered, rotation.Change{}, &logError{fmt.Errorf("ring %s: %d times in a row somebody else appended first", w.c.Ring, maxConflicts)}
}

// head reads the log's head, and brings back what it lost and retires what is
// over before anyone decides on it.
func (w *Watcher) head(ctx context.Context) (head rotation.State, seq uint64, now time.Time, err error) {
	head, seq, err = w.c.Log.Head(ctx, w.c.Ring)
	var unreadable []rotation.Alarm
	if errors.Is(err, ErrUnreadable) {
		// Overwritten only where there is something to say; the rev of what
		// follows is above that of every state known.
		unreadable = []rotation.Alarm{{Code: alarmUnreadableHead, Text: err.Error() + "; the watcher goes on from the newest state it knows: find out who else writes to the log"}}
		err = nil
		// What is readable is appended again, as if the log had lost it.
		w.remembered, head = rotation.Merge(w.remembered, head), rotation.State{}
	}
	if err != nil {
		return head, 0, now, err
	}
	if now, err = w.c.Log.Now(ctx); err != nil {
		return head, 0, now, err
	}
	w.setAlarms(fromLog, unreadable)
	if next, change := rotation.Again(w.remembered, head, now); change.Row != "" {
		if seq, err = w.append(ctx, next, change, now, seq); err != nil {
			return head, 0, now, err
		}
		head = next
	}
	if _, change := rotation.Tick(head, w.c.Policy, now); change.Row != "" {
		next, change := rotation.Tick(head, w.policy(ctx, ""), now) // with a plan for the connections there are
		if seq, err = w.append(ctx, next, change, now, seq); err != nil {
			return head, 0, now, err
		}
		head = next
	}
	w.remember(head, now)
	return head, seq, now, nil
}

// append appends next after the message seq, and remembers it.
func (w *Watcher) append(ctx context.Context, next rotation.State, change rotation.Change, now time.Time, seq uint64) (uint64, error) {
	seq, err := w.c.Log.Append(ctx, rotation.NewEvent(next, w.c.Store, change.Type, now), seq)
	if errors.Is(err, ErrConflict) {
		w.m.conflicts.WithLabelValues(w.c.Ring).Inc()
		w.c.Logger.Info("another watcher was first", zap.String("ring", w.c.Ring), zap.String("row", change.Row))
	}
	if err != nil {
		return 0, err
	}
	w.m.events.WithLabelValues(w.c.Ring, change.Type).Inc()
	current, _ := next.Current()
	w.c.Logger.Info("state appended", zap.String("ring", w.c.Ring), zap.Int64("rev", next.Rev),
		zap.String("row", change.Row), zap.String("type", change.Type), zap.Bool("gap", next.Cause.Gap),
		zap.String("key", current.Name), zap.String("kid", current.KID))
	w.remember(next, now)
	return seq, nil
}

// remember takes a head that was read or appended.
func (w *Watcher) remember(head rotation.State, now time.Time) {
	w.remembered = head
	w.replan(func(s schedule) schedule { return s.head(head, time.Now(), now) })
	w.know(head, now)
}
