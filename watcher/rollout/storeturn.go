package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// storeTurns reports whether the store has its key turned by something of its own.
func storeTurns(s Store) bool {
	r, ok := s.(Rotator)
	return ok && r.Rotates()
}

// storeOutline tells what a rotation would do that the store carries out.
func (p plan) storeOutline(d Deps, r Request) []Step {
	var out []Step
	say := func(name, format string, args ...any) {
		out = append(out, Step{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case r.Compromise && p.revoked:
		say(StepRevoke, "key %s is being revoked already", p.from.Name)
	case r.Compromise:
		say(StepRevoke, "would write down that key %s goes when current leaves it", p.from.Name)
	}
	say(StepRotate, "would have the store turn its key itself; verifiers would get no head start")
	if r.Compromise {
		say(StepRecord, "key %s would be gone everywhere and out of the store; tokens under it fail, and clients refresh", p.from.Name)
	} else {
		say(StepRecord, "key %s would verify until the tokens it signed have ended", p.from.Name)
	}
	if !d.External {
		say(StepSign, "would wait until the new key signs")
	}
	return out
}

// rotate has the store turn the key, and sees that the log says so. The
// watcher goes on meanwhile: it announces the new key if the store lets it be
// seen before it is current.
func (t *turn) rotate(ctx context.Context) error {
	from := t.plan.from
	version, err := t.Store.(Rotator).Turn(ctx, from)
	if err != nil {
		return err
	}
	t.seenAt = time.Now()
	t.result.Turned = true
	st, err := t.Watcher.Look(ctx, rotation.ByOps, "")
	if err != nil {
		return fmt.Errorf("the store is turned but the log does not say so yet, watchers go on trying: %w", err)
	}
	t.result.Rev = st.Rev
	cur, _ := st.Current()
	if cur.Name == from.Name {
		t.result.Turned = false
		return fmt.Errorf("the store made version %s current, but the log says that key %s is current still: %s", version, from.Name, alarms(t.Watcher.Status()))
	}
	t.to = cur
	t.result.To, t.result.KID = cur.Name, cur.KID
	if k, live := st.Key(cur.Name); live && !k.Logged.IsZero() && k.Logged.Before(k.Since) {
		t.say(StepRotate, "the store turned its key itself: key %s is current, and was announced %v before", cur.Name, k.Since.Sub(k.Logged).Round(time.Millisecond))
	} else {
		t.say(StepRotate, "WARNING: the store turned its key itself: key %s is current, and verifiers had no head start; who lacks it fetches it at its first token", cur.Name)
	}
	old, live := st.Key(from.Name)
	switch {
	case live && t.Compromise:
		return fmt.Errorf("key %s is %s still in the log, against the intent to revoke it: %s", old.Name, old.Stage, alarms(t.Watcher.Status()))
	case live:
		t.say(StepRecord, "key %s is current, key %s verifies until %s, rev %d", cur.Name, old.Name, old.VerifyUntil.Format(time.RFC3339), st.Rev)
	default:
		t.say(StepRecord, "key %s is current, key %s is gone, rev %d", cur.Name, from.Name, st.Rev)
	}
	return nil
}

// drop takes the leaked key out of the store.
func (t *turn) drop(ctx context.Context) error {
	from := t.plan.from
	if err := t.Store.Drop(ctx, from); err != nil {
		return fmt.Errorf("key %s is current, but key %s is in the store still: %w", t.to.Name, from.Name, err)
	}
	return nil
}
