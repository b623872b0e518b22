package secretsmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

const second = "Zx8-vJm2Qw5nTb7yLk4pRc9sHd3gFa6uEi1oXe0tKzV"

func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
	for _, value := range []string{first, second} {
		if strings.Contains(err.Error(), value) {
			t.Error("the error holds a secret")
		}
	}
}

func TestAPutOfSomebodyElseIsTakenOver(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	old := s.Holder(secret, awsfake.Current)
	theirs := s.Put(secret, awsfake.String(second), awsfake.Pending)
	p.look()
	var said []string
	r, err := rollout.Rotate(t.Context(), p.deps, rollout.Request{}, func(step rollout.Step) { said = append(said, step.Detail) })
	if err != nil || !r.Turned || !r.Resumed || r.To != theirs {
		t.Fatalf("got %+v, %v", r, err)
	}
	if !strings.Contains(strings.Join(said, "\n"), "taken over") {
		t.Errorf("got steps %q", said)
	}
	s.turned(old)
}

func TestAPendingVersionThatIsNoGoodIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for _, c := range []struct {
		name  string
		value awsfake.Value
		says  []string
	}{
		{"weak", awsfake.String("changeme"), []string{"not accepted", "--version-stage AWSPENDING"}},
		{"no key", awsfake.String(`{"user":"x"}`), []string{"can't be used", "--version-stage AWSPENDING"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, awsfake.String(first))
			p := s.start(t.Context(), "one", nil)
			st := p.look()
			theirs := s.Put(secret, c.value, awsfake.Pending)
			_, err := p.store.Prepare(t.Context(), st)
			says(t, err, c.says...)
			if got := s.labels(theirs); got != awsfake.Pending || s.Calls("PutSecretValue")+s.Calls("UpdateSecretVersionStage") > 0 {
				t.Errorf("something was written: labels %q", got)
			}
		})
	}
}

func TestAPendingVersionThatHoldsTheCurrentKeyAgainIsOverwritten(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	old := s.Holder(secret, awsfake.Current)
	s.Put(secret, awsfake.String(first), awsfake.Pending)
	p.look()
	if r, err := p.rotate(rollout.Request{}); err != nil || r.From != old || !r.Turned {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestALabelThatWasStolenStopsTheTurn(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	var theirs string
	verifiers := p.deps.Verifiers
	p.deps.Verifiers = func(ctx context.Context) ([]rotation.VerifierRow, error) {
		if theirs == "" { // after the put, before the promotion
			theirs = s.Put(secret, awsfake.String(second), awsfake.Pending)
		}
		return verifiers(ctx)
	}
	_, err := p.rotate(rollout.Request{})
	if !errors.Is(err, secretsmanager.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	says(t, err, "not pending any more", theirs, "run it again")
	if s.Holder(secret, awsfake.Current) != old {
		t.Error("current moved")
	}
	r, err := p.rotate(rollout.Request{})
	if err != nil || r.To != theirs {
		t.Fatalf("again: got %+v, %v", r, err)
	}
}

func TestAnotherCurrentVersionStopsThePromotion(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	p.look()
	verifiers, theirs := p.deps.Verifiers, ""
	p.deps.Verifiers = func(ctx context.Context) ([]rotation.VerifierRow, error) {
		if theirs == "" {
			theirs = s.Put(secret, awsfake.String(second))
		}
		return verifiers(ctx)
	}
	_, err := p.rotate(rollout.Request{})
	if !errors.Is(err, secretsmanager.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	says(t, err, theirs+" is current")
	if st := p.look(); st.Keys[0].Version != theirs {
		t.Errorf("got %+v", st.Keys)
	}
}

func TestQuotasAreNamed(t *testing.T) {
	t.Run("labels", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		for i := range 17 {
			s.Move(secret, fmt.Sprintf("team-%d", i), s.Holder(secret, awsfake.Current))
		}
		p := s.start(t.Context(), "one", nil)
		_, err := p.store.Prepare(t.Context(), p.look())
		says(t, err, "18 staging labels", "2 more are needed", "AWS allows 20", "wait for that")
		if s.Calls("PutSecretValue") > 0 {
			t.Error("a version was put")
		}
	})
	t.Run("versions", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		s.Fail("PutSecretValue", 1000, "LimitExceededException", "The request failed because it would exceed the quota of 100 versions for this secret.")
		p := s.start(t.Context(), "one", nil)
		_, err := p.store.Prepare(t.Context(), p.look())
		says(t, err, "PutSecretValue", "a limit of Secrets Manager is reached", "100 versions", "LimitExceededException")
	})
}

// over lets keys retire at once.
func (s *site) over(p *process) {
	s.Helper()
	st := p.look()
	for i, k := range st.Keys {
		if k.Stage == rotation.Retiring {
			st.Keys[i].VerifyUntil = time.Now().Add(-time.Second)
		}
	}
	st.Rev = max(st.Rev+1, time.Now().UnixMilli())
	ev := rotation.NewEvent(st, "aws", "recorded", time.Now())
	raw, err := json.Marshal(ev)
	if err != nil {
		s.Fatal(err)
	}
	s.log.Put(ring, raw)
}

func TestPinsAndAWSPREVIOUSGoWithTheirKeys(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	if _, err := p.rotate(rollout.Request{}); err != nil {
		t.Fatal(err)
	}
	s.Move(secret, "team", old) // somebody else's
	s.over(p)
	two, three := s.start(t.Context(), "two", nil), s.start(t.Context(), "three", nil)
	s.keep(func() bool { return s.labels(old) == "team" }, two, three)
	if len(s.head().Keys) != 1 || s.labels(s.Holder(secret, awsfake.Current)) != awsfake.Current {
		t.Errorf("got %+v, labels %v", s.head(), s.Labels(secret))
	}
}

func TestWhatOthersLeaveStays(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	old := s.Holder(secret, awsfake.Current)
	p.look()
	s.Put(secret, awsfake.String(second)) // by the CLI: AWSPREVIOUS is on the old version, unpinned
	p.look()
	s.over(p)
	st := p.look()
	if len(st.Keys) != 1 {
		t.Fatalf("got %+v", st.Keys)
	}
	pending := s.Put(secret, awsfake.String("kL3-"+second), awsfake.Pending) // and a rotation of theirs has begun
	if err := p.store.Tidy(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if s.labels(old) != awsfake.Previous || s.labels(pending) != awsfake.Pending || s.Calls("UpdateSecretVersionStage") > 0 {
		t.Errorf("got labels %v", s.Labels(secret))
	}
}

func TestATurnBackToAnEarlierKeyIsAPromotion(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	p.look()
	if _, err := p.rotate(rollout.Request{}); err != nil {
		t.Fatal(err)
	}
	st := s.head()
	from, to := st.Keys[0], st.Keys[1]
	if err := p.store.Promote(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	st, err := p.watcher.Look(t.Context(), rotation.ByOps, to.Name)
	if err != nil || st.Keys[0].Name != to.Name || !strings.HasSuffix(s.rows(), "rolled_back") {
		t.Fatalf("got %+v, %s, %v", st.Keys, s.rows(), err)
	}
	// And from there, a turn makes a fresh key: the one turned away from does not come back.
	r, err := p.rotate(rollout.Request{})
	if err != nil || r.To == from.Name || len(s.Versions(secret)) != 3 {
		t.Fatalf("got %+v, %v, versions %v", r, err, s.Versions(secret))
	}
}

func TestAnAbandonedVersionIsNotUsedAgain(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	if _, err := p.store.Prepare(t.Context(), p.look()); err != nil {
		t.Fatal(err)
	}
	p.look()
	given := s.Holder(secret, awsfake.Pending)
	s.Move(secret, awsfake.Pending, "") // somebody thought better of it
	st := p.look()
	if err := p.store.Tidy(t.Context(), st); err != nil || s.labels(given) != "" {
		t.Errorf("got %v, labels %q", err, s.labels(given))
	}
	r, err := p.rotate(rollout.Request{})
	if err != nil || r.To == given || r.Resumed {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestALostPendingLabelIsPutBack(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	st := p.look()
	kid, err := p.store.Prepare(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	put := s.Holder(secret, awsfake.Pending)
	s.Move(secret, awsfake.Pending, "") // before any watcher saw it
	s.Move(secret, "keyturn-turn", "")
	two := s.start(t.Context(), "two", nil)
	again, err := two.store.Prepare(t.Context(), two.look())
	if err != nil || again != kid || s.labels(put) != "AWSPENDING keyturn-turn" {
		t.Fatalf("got %q, %v, labels %q; want kid %q", again, err, s.labels(put), kid)
	}
}

func TestWhatMayNotBeTurnedIsRefused(t *testing.T) {
	refused := func(t *testing.T, s *site, parts ...string) {
		t.Helper()
		p := s.start(t.Context(), "one", nil)
		p.look()
		_, err := p.rotate(rollout.Request{})
		if !errors.Is(err, rollout.ErrRefused) {
			t.Fatalf("got %v", err)
		}
		says(t, err, parts...)
		if n := s.Calls("PutSecretValue") + s.Calls("UpdateSecretVersionStage") + s.Calls("RotateSecret"); n > 0 {
			t.Errorf("%d writes", n)
		}
	}
	t.Run("a rotation function owns it", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		s.Lambda(secret, s.Template(func(v awsfake.Value) awsfake.Value { return v }))
		refused(t, s, "rotated by the function", "rotateBy")
	})
	t.Run("a service owns it", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		s.OwnedBy(secret, "rds")
		refused(t, s, "managed by the AWS service rds")
	})
	t.Run("deleted", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		p := s.start(t.Context(), "zero", nil)
		p.look()
		s.Delete(secret, 7)
		refused(t, s, "scheduled for deletion")
	})
	t.Run("said otherwise", func(t *testing.T) {
		s := newSite(t, awsfake.String(first))
		s.Lambda(secret, s.Template(func(v awsfake.Value) awsfake.Value { return v }))
		s.rotateBy = secretsmanager.RotateByKeyturn
		p := s.start(t.Context(), "one", nil)
		p.look()
		if r, err := p.rotate(rollout.Request{}); err != nil || !r.Turned {
			t.Fatalf("got %+v, %v", r, err)
		}
	})
}

func TestRotationsOfOthersAreFollowed(t *testing.T) {
	for name, turn := range map[string]func(s *site){
		"rotation function": func(s *site) {
			s.Lambda(secret, s.Template(func(awsfake.Value) awsfake.Value { return awsfake.String(second) }))
			s.Rotate(secret)
		},
		"command line": func(s *site) { s.Put(secret, awsfake.String(second)) },
		"Terraform":    func(s *site) { s.Update(secret, awsfake.String(second)) },
		"by hand":      func(s *site) { s.Move(secret, awsfake.Current, s.Put(secret, awsfake.String(second), awsfake.Pending)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, awsfake.String(first))
			p := s.start(t.Context(), "one", nil)
			p.look()
			old := s.Holder(secret, awsfake.Current)
			turn(s)
			s.until(func() bool { return s.Holder(secret, awsfake.Current) != old })
			s.keep(func() bool {
				cur, _ := s.head().Current()
				now := s.Holder(secret, awsfake.Current)
				return cur.Version == now && s.labels(now) == awsfake.Current
			}, p)
			if st := s.head(); len(st.Keys) != 2 || st.Keys[1].Version != old || s.labels(old) != awsfake.Previous {
				t.Errorf("got %+v, labels %v", st.Keys, s.Labels(secret))
			}
		})
	}
}

// setOf writes a set with one private key, named old, that signs.
func setOf(t *testing.T) (string, auth.Key) {
	t.Helper()
	k, err := auth.Generate("old", auth.ES256)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := k.MarshalPrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"current_kid":"old","keys":[%s]}`, jwk), k
}

func (s *site) kidsOfCurrent() []string {
	s.Helper()
	b, _ := s.Value(secret, s.Holder(secret, awsfake.Current)).Reveal()
	p, err := auth.ParseKeys(b, auth.ParseOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var kids []string
	for _, k := range p.Keys {
		kids = append(kids, k.KID())
	}
	return kids
}

func TestASetKeepsTheOldKeyForVerificationAndDropsItWhenItIsGone(t *testing.T) {
	set, _ := setOf(t)
	s := newSite(t, awsfake.String(set))
	p := s.start(t.Context(), "one", nil)
	p.look()
	v1 := s.Holder(secret, awsfake.Current)
	r, err := p.rotate(rollout.Request{})
	if err != nil || !r.Turned {
		t.Fatalf("got %+v, %v", r, err)
	}
	if kids := s.kidsOfCurrent(); len(kids) != 2 || kids[0] != r.KID || kids[1] != "old" {
		t.Errorf("got %v", kids)
	}
	if st := s.head(); len(st.Keys) != 2 || st.Keys[0].KID != r.KID || st.Keys[1].KID != "old" || st.Keys[1].Stage != rotation.Retiring {
		t.Errorf("got %+v", st.Keys)
	}
	s.over(p)
	s.keep(func() bool { return s.labels(v1) == "" }, p)
	fresh := s.start(t.Context(), "two", nil)
	fresh.look()
	if r, err = fresh.rotate(rollout.Request{}); err != nil || !r.Turned {
		t.Fatalf("got %+v, %v", r, err)
	}
	if kids := s.kidsOfCurrent(); len(kids) != 2 || kids[0] != r.KID || kids[1] == "old" {
		t.Errorf("got %v", kids)
	}
}

func TestALeakedKeyLeavesTheSetToo(t *testing.T) {
	set, _ := setOf(t)
	atEachDeed(t, awsfake.String(set), rollout.Request{Compromise: true}, func(t *testing.T, s *site) {
		if !strings.Contains(s.rows(), "revoke") {
			return
		}
		v1 := s.Versions(secret)[0]
		s.keep(func() bool {
			now := s.Holder(secret, awsfake.Current)
			return now != v1 && s.labels(v1) == "" && len(s.head().Revoke) == 0 && s.labels(now) == awsfake.Current
		}, s.start(t.Context(), "two", nil))
		if kids := s.kidsOfCurrent(); len(kids) != 1 || kids[0] == "old" {
			t.Errorf("got %v", kids)
		}
		if st := s.head(); len(st.Keys) != 1 || len(st.Gone) != 1 || st.Gone[0].KID != "old" || st.Gone[0].Why != rotation.WhyCompromised {
			t.Errorf("got %+v", st)
		}
	})
}

func TestStaleAndThrottledAnswersTurnNothingTwice(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	s.tries = 3
	p := s.start(t.Context(), "one", nil)
	p.look()
	s.Stale(0.3)
	defer s.Stale(0)
	for i := range 8 {
		before := len(s.Versions(secret))
		s.Throttle(i % 3 % 2)
		r, err := p.rotate(rollout.Request{})
		if err != nil || !r.Turned || len(s.Versions(secret)) != before+1 {
			t.Fatalf("turn %d: got %+v, %v, versions %v", i, r, err, s.Versions(secret))
		}
		if i%3 == 2 { // make room for labels
			s.over(p)
		}
	}
}
