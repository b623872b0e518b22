package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	firstAsk = 50 * time.Millisecond // how often rows are read at first
	laterAsk = time.Second           // and in the end
	// signGrace is what a signer gets, after the key may sign, to say that it does.
	signGrace = 5 * time.Second
)

// Rotate turns the current key of a ring, as the package says. progress, which
// may be nil, is called before Rotate returns and from its goroutine, once for
// each step that was taken. The result tells how far it came also where there
// is an error, which wraps [ErrRefused] if nothing was changed and
// [ErrVerifiers] if the new key is pending still because a verifier lacks it.
// ctx ends it between two steps; running it again goes on from there.
func Rotate(ctx context.Context, d Deps, r Request, progress func(Step)) (Result, error) {
	t := &turn{Deps: d, Request: r, progress: progress, result: Result{Ring: d.Ring, DryRun: r.DryRun}}
	err := t.run(ctx)
	if err != nil {
		err = fmt.Errorf("rotate ring %s: %w: %s", d.Ring, err, t.where())
	}
	return t.result, err
}

// turn is one run of Rotate.
type turn struct {
	Deps
	Request
	progress func(Step)
	result   Result
	plan     plan
	to       rotation.Key
	seenAt   time.Time // when the new key was first known to stand in the log
}

func (t *turn) run(ctx context.Context) error {
	if err := t.look(ctx); err != nil || t.DryRun {
		return err
	}
	steps := []func(context.Context) error{t.prepare, t.verifiers, t.promote, t.sign}
	switch {
	case storeTurns(t.Store) && t.Compromise:
		steps = []func(context.Context) error{t.revoke, t.rotate, t.drop, t.sign}
	case storeTurns(t.Store):
		steps = []func(context.Context) error{t.rotate, t.sign}
	case t.Compromise:
		steps = []func(context.Context) error{t.prepare, t.revoke, t.verifiers, t.replace, t.sign}
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) say(name, format string, args ...any) {
	if t.progress != nil {
		t.progress(Step{Name: name, Detail: fmt.Sprintf(format, args...), At: time.Now()})
	}
}

// where tells, after an error, what has been done.
func (t *turn) where() string {
	from, to := t.plan.from.Name, t.result.To
	var out []string
	switch {
	case t.DryRun || from == "":
		return "nothing was changed"
	case t.result.Turned:
		out = append(out, fmt.Sprintf("key %s is current", to))
	case to != "":
		out = append(out, fmt.Sprintf("key %s is current still, key %s is pending; run it again to go on", from, to))
	default:
		out = append(out, fmt.Sprintf("key %s is current still; run it again to go on", from))
	}
	switch {
	case t.Compromise && t.result.Revoked:
		out = append(out, fmt.Sprintf("key %s is revoked: it goes for good when current leaves it, and a watcher that may write the store sees to that", from))
	case t.Compromise:
		out = append(out, fmt.Sprintf("nothing is revoked: key %s verifies still", from))
	}
	return strings.Join(out, "; ")
}

func (t *turn) look(ctx context.Context) error {
	if err := t.Store.Writable(); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if !t.DryRun { // a look may write down what it finds
		if _, err := t.Watcher.Look(ctx, rotation.ByOps, ""); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	status := t.Watcher.Status()
	p, err := planFor(status, t.Request)
	if err != nil {
		return err
	}
	t.plan = p
	t.result.From, t.result.Rev, t.result.Revoked = p.from.Name, status.Head.Rev, p.revoked
	t.say(StepLook, "key %s is current, rev %d", p.from.Name, status.Head.Rev)
	if t.DryRun {
		t.result.Resumed = p.pending != ""
		for _, s := range p.outline(t.Deps, t.Request) {
			t.say(s.Name, "%s", s.Detail)
		}
	}
	return nil
}

func (t *turn) prepare(ctx context.Context) error {
	st, err := t.pending(ctx)
	if err != nil {
		return err
	}
	kid := t.result.KID
	to, ok := pendingOf(st, kid)
	if t.Pending != "" {
		to, ok = st.Key(t.Pending)
		ok = ok && to.Stage == rotation.Pending
		kid = to.KID
	}
	if !ok {
		if cur, _ := st.Current(); cur.KID == kid && cur.Name != t.plan.from.Name {
			return fmt.Errorf("key %s was made current by another meanwhile", cur.Name)
		}
		return fmt.Errorf("the new key %s is in the store but not in the log: %s", kid, alarms(t.Watcher.Status()))
	}
	t.result.KID = kid
	t.to, t.seenAt = to, time.Now()
	t.result.To, t.result.Rev, t.result.Resumed = to.Name, st.Rev, to.Name == t.plan.pending
	switch {
	case t.result.Resumed && t.Compromise:
		t.say(StepPrepare, "WARNING: key %s was pending already and is taken over; if it leaked as well, turn it away next, with --compromise again", to.Name)
	case t.result.Resumed:
		t.say(StepPrepare, "key %s was pending already and is taken over", to.Name)
	default:
		t.say(StepPrepare, "key %s is in the store, pending", to.Name)
	}
	t.say(StepAnnounce, "key %s is announced, rev %d", to.Name, st.Rev)
	return nil
}

// pending lets the store have a pending key, and returns the state that shows
// it. A key that was named is pending already: no other one may come instead.
func (t *turn) pending(ctx context.Context) (rotation.State, error) {
	if t.Pending != "" {
		return t.Watcher.Look(ctx, rotation.ByOps, "")
	}
	return t.Watcher.LookAfter(ctx, rotation.ByOps, "", func(ctx context.Context) (err error) {
		head := t.Watcher.Status().Head
		if cur, _ := head.Current(); cur.Name != t.plan.from.Name {
			return fmt.Errorf("key %s was made current by another meanwhile", cur.Name)
		}
		t.result.KID, err = t.Store.Prepare(ctx, head)
		return err
	})
}

func (t *turn) revoke(ctx context.Context) error {
	from := t.plan.from.Name
	if t.plan.revoked {
		t.say(StepRevoke, "key %s is being revoked already", from)
		return nil
	}
	st, err := t.Watcher.Revoke(ctx, from)
	if err != nil {
		return fmt.Errorf("write down that key %s is revoked: %w", from, err)
	}
	if _, live := st.Key(from); live && !st.Revoked(from) {
		return fmt.Errorf("write down that key %s is revoked: the log does not show it: %s", from, alarms(t.Watcher.Status()))
	}
	t.result.Revoked, t.result.Rev = true, st.Rev
	t.say(StepRevoke, "written down: key %s goes when current leaves it, rev %d", from, st.Rev)
	return nil
}

// verifiers waits until everybody who verifies holds the new key. A leaked key
// is dropped whoever is late: those then fetch the new key at its first token.
func (t *turn) verifiers(ctx context.Context) error {
	limit := t.wait()
	c, err := t.ask(ctx, limit, roll.ready)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	late := strings.Join(c.lacking, ", ")
	switch {
	case c.ready():
		t.say(StepVerifiers, "%d of %d verifiers hold key %s", c.reported, c.reported, t.to.Name)
	case err != nil && c.reported == 0:
		t.say(StepVerifiers, "WARNING: the verifiers' reports can't be read (%v); went on after %v", err, limit)
	case c.reported == 0:
		t.say(StepVerifiers, "WARNING: no verifier reports, so nobody is known to hold key %s; went on after %v", t.to.Name, limit)
	case t.Compromise:
		t.say(StepVerifiers, "WARNING: %d of %d verifiers lack key %s: %s; went on after %v, because the old key has leaked", len(c.lacking), c.reported, t.to.Name, late, limit)
	default:
		return fmt.Errorf("%w after %v: %s: see why, or stop it", ErrVerifiers, limit, late)
	}
	return nil
}

// ask reads the rows until done says so, or the time is over, and returns the
// last answer. The error is that of the last read.
func (t *turn) ask(ctx context.Context, limit time.Duration, done func(roll) bool) (c roll, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := firstAsk; ; pause = min(2*pause, laterAsk) {
		rows, readErr := t.Verifiers(ctx)
		// A read that the deadline cut off takes nothing back.
		if readErr == nil || ctx.Err() == nil {
			err = readErr
		}
		if readErr == nil {
			if c = callRoll(rows, t.Ring, t.to.Name); done(c) {
				return c, nil
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return c, err
		}
	}
}

func (t *turn) promote(ctx context.Context) error {
	st, err := t.record(ctx, func(ctx context.Context) error {
		if err := t.Store.Promote(ctx, t.plan.from, t.to); err != nil {
			return err
		}
		t.result.Turned = true
		t.say(StepPromote, "key %s is current in the store", t.to.Name)
		return nil
	})
	if err != nil {
		return err
	}
	if old, live := st.Key(t.plan.from.Name); live {
		t.say(StepRecord, "key %s is current, key %s verifies until %s, rev %d", t.to.Name, old.Name, old.VerifyUntil.Format(time.RFC3339), st.Rev)
	} else {
		t.say(StepRecord, "key %s is current, rev %d", t.to.Name, st.Rev)
	}
	return nil
}

func (t *turn) replace(ctx context.Context) error {
	st, err := t.record(ctx, func(ctx context.Context) error {
		if err := replace(ctx, t.Store, t.plan.from, t.to); err != nil {
			return err
		}
		t.result.Turned = true
		t.say(StepPromote, "key %s is current in the store, key %s is out of it", t.to.Name, t.plan.from.Name)
		return nil
	})
	if err != nil {
		return err
	}
	if old, live := st.Key(t.plan.from.Name); live {
		return fmt.Errorf("key %s is %s still in the log, against the intent to revoke it: %s", old.Name, old.Stage, alarms(t.Watcher.Status()))
	}
	t.say(StepRecord, "key %s is current, key %s is gone, rev %d", t.to.Name, t.plan.from.Name, st.Rev)
	return nil
}

// record turns the store by do, lets the watcher see that, and returns the
// state that shows it.
func (t *turn) record(ctx context.Context, do func(context.Context) error) (rotation.State, error) {
	st, err := t.Watcher.LookAfter(ctx, rotation.ByOps, t.to.Name, do)
	switch {
	case err != nil && !t.result.Turned:
		return st, err
	case err != nil:
		return st, fmt.Errorf("the store is turned but the log does not say so yet, watchers go on trying: %w", err)
	}
	t.result.Rev = st.Rev
	if cur, _ := st.Current(); cur.Name != t.to.Name {
		return st, fmt.Errorf("the store is turned but the log says that key %s is current: %s", cur.Name, alarms(t.Watcher.Status()))
	}
	return st, nil
}

// sign waits until the new key makes tokens. That it does not say so is no
// error: the turn is done.
func (t *turn) sign(ctx context.Context) error {
	if t.External {
		t.say(StepSign, "the ring's own issuer signs: let it use key %s now", t.to.Name)
		return nil
	}
	after := t.SignAfter
	if t.Compromise {
		after = 0
	}
	limit := max(0, after-time.Since(t.seenAt)) + signGrace
	c, err := t.ask(ctx, limit, roll.signs)
	t.result.Signs = c.signs()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case c.signs():
		t.say(StepSign, "key %s signs", t.to.Name)
	case err != nil:
		t.say(StepSign, "the signers' reports can't be read: %v", err)
	case c.others > 0:
		t.say(StepSign, "WARNING: %d of %d signers sign with another key after %v; they follow when they read the store", c.others, c.others+c.signing, limit)
	default:
		t.say(StepSign, "no signer reports, so nobody is known to sign with key %s", t.to.Name)
	}
	return nil
}

// replace makes to current and takes from out of the store.
func replace(ctx context.Context, s Store, from, to rotation.Key) error {
	if r, ok := s.(Replacer); ok {
		return r.Replace(ctx, from, to)
	}
	if err := s.Promote(ctx, from, to); err != nil {
		return err
	}
	if err := s.Drop(ctx, from); err != nil {
		return fmt.Errorf("key %s is current, but key %s is in the store still: %w", to.Name, from.Name, err)
	}
	return nil
}

// Finisher lets a watcher finish a compromise that another process began: it
// is a [watcher.Promoter] that also takes the old key out of the store.
type Finisher struct{ Store Store }

// Promote makes to current and takes from out of the store, by compare-and-set.
func (f Finisher) Promote(ctx context.Context, from, to rotation.Key) error {
	if f.Store == nil {
		return errors.New("finish a compromise: no store")
	}
	if err := f.Store.Writable(); err != nil {
		return err
	}
	return replace(ctx, f.Store, from, to)
}
