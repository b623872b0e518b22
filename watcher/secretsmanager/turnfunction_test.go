package secretsmanager_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// functionSite is a ring whose key a rotation function turns, at keyturn's word.
func functionSite(t *testing.T, function func(s *site) awsfake.LambdaFunc) *site {
	t.Helper()
	s := newSite(t, awsfake.String(first))
	s.rotateBy = secretsmanager.RotateByLambda
	s.Lambda(secret, function(s))
	return s
}

func template(s *site) awsfake.LambdaFunc {
	return s.Template(func(awsfake.Value) awsfake.Value { return awsfake.String(second) })
}

func TestTheRotationFunctionTurnsAtKeyturnsWord(t *testing.T) {
	s := functionSite(t, template)
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	var names, details []string
	r, err := rollout.Rotate(t.Context(), p.deps, rollout.Request{}, func(step rollout.Step) {
		names, details = append(names, step.Name), append(details, step.Detail)
	})
	if err != nil || !r.Turned || r.From != old || r.To != s.Holder(secret, awsfake.Current) || !r.Signs {
		t.Fatalf("got %+v, %v", r, err)
	}
	if got := strings.Join(names, " "); got != "look rotate record sign" {
		t.Errorf("got steps %s", got)
	}
	if !strings.Contains(strings.Join(details, "\n"), "WARNING: the store turned its key itself") {
		t.Errorf("got %q", details)
	}
	if st := s.head(); len(st.Keys) != 2 || st.Keys[1].Name != old || s.Calls("RotateSecret") != 1 {
		t.Errorf("got %+v after %d calls", st.Keys, s.Calls("RotateSecret"))
	}
}

func TestADryRunSaysThatTheFunctionTurns(t *testing.T) {
	s := functionSite(t, template)
	p := s.start(t.Context(), "one", nil)
	p.look()
	var details []string
	_, err := rollout.Rotate(t.Context(), p.deps, rollout.Request{DryRun: true, Compromise: true}, func(step rollout.Step) { details = append(details, step.Detail) })
	text := strings.Join(details, "\n")
	if err != nil || !strings.Contains(text, "would have the store turn its key itself") || !strings.Contains(text, "would write down") || s.Calls("RotateSecret") > 0 {
		t.Fatalf("got %q, %v", text, err)
	}
}

func TestACompromiseByTheRotationFunctionIsWrittenDownFirst(t *testing.T) {
	s := functionSite(t, template)
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	defer s.Before("RotateSecret", func(awsfake.Call) {
		if !strings.HasSuffix(s.rows(), "revoke") {
			t.Errorf("the function was called after %s", s.rows())
		}
	})()
	r, err := p.rotate(rollout.Request{Compromise: true})
	if err != nil || !r.Turned || !r.Revoked {
		t.Fatalf("got %+v, %v", r, err)
	}
	if st := s.head(); len(st.Keys) != 1 || st.Gone[0].Key != old || st.Gone[0].Why != rotation.WhyCompromised || s.labels(old) != "" {
		t.Errorf("got %+v, labels %q", st, s.labels(old))
	}
}

func TestARotationFunctionThatFailsIsToldWithTheRemedy(t *testing.T) {
	s := functionSite(t, func(*site) awsfake.LambdaFunc { return awsfake.Failing("createSecret") })
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	// It would wait for a quarter of an hour: its caller gives up once it waits.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Bool
	unhook := s.After("RotateSecret", func(awsfake.Call) awsfake.Outcome { asked.Store(true); return awsfake.Answer })
	unwatch := s.Before("DescribeSecret", func(awsfake.Call) {
		if asked.Load() {
			cancel()
		}
	})
	p.ctx = ctx
	r, err := p.rotate(rollout.Request{})
	unhook()
	unwatch()
	says(t, err, "did not make version", "RotationFailed", "cancel-rotate-secret --secret-id prod/jwt", "remove-from-version-id", "key "+old+" is current still")
	if r.Turned || s.Holder(secret, awsfake.Current) != old {
		t.Errorf("got %+v", r)
	}
	// Once the function is mended, the same turn goes on: the same version, no second one.
	s.Lambda(secret, template(s))
	p.ctx = t.Context()
	if r, err := p.rotate(rollout.Request{}); err != nil || !r.Turned || len(s.Versions(secret)) != 2 {
		t.Errorf("got %+v, %v, versions %v", r, err, s.Versions(secret))
	}
}

func TestARotationOfAnotherInTheWayIsToldWithTheRemedy(t *testing.T) {
	s := functionSite(t, template)
	theirs := s.Put(secret, awsfake.String(second), awsfake.Pending)
	p := s.start(t.Context(), "one", nil)
	p.look()
	_, err := p.rotate(rollout.Request{})
	says(t, err, "a rotation to version "+theirs+" has begun", "cancel-rotate-secret")
	if s.Calls("RotateSecret") > 0 {
		t.Error("it was asked for all the same")
	}
}

func TestALostAnswerOfRotateSecretIsNoSecondRotation(t *testing.T) {
	s := functionSite(t, template)
	w := &wire{}
	p := s.start(t.Context(), "one", w)
	p.look()
	w.mu.Lock()
	w.at, w.after, w.only, w.done = 1, true, "RotateSecret", 0
	w.mu.Unlock()
	if r, err := p.rotate(rollout.Request{}); err != nil || !r.Turned || len(s.Versions(secret)) != 2 {
		t.Fatalf("got %+v, %v, versions %v", r, err, s.Versions(secret))
	}
}

func TestATurnThatIsTooOldIsAlarmedAndNotEnded(t *testing.T) {
	s := &site{T: t, Fake: awsfake.New(t), log: &logtest.Memory{}}
	s.Clock(func() time.Time { return time.Now().Add(-25 * time.Hour) })
	s.Create(secret, awsfake.String(first))
	old := s.Holder(secret, awsfake.Current)
	p := s.start(t.Context(), "one", nil)
	if _, err := p.store.Prepare(t.Context(), p.look()); err != nil {
		t.Fatal(err)
	}
	two := s.start(t.Context(), "two", nil)
	two.look()
	k, err := rollout.NewKeeper(rollout.KeeperConfig{Deps: two.deps})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	s.until(func() bool { return len(k.Alarms()) > 0 })
	if a := k.Alarms()[0]; a.Code != "turn_unfinished" || !strings.Contains(a.Text, "keyturn rotate payments") || s.Holder(secret, awsfake.Current) != old {
		t.Errorf("got %+v", a)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
