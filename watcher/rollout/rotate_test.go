package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAPlannedRotationWaitsForVerifiersAndSigner(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		with(t, func(ctx context.Context) { s.follow(ctx, 2*time.Second, "v1", "v2") }, func() {
			var got steps
			began := time.Now()
			r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{}, got.add)
			if err != nil {
				t.Fatal(err)
			}
			if want := (rollout.Result{Ring: ring, From: key(0), To: key(1), KID: key(1), Rev: r.Rev, Turned: true, Signs: true}); r != want || r.Rev != s.head().Rev {
				t.Errorf("got %+v, want %+v", r, want)
			}
			if got.names() != "look prepare announce verifiers promote record sign" {
				t.Errorf("got steps %s", got.names())
			}
			says(t, "verifiers", got.detail("verifiers"), "2 of 2 verifiers hold key "+key(1))
			says(t, "record", got.detail("record"), "key "+key(0)+" verifies until ")
			if d := got[3].At.Sub(began); d < 2*time.Second {
				t.Errorf("the barrier fell after %v, before the verifiers held the key", d)
			}
			if rows(log) != "first_sight pending promoted" {
				t.Errorf("got events %s", rows(log))
			}
			if s.file() != key(1)+" current, "+key(0)+" retiring" {
				t.Errorf("got file %s", s.file())
			}
		})
	})
}

func TestWithoutReportsTheWaitIsSaidAloud(t *testing.T) {
	for _, c := range []struct {
		name    string
		wait    time.Duration
		want    time.Duration
		readErr error
		say     string
	}{
		{"default", 0, rollout.DefaultVerifierWait, nil, "WARNING: no verifier reports"},
		{"asked for", 2 * time.Second, 2 * time.Second, nil, "WARNING: no verifier reports"},
		{"unreadable", time.Second, time.Second, errBoom, "WARNING: the verifiers' reports can't be read (boom)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
				s.readErr = c.readErr
				s.report(rotation.VerifierRow{Ring: "other", Instance: "x", Signs: "x"}) // of no interest
				var got steps
				began := time.Now()
				r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{VerifierWait: c.wait}, got.add)
				if err != nil || !r.Turned || r.Signs {
					t.Fatalf("got %+v, %v", r, err)
				}
				says(t, "verifiers", got.detail("verifiers"), c.say, "went on after "+c.want.String())
				if d := got[3].At.Sub(began); d != c.want {
					t.Errorf("waited %v, want %v", d, c.want)
				}
			})
		})
	}
}

func TestAVerifierThatLacksTheKeyStopsThePlannedRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		d := s.deps()
		s.report(
			rotation.VerifierRow{Ring: ring, Instance: "good", Keys: []string{key(0), key(1)}},
			rotation.VerifierRow{Ring: ring, Instance: "late", Keys: []string{key(0)}, Error: "permission denied"},
		)
		var got steps
		r, err := rollout.Rotate(t.Context(), d, rollout.Request{VerifierWait: 10 * time.Second}, got.add)
		if !errors.Is(err, rollout.ErrVerifiers) || r.Turned || r.To != key(1) {
			t.Fatalf("got %+v, %v, want ErrVerifiers", r, err)
		}
		says(t, "error", err.Error(), "after 10s: late (permission denied)", "key "+key(0)+" is current still", "run it again to go on")
		if s.file() != key(1)+" pending, "+key(0)+" current" || rows(log) != "first_sight pending" {
			t.Errorf("got file %s, events %s", s.file(), rows(log))
		}
		// Another process goes on, with the same key.
		s.report(rotation.VerifierRow{Ring: ring, Instance: "late", Keys: []string{key(0), key(1)}, Signs: key(1)})
		r, err = rollout.Rotate(t.Context(), s.deps(), rollout.Request{}, got.add)
		if err != nil || !r.Resumed || r.To != key(1) || !r.Signs {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestACompromiseDropsTheOldKeyAtOnce(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("late verifiers ", late), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
				wait := 300 * time.Millisecond
				if late {
					wait = time.Hour
					s.report(rotation.VerifierRow{Ring: ring, Instance: "v", Keys: []string{key(0)}, Signs: key(0)})
				}
				with(t, func(ctx context.Context) { s.follow(ctx, wait, "v") }, func() {
					var got steps
					r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{Compromise: true, VerifierWait: time.Minute}, got.add)
					if err != nil || !r.Revoked || !r.Turned || r.Signs == late {
						t.Fatalf("got %+v, %v", r, err)
					}
					if got.names() != "look prepare announce revoke verifiers promote record sign" {
						t.Errorf("got steps %s", got.names())
					}
					if d := got[4].At.Sub(got[3].At); d > time.Second || late && d != time.Second {
						t.Errorf("the verifiers got %v", d)
					}
					if late {
						says(t, "verifiers", got.detail("verifiers"), "WARNING: 1 of 1 verifiers lack key", "because the old key has leaked")
						says(t, "sign", got.detail("sign"), "WARNING: 1 of 1 signers sign with another key")
					}
					if rows(log) != "first_sight pending revoke compromised" {
						t.Errorf("got events %s", rows(log))
					}
					if st := s.head(); st.Urgency != rotation.Compromise || len(st.Keys) != 1 || st.Gone[0].Why != rotation.WhyCompromised {
						t.Errorf("got %+v", st)
					}
					if s.file() != key(1)+" current" {
						t.Errorf("got file %s", s.file())
					}
				})
			})
		})
	}
}

func TestADryRunChangesNothingAndSaysWhatItWouldDo(t *testing.T) {
	for _, c := range []struct {
		request rollout.Request
		steps   string
		say     string
	}{
		{rollout.Request{DryRun: true}, "look prepare verifiers promote record sign", "previous"},
		{rollout.Request{DryRun: true, Compromise: true}, "look prepare revoke verifiers promote record sign", "out of the store"},
	} {
		inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
			d := s.deps()
			if _, err := d.Watcher.Look(t.Context(), rotation.ByPoll, ""); err != nil {
				t.Fatal(err)
			}
			before := content(t, s.path)
			var got steps
			r, err := rollout.Rotate(t.Context(), d, c.request, got.add)
			if err != nil || !r.DryRun || r.Turned || r.Revoked || r.From != key(0) || r.To != "" {
				t.Errorf("got %+v, %v", r, err)
			}
			if got.names() != c.steps {
				t.Errorf("got steps %s, want %s", got.names(), c.steps)
			}
			says(t, "promote", got.detail("promote"), "would make", c.say)
			if content(t, s.path) != before || rows(log) != "first_sight" {
				t.Errorf("something changed: %s, %s", content(t, s.path), rows(log))
			}
		})
	}
}

func TestARepeatedRequestTurnsNoSecondKey(t *testing.T) {
	for _, compromise := range []bool{false, true} {
		inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
			request := rollout.Request{Key: key(0), Compromise: compromise, VerifierWait: time.Second}
			if r, err := rollout.Rotate(t.Context(), s.deps(), request, nil); err != nil || r.To != key(1) {
				t.Fatalf("got %+v, %v", r, err)
			}
			before := rows(log)
			r, err := rollout.Rotate(t.Context(), s.deps(), request, nil)
			if !errors.Is(err, rollout.ErrRefused) || r.Revoked || r.Turned || rows(log) != before {
				t.Fatalf("the second time: got %+v, %v, events %s", r, err, rows(log))
			}
			fate := "it is retiring"
			if compromise {
				fate = "it is gone already, compromised"
			}
			says(t, "error", err.Error(), fate, "key "+key(1)+" is current now", "nothing was changed")
		})
	}
}

func TestWhatCanNotBeTurnedIsRefusedBeforeAnythingChanges(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(s *site, d *rollout.Deps, log *logtest.Memory) error
		request rollout.Request
		want    string
	}{
		{"a file that is watched only", func(s *site, _ *rollout.Deps, _ *logtest.Memory) error {
			return os.Chmod(s.path, 0o400)
		}, rollout.Request{}, "is watched only: it is read-only"},
		{"a file that can't be read", func(s *site, _ *rollout.Deps, _ *logtest.Memory) error {
			return os.Chmod(s.path, 0o644)
		}, rollout.Request{}, "chmod 600"},
		{"a log that is away", func(_ *site, _ *rollout.Deps, log *logtest.Memory) error {
			log.Fail(errBoom)
			return nil
		}, rollout.Request{}, "boom"},
		{"a ring of which nothing is known, in a dry run", func(*site, *rollout.Deps, *logtest.Memory) error {
			return nil
		}, rollout.Request{DryRun: true}, "has no current key yet"},
		{"a planned rotation of a key that is being revoked", func(s *site, d *rollout.Deps, _ *logtest.Memory) error {
			_, err := d.Watcher.Look(s.t.Context(), rotation.ByPoll, "")
			if err == nil {
				_, err = d.Watcher.Revoke(s.t.Context(), key(0))
			}
			return err
		}, rollout.Request{}, "is being revoked: finish that with --compromise"},
		{"another key than the current one", func(*site, *rollout.Deps, *logtest.Memory) error {
			return nil
		}, rollout.Request{Compromise: true, Key: "nobody's"}, "no such key is known; key "},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
				d := s.deps()
				if err := c.make(s, &d, log); err != nil {
					t.Fatal(err)
				}
				before := content(t, s.path)
				r, err := rollout.Rotate(t.Context(), d, c.request, nil)
				if !errors.Is(err, rollout.ErrRefused) || r.Turned || r.To != "" {
					t.Fatalf("got %+v, %v, want ErrRefused", r, err)
				}
				says(t, "error", err.Error(), "rotate ring payments: rotation refused: ", c.want)
				if content(t, s.path) != before {
					t.Error("the file changed")
				}
			})
		})
	}
}

func TestAPendingKeyOfSomebodyElseIsTakenOverWithAWord(t *testing.T) {
	for compromise, word := range map[bool]string{false: "key ", true: "if it leaked as well"} {
		inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
			d := s.deps()
			st, err := d.Watcher.Look(t.Context(), rotation.ByPoll, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.store().Prepare(t.Context(), st); err != nil {
				t.Fatal(err)
			}
			var got steps
			r, err := rollout.Rotate(t.Context(), d, rollout.Request{Compromise: compromise, VerifierWait: time.Second}, got.add)
			if err != nil || !r.Resumed || r.To != key(1) {
				t.Errorf("got %+v, %v", r, err)
			}
			says(t, "prepare", got.detail("prepare"), "was pending already and is taken over", word)
		})
	}
}

func TestAnExternalIssuerIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
		d := s.deps()
		d.External = true
		var got steps
		r, err := rollout.Rotate(t.Context(), d, rollout.Request{VerifierWait: time.Second}, got.add)
		if err != nil || !r.Turned || r.Signs {
			t.Errorf("got %+v, %v", r, err)
		}
		says(t, "sign", got.detail("sign"), "issuer signs")
		if got[len(got)-1].At != got[len(got)-2].At {
			t.Error("it waited")
		}
	})
}

func TestARotationEndsWithItsContextAndSaysHowFarItCame(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
		s.report(rotation.VerifierRow{Ring: ring, Instance: "v", Keys: []string{key(0)}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r, err := rollout.Rotate(ctx, s.deps(), rollout.Request{}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || r.Turned {
			t.Fatalf("got %+v, %v", r, err)
		}
		says(t, "error", err.Error(), key(0)+" is current still, key "+key(1)+" is pending; run it again to go on")
	})
}

func TestTwoRotationsAtOnceTurnOneKey(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
		with(t, func(ctx context.Context) { s.follow(ctx, time.Second, "v") }, func() {
			var group sync.WaitGroup
			results, errs := make([]rollout.Result, 2), make([]error, 2)
			for i := range 2 {
				d := s.deps()
				group.Go(func() {
					results[i], errs[i] = rollout.Rotate(t.Context(), d, rollout.Request{}, nil)
				})
			}
			group.Wait()
			if s.file() != key(1)+" current, "+key(0)+" retiring" {
				t.Errorf("got file %s; %+v %v", s.file(), results, errs)
			}
			if errs[0] != nil && errs[1] != nil {
				t.Errorf("both failed: %v", errs)
			}
		})
	})
}

// plain hides that a store can replace in one write.
type plain struct {
	rollout.Store
	dropErr error
	did     []string
}

func (p *plain) Promote(ctx context.Context, from, to rotation.Key) error {
	p.did = append(p.did, "promote")
	return p.Store.Promote(ctx, from, to)
}

func (p *plain) Drop(ctx context.Context, k rotation.Key) error {
	p.did = append(p.did, "drop")
	if p.dropErr != nil {
		return p.dropErr
	}
	return p.Store.Drop(ctx, k)
}

func TestAStoreThatCanNotReplaceIsPromotedAndThenDropped(t *testing.T) {
	for _, dropErr := range []error{nil, errBoom} {
		inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
			d := s.deps()
			p := &plain{Store: d.Store, dropErr: dropErr}
			d.Store = p
			r, err := rollout.Rotate(t.Context(), d, rollout.Request{Compromise: true}, nil)
			if strings.Join(p.did, " ") != "promote drop" || !errors.Is(err, dropErr) || !r.Revoked {
				t.Fatalf("did %v, got %+v, %v", p.did, r, err)
			}
			if err != nil {
				says(t, "error", err.Error(), "is in the store still: boom", "is revoked: it goes for good when current leaves it")
				return
			}
			if rows(log) != "first_sight pending revoke compromised" {
				t.Errorf("got events %s", rows(log))
			}
		})
	}
}

func TestAFinisherNeedsAStoreThatItMayWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
		if err := (rollout.Finisher{}).Promote(t.Context(), rotation.Key{}, rotation.Key{}); err == nil {
			t.Error("no error without a store")
		}
		if err := os.Chmod(s.path, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := (rollout.Finisher{Store: s.store()}).Promote(t.Context(), rotation.Key{}, rotation.Key{}); err == nil {
			t.Error("no error with a file that is watched only")
		}
	})
}
