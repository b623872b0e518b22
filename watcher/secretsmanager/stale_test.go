package secretsmanager

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func (s *scene) lookError(prev rotation.State) error {
	s.Helper()
	snap, err := s.store.Look(s.Context(), prev)
	if err == nil {
		s.Fatalf("the look went well: %v", shownBy(snap))
	}
	return err
}

func TestAnAnswerOlderThanAnEarlierOneIsAskedForAgainAndThenStale(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.Stale(1)
	s.ForgetCalls()
	if err := s.lookError(st); !errors.Is(err, watcher.ErrStale) {
		t.Errorf("got %v, want a stale look", err)
	}
	if n, want := s.Calls("DescribeSecret"), 1+len(s.store.pauses); n != want {
		t.Errorf("%d calls, want %d", n, want)
	}
	if n := s.counted("keyturn_secretsmanager_describes_total", "result=stale"); n != 4 {
		t.Errorf("counted %v stale answers", n)
	}
	s.Stale(0)
	if _, change := s.next(st); change.Row != "" {
		t.Errorf("got row %q", change.Row)
	}
}

func TestAFreshProcessBelievesNothingOlderThanTheLog(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.open(Config{})
	s.Stale(1)
	if err := s.lookError(st); !errors.Is(err, watcher.ErrStale) {
		t.Errorf("got %v, want a stale look", err)
	}
}

func TestAnAnswerIsHeldAgainstWhatWasJustWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		expect func(s *scene, one string)
		then   func(s *scene) // makes AWS show what is expected, or something newer
	}{
		{"a label is there", func(s *scene, one string) { s.store.expect(one, "keyturn-turn", time.Now().Add(time.Hour)) },
			func(s *scene) { s.move("keyturn-turn", s.holder(awsfake.Current)) }},
		{"a version is there", func(s *scene, _ string) {
			s.store.expect("11111111-2222-3333-4444-555555555555", "", time.Now().Add(time.Hour))
		},
			func(s *scene) { s.put(raw(2)) }},
		{"a label is gone", func(s *scene, one string) { s.store.expectGone(one, "hold", time.Now().Add(time.Hour)) },
			func(s *scene) { s.move("hold", "") }},
		{"somebody has moved on", func(s *scene, one string) { s.store.expect(one, "other", time.Now().Add(time.Hour)) },
			func(s *scene) { s.put(raw(2)) }},
		{"its time is over", func(s *scene, one string) {
			s.store.expect(one, "other", time.Now().Add(time.Hour))
			s.store.expectations[0].until = time.Now()
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, raw(1))
			one := s.holder(awsfake.Current)
			s.move("hold", one)
			st := s.first()
			c.expect(s, one)
			if c.then != nil {
				if err := s.lookError(st); !errors.Is(err, watcher.ErrStale) {
					t.Errorf("got %v, want a stale look", err)
				}
				c.then(s)
			}
			s.look(st)
			if n := len(s.store.expectations); n != 0 {
				t.Errorf("%d expectations are left", n)
			}
		})
	}
}

func TestWhatIsShownAlreadyIsNotExpected(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	s.store.expect(s.holder(awsfake.Current), awsfake.Current, time.Now().Add(time.Hour))
	s.store.expectGone(s.holder(awsfake.Current), "other", time.Now().Add(time.Hour))
	if n := len(s.store.expectations); n != 0 {
		t.Errorf("%d expectations", n)
	}
	for range 2 * maxExpectations {
		s.store.expect(strong(len(s.store.expectations)), "", time.Now().Add(time.Hour))
	}
	if n := len(s.store.expectations); n > maxExpectations {
		t.Errorf("%d expectations, want at most %d", n, maxExpectations)
	}
	_ = st
}

func TestTwoCurrentVersionsAreNotBelieved(t *testing.T) {
	s := newScene(t, raw(1))
	s.put(raw(2))
	st := s.first()
	s.put(raw(3))
	s.TwoCurrent(secretName, true)
	if err := s.lookError(st); !errors.Is(err, watcher.ErrStale) {
		t.Errorf("got %v, want a stale look", err)
	}
	equal(t, "alarms", codesOf(s.store.Alarms()), "inconsistent")
	s.TwoCurrent(secretName, false)
	if _, change := s.next(st); change.Row != "replaced" {
		t.Errorf("got row %q", change.Row)
	}
	equal(t, "alarms", codesOf(s.store.Alarms()))
}

func TestALabelThatMovesWhileItsValueIsReadStartsTheLookAgain(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	two := s.put(raw(2), awsfake.Pending)
	moves := 2
	remove := s.Before("GetSecretValue", func(c awsfake.Call) {
		if moves--; moves >= 0 {
			two = s.put(raw(10+moves), awsfake.Pending)
		}
	})
	snap := s.look(st)
	remove()
	equal(t, "shown", shownBy(snap), s.holder(awsfake.Current)+" current", two+" pending")
	if n := s.Calls("DescribeSecret"); n != 1+3 {
		t.Errorf("%d looks at the labels, want 4", n)
	}

	s.put(raw(3), awsfake.Pending)
	remove = s.Before("GetSecretValue", func(c awsfake.Call) { s.put(raw(20), awsfake.Pending) })
	defer remove()
	if err := s.lookError(st); !errors.Is(err, watcher.ErrStale) {
		t.Errorf("got %v, want a stale look", err)
	}
}

func TestADeletedSecretKeepsItsKeysAndServesThem(t *testing.T) {
	s := newScene(t, raw(1))
	two := s.put(raw(2))
	st := s.first()
	s.pass(time.Second)
	s.Delete(secretName, 7)
	st, change := s.next(st)
	if change.Row != "deletion_scheduled" || len(st.Keys) != 2 {
		t.Fatalf("got row %q, %v", change.Row, liveIn(st))
	}
	k, _ := st.Key(two)
	if _, err := s.store.Value(t.Context(), st, k); err != nil {
		t.Errorf("a value that was read before: %v", err)
	}
	if err := s.store.Writable(); err == nil {
		t.Error("a deleted secret is writable")
	}
}

func TestASecretThatIsNotThereIsGoneAfterAMinuteAndThreeLooks(t *testing.T) {
	s := newScene(t, raw(1))
	s.open(Config{Client: s.client(awsfake.Admin, awsfake.Region)}) // a policy for one secret hides that it is gone
	st := s.first()
	s.pass(time.Second)
	s.ForceDelete(secretName)
	for range 4 { // soon after each other
		if err := s.lookError(st); classOf(err) != classGone {
			t.Errorf("got %v, want not found", err)
		}
	}
	if err := s.lookError(rotation.State{}); classOf(err) != classGone {
		t.Errorf("without a state: got %v, want not found", err)
	}
	s.store.missed.since = s.store.missed.since.Add(-goneAfter)
	st, change := s.next(st)
	if change.Row != "gone" || !st.Deleted {
		t.Fatalf("got row %q", change.Row)
	}
	if _, change = s.next(st); change.Row != "" {
		t.Errorf("again: got row %q", change.Row)
	}
}

func TestASecretIsMissedOnlyWhileItIsMissing(t *testing.T) {
	at := time.Now()
	var a absence
	for _, c := range []struct {
		after time.Duration
		gone  bool
	}{{0, false}, {59 * time.Second, false}, {60 * time.Second, true}, {70 * time.Second, true}} {
		var gone bool
		if a, gone = a.again(at.Add(c.after)); gone != c.gone {
			t.Errorf("after %s: gone is %v", c.after, gone)
		}
	}
	b, _ := absence{}.again(at)
	if _, gone := b.again(at.Add(time.Hour)); gone {
		t.Error("two misses are enough")
	}
	s := newScene(t, raw(1))
	st := s.first()
	s.Fake.Fail("DescribeSecret", 2, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	s.lookError(st)
	s.lookError(st)
	s.look(st)
	if s.store.missed.times != 0 {
		t.Error("a look that went well does not end the count")
	}
}

func TestASecretMadeAnewUnderItsNameVoidsTheOlderKeys(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory bool // the process has a file
		open   bool // the process starts anew meanwhile
	}{
		{name: "seen by one process"},
		{name: "across a restart, by its date", open: true},
		{name: "across a restart, by the file", memory: true, open: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, raw(1))
			config := Config{}
			if c.memory {
				config.Memory = tempFile(t, "payments.secret")
				s.open(config)
			}
			st := s.first()
			st, _ = s.next(st)
			s.pass(time.Second)
			s.ForceDelete(secretName)
			s.pass(time.Second)
			s.Create(secretName, raw(2))
			if c.open {
				s.open(config)
			}
			for range 2 { // the log may be away when it is seen for the first time
				after, change := s.next(st)
				if change.Row != "recreated" || len(after.Keys) != 1 {
					t.Fatalf("got row %q, %v", change.Row, liveIn(after))
				}
			}
			st, _ = s.next(st)
			if _, change := s.next(st); change.Row != "" {
				t.Errorf("again: got row %q", change.Row)
			}
		})
	}
}

func TestTheSecretIsRememberedByARestrictedFile(t *testing.T) {
	path := tempFile(t, "payments.secret")
	s := newScene(t, raw(1))
	s.open(Config{Memory: path})
	s.first()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got %v, %v, want mode 0600", info, err)
	}
	if i, err := memory(path).load(); err != nil || i.ARN != s.ARN(secretName) {
		t.Errorf("got %+v, %v", i, err)
	}
	if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.open(Config{Memory: path})
	s.first()
	if i, err := memory(path).load(); err != nil || i.ARN != s.ARN(secretName) {
		t.Errorf("a broken file is not written anew: got %+v, %v", i, err)
	}
	c := s.config
	c.Memory = t.TempDir()
	if _, err := Open(secretName, c); err == nil {
		t.Error("a memory that is a directory is accepted")
	}
}

// Answers of a replica that still has the secret from before must not void the
// keys of the one that replaced it.
func TestTheOlderOfTwoSecretsOfANameIsStale(t *testing.T) {
	older := view{arn: "arn:old", created: time.Unix(100, 0), changed: time.Unix(200, 0), labels: map[string][]string{"v1": {labelCurrent}}}
	later := view{arn: "arn:new", created: time.Unix(300, 0), changed: time.Unix(300, 0), labels: map[string][]string{"v2": {labelCurrent}}}
	st := rotation.State{Ring: ringName, Rev: 1, Seen: later.marker(), Keys: []rotation.Key{{Name: "v2", Version: "v2", Stage: rotation.Current}}}
	s := newScene(t, raw(1)).store
	if why := s.believe(later, st); why != "" {
		t.Fatal(why)
	}
	s.remember(later, st)
	if why := s.believe(older, st); why == "" {
		t.Error("the older secret is believed")
	}
	s.newest = view{} // a restart
	if why := s.believe(older, st); why == "" {
		t.Error("the older secret is believed after a restart")
	}
	s.remembered.ID = "another/name" // the configuration named another secret before
	if why := s.believe(older, st); why != "" {
		t.Errorf("a secret that the configuration names now is not believed: %s", why)
	}
	if !s.foreignLocked(older, st) {
		t.Error("it is not taken for another secret")
	}
}

// A replica answers as the secret was a while ago, with the marker of then. A
// watcher there is late, and hands nothing back that another has written down.
func TestWatchersInTwoRegionsFightAboutNothing(t *testing.T) {
	const away = "us-east-1"
	s := newScene(t, raw(1))
	s.Replicate(secretName, away)
	s.ReplicaLag(3 * time.Second)
	replica, err := Open(secretName, Config{Ring: ringName, Client: s.client(awsfake.Watch, away)})
	if err != nil {
		t.Fatal(err)
	}
	replica.pauses = s.store.pauses
	log := &recorder{Memory: &logtest.Memory{}}
	var watchers []*watcher.Watcher
	for _, store := range []*Store{s.store, replica} {
		w, err := watcher.New(watcher.Config{
			Ring: ringName, Store: "aws", Instance: store.region, Source: store, Log: log,
			Policy: rotation.Policy{TokenLifetime: time.Hour, SignerLag: time.Minute},
		})
		if err != nil {
			t.Fatal(err)
		}
		watchers = append(watchers, w)
	}
	look := func(n int) { // a second look, which would confirm that an earlier key is current again
		t.Helper()
		v, err := []*Store{s.store, replica}[n].ask(t.Context())
		if err == nil {
			_, err = watchers[n].Look(t.Context(), rotation.ByPoll, v.current())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	truth := []string{s.holder(labelCurrent)}
	random := rand.New(rand.NewPCG(7, 7))
	for n := range 60 {
		truth = append(truth, s.put(raw(n+2)))
		for range random.IntN(5) {
			look(random.IntN(2))
			s.pass(time.Duration(random.IntN(2000)) * time.Millisecond)
		}
	}
	s.pass(time.Minute)
	look(0)
	look(1)
	at := 0
	for _, version := range log.currents {
		i := slices.Index(truth[at:], version)
		if i < 0 {
			t.Fatalf("the log went back to version %s", version)
		}
		at += i
	}
	if at != len(truth)-1 || len(log.currents) < len(truth)/2 {
		t.Errorf("the log names %d of %d versions, the last of them number %d", len(log.currents), len(truth), at+1)
	}
	for _, w := range watchers {
		if st := w.Status(); st.Head.Rev != log.head.Rev || st.Error != "" {
			t.Errorf("watcher in %s: rev %d, want %d; error %q", st.Instance, st.Head.Rev, log.head.Rev, st.Error)
		}
	}
	if replica.Writable() == nil {
		t.Error("the key could be turned at the replica")
	}
}
