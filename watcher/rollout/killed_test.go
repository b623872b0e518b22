package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// errKilled is what a process hears that is no more.
var errKilled = errors.New("killed")

// mortal counts what a rotation does to the world, and dies at the n-th deed:
// just before it, or just after it, before it hears of it.
type mortal struct {
	at    int
	after bool
	done  int
}

// deed does f, unless the process is dead.
func (m *mortal) deed(f func() error) error {
	m.done++
	switch {
	case m.done > m.at, m.done == m.at && !m.after:
		return errKilled
	case m.done == m.at:
		_ = f()
		return errKilled
	}
	return f()
}

type mortalStore struct {
	*mortal
	rollout.Store
}

func (s mortalStore) Prepare(ctx context.Context, st rotation.State) (kid string, err error) {
	err = s.deed(func() error { kid, err = s.Store.Prepare(ctx, st); return err })
	return kid, err
}

func (s mortalStore) Promote(ctx context.Context, from, to rotation.Key) error {
	return s.deed(func() error { return s.Store.Promote(ctx, from, to) })
}

func (s mortalStore) Drop(ctx context.Context, k rotation.Key) error {
	return s.deed(func() error { return s.Store.Drop(ctx, k) })
}

// replacing adds Replace.
type replacing struct{ mortalStore }

func (s replacing) Replace(ctx context.Context, from, to rotation.Key) error {
	return s.deed(func() error { return s.Store.(rollout.Replacer).Replace(ctx, from, to) })
}

type mortalWatcher struct {
	*mortal
	rollout.Watcher
}

func (w mortalWatcher) Look(ctx context.Context, by, confirmed string) (st rotation.State, err error) {
	err = w.deed(func() error { st, err = w.Watcher.Look(ctx, by, confirmed); return err })
	return st, err
}

func (w mortalWatcher) LookAfter(ctx context.Context, by, confirmed string, do func(context.Context) error) (rotation.State, error) {
	if err := do(ctx); err != nil { // the deeds are the store's
		return rotation.State{}, err
	}
	return w.Look(ctx, by, confirmed)
}

func (w mortalWatcher) Revoke(ctx context.Context, key string) (st rotation.State, err error) {
	err = w.deed(func() error { st, err = w.Watcher.Revoke(ctx, key); return err })
	return st, err
}

func (w mortalWatcher) Status() watcher.Status { return w.Watcher.Status() }

// kill runs a rotation that dies at its n-th deed. ended says that it got to
// its end before.
func (s *site) kill(n int, after, whole bool, r rollout.Request) (result rollout.Result, err error, ended bool) {
	d := s.deps()
	m := &mortal{at: n, after: after}
	store := mortalStore{m, d.Store}
	d.Store, d.Watcher = store, mortalWatcher{m, d.Watcher}
	if whole {
		d.Store = replacing{store}
	}
	result, err = rollout.Rotate(s.t.Context(), d, r, nil)
	return result, err, m.done < n
}

// ever returns the stages that a key had in any state of the log, in order.
func ever(log *logtest.Memory, name string) string {
	var out []string
	for _, ev := range log.Events(ring) {
		stage := "gone"
		if k, live := ev.Data.Key(name); live {
			stage = string(k.Stage)
		}
		if len(out) == 0 || out[len(out)-1] != stage {
			out = append(out, stage)
		}
	}
	return strings.Join(out, " ")
}

func TestACompromiseKilledAnywhereNeverLeavesTheLeakedKeyRetiring(t *testing.T) {
	for _, whole := range []bool{true, false} {
		for _, after := range []bool{false, true} {
			ended := false
			for n := 1; !ended; n++ {
				t.Run(fmt.Sprintf("whole %v, after %v, deed %d", whole, after, n), func(t *testing.T) {
					inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
						leaked := key(0)
						other := s.watcher("two", s.store())
						with(t, func(ctx context.Context) { _ = other.Run(ctx) }, func() {
							_ = pause(t.Context(), time.Second) // the other one has looked
							var r rollout.Result
							var err error
							r, err, ended = s.kill(n, after, whole, rollout.Request{Compromise: true})
							if ended != (err == nil) {
								t.Fatalf("got %+v, %v", r, err)
							}
							// Whatever the other watcher has to do, it does within its next poll.
							_ = pause(t.Context(), 2*time.Minute)
							intent := strings.Contains(rows(log), "revoke")
							stages := ever(log, leaked)
							switch {
							case intent && stages != "current gone":
								t.Errorf("killed after the intent, the leaked key was %s (events %s, file %s)", stages, rows(log), s.file())
							case !intent && stages != "current":
								t.Errorf("killed before the intent, the key was %s", stages)
							}
							if intent && strings.Contains(s.file(), leaked) && whole {
								t.Errorf("the leaked key is in the file still: %s", s.file())
							}
							switch {
							case err == nil:
							case r.Revoked && !intent, !r.Revoked && intent && !after:
								t.Errorf("it says revoked %v, the log says %v", r.Revoked, intent)
							case r.Revoked:
								says(t, "error", err.Error(), "key "+leaked+" is revoked")
							case r.From != "":
								says(t, "error", err.Error(), "nothing is revoked: key "+leaked+" verifies still")
							default:
								says(t, "error", err.Error(), "nothing was changed")
							}
							again(t, s, log, leaked, intent)
						})
					})
				})
				if n > 30 {
					t.Fatal("the rotation never ends")
				}
			}
		}
	}
}

// again runs the compromise again where it was killed before the intent.
func again(t *testing.T, s *site, log *logtest.Memory, leaked string, intent bool) {
	t.Helper()
	if intent {
		return
	}
	r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{Compromise: true}, nil)
	if err != nil || r.From != leaked || ever(log, leaked) != "current gone" {
		t.Errorf("again: got %+v, %v, stages %s", r, err, ever(log, leaked))
	}
	if strings.Contains(s.file(), leaked) {
		t.Errorf("the leaked key is in the file still: %s", s.file())
	}
}

func TestACompromiseKilledAnywhereIsEndedByRunningItAgain(t *testing.T) {
	ended := false
	for n := 1; !ended; n++ {
		inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
			leaked := key(0)
			var r rollout.Result
			r, _, ended = s.kill(n, false, true, rollout.Request{Compromise: true})
			if ended || r.Turned {
				return // there is nothing left to do but for the watchers
			}
			r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{Compromise: true}, nil)
			if err != nil || r.From != leaked || r.To != key(1) {
				t.Errorf("deed %d: got %+v, %v", n, r, err)
			}
			if stages := ever(log, leaked); stages != "current gone" || s.file() != key(1)+" current" {
				t.Errorf("deed %d: the key was %s, the file has %s", n, stages, s.file())
			}
		})
	}
}

func TestAPlannedRotationKilledAnywhereIsEndedByRunningItAgain(t *testing.T) {
	for _, after := range []bool{false, true} {
		ended := false
		for n := 1; !ended; n++ {
			inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
				var r rollout.Result
				var err error
				r, err, ended = s.kill(n, after, true, rollout.Request{VerifierWait: time.Second})
				if ended {
					return
				}
				turned := strings.HasPrefix(s.file(), key(1)+" current")
				if !turned {
					says(t, "error", err.Error(), "killed")
					r, err = rollout.Rotate(t.Context(), s.deps(), rollout.Request{VerifierWait: time.Second}, nil)
					if err != nil || r.To != key(1) {
						t.Errorf("deed %d: got %+v, %v", n, r, err)
					}
				} else if _, err := s.deps().Watcher.Look(t.Context(), rotation.ByPoll, ""); err != nil {
					t.Error(err)
				}
				if ever(log, key(0)) != "current retiring" || s.file() != key(1)+" current, "+key(0)+" retiring" {
					t.Errorf("deed %d: stages %s, file %s", n, ever(log, key(0)), s.file())
				}
			})
		}
	}
}
