package watcher

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// finish ends a compromise that somebody wrote down and did not carry out: it
// makes the newest pending key current instead of the leaked one, and looks.
// If it can't, an alarm stands until somebody can. The caller has the turn.
func (w *Watcher) finish(ctx context.Context, key string) {
	head, err := w.look(ctx, rotation.ByPoll, "")
	if err == nil && head.Revoked(key) {
		if err = w.replace(ctx, head, key); err == nil {
			head, err = w.look(ctx, rotation.ByPoll, "")
		}
	}
	switch {
	case ctx.Err() != nil:
		return
	case err == nil && !head.Revoked(key):
		w.setAlarms(fromRecovery, nil)
		return
	case err == nil:
		err = fmt.Errorf("ring %s: the store still says that key %s is current", w.c.Ring, key)
	}
	w.replan(func(s schedule) schedule { return s.unfinished(key, time.Now()) })
	w.setAlarms(fromRecovery, []rotation.Alarm{{Code: alarmUnfinished, Key: key, Text: fmt.Sprintf(
		"key %s has leaked and still signs: %v", key, err)}})
}

// replace makes the newest pending key current instead of the leaked one.
func (w *Watcher) replace(ctx context.Context, head rotation.State, key string) error {
	from, _ := head.Key(key) // a revoked key is live: rotation.Check
	var to rotation.Key
	for _, k := range head.Keys { // newest pending first
		if k.Stage == rotation.Pending {
			to = k
			break
		}
	}
	switch {
	case to.Name == "":
		return fmt.Errorf("no key is pending; run keyturn rotate %s --compromise, or make a fresh key current in the store", w.c.Ring)
	case w.c.Promoter == nil:
		return fmt.Errorf("this watcher can't write the store; run keyturn rotate %s --compromise where it can be written, or make key %s current in the store", w.c.Ring, to.Name)
	}
	w.c.Logger.Warn("a compromise was begun and not ended, ending it", zap.String("ring", w.c.Ring),
		zap.String("key", key), zap.String("to", to.Name))
	pctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := w.c.Promoter.Promote(pctx, from, to); err != nil {
		return fmt.Errorf("make key %s current: %w; if this goes on, make it current in the store by hand", to.Name, err)
	}
	return nil
}
