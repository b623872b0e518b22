package secretsmanager

import (
	"fmt"
	"slices"
	"testing"
	"time"

	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Each transition of the labels, whoever makes it, and the row of the rotation
// rules that it is.
func TestEveryMoveOfTheLabelsIsNoticedAsWhatItIs(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(s *scene) // the state is made after it
		does   func(s *scene)
		row    string   // "": no event
		keys   []string // labels: "current", "pending", "previous", as stand in the state by version
		gap    bool
	}{
		{name: "a tag is set", does: func(s *scene) { s.Tag(secretName, "team", "pay") }},
		{name: "the description is changed", does: func(s *scene) { s.Describe(secretName, "signs tokens") }},
		{name: "a foreign label moves", does: func(s *scene) { s.move("jwt-hold", s.holder(awsfake.Current)) }},
		{name: "a key is announced", does: func(s *scene) { s.put(raw(2), awsfake.Pending) }, row: "pending"},
		{name: "the announced key is promoted, and AWSPENDING stays on it", before: func(s *scene) { s.put(raw(2), awsfake.Pending) },
			does: func(s *scene) { s.move(awsfake.Current, s.holder(awsfake.Pending)) }, row: "promoted"},
		{name: "the left-over AWSPENDING is taken off", before: func(s *scene) {
			s.put(raw(2), awsfake.Pending)
			s.move(awsfake.Current, s.holder(awsfake.Pending))
		}, does: func(s *scene) { s.move(awsfake.Pending, "") }},
		{name: "the console stores a new value", does: func(s *scene) { s.put(raw(2)) }, row: "replaced"},
		{name: "terraform updates the value", does: func(s *scene) { s.pass(time.Second); s.Update(secretName, raw(2)) }, row: "replaced"},
		{name: "the same value is stored again under a kid of its own", before: func(s *scene) { s.put(named("a", 2)) },
			does: func(s *scene) { s.put(named("a", 2)) }, row: "reissued"},
		{name: "other material comes under the same kid", before: func(s *scene) { s.put(named("a", 2)) },
			does: func(s *scene) { s.put(named("a", 3)) }, row: "kid_reuse"},
		{name: "the previous key is current again", before: func(s *scene) { s.put(raw(2)) },
			does: func(s *scene) { s.move(awsfake.Current, s.holder(awsfake.Previous)) }, row: "rolled_back"},
		{name: "the announced key is withdrawn", before: func(s *scene) { s.put(raw(2), awsfake.Pending) },
			does: func(s *scene) { s.move(awsfake.Pending, "") }, row: "pending_abandoned"},
		{name: "another key is announced instead", before: func(s *scene) { s.put(raw(2), awsfake.Pending) },
			does: func(s *scene) { s.put(raw(3), awsfake.Pending) }, row: "pending"},
		{name: "a plain put while a key is pending drops it", before: func(s *scene) { s.put(raw(2), awsfake.Pending) },
			does: func(s *scene) { s.put(raw(3)) }, row: "replaced"},
		{name: "the previous version loses its label and verifies on", before: func(s *scene) { s.put(raw(2)) },
			does: func(s *scene) { s.move(awsfake.Previous, "") }},
		{name: "two rotations between looks", does: func(s *scene) { s.put(raw(2)); s.put(raw(3)) }, row: "replaced", gap: true},
		{name: "the secret is scheduled for deletion", does: func(s *scene) { s.pass(time.Second); s.Delete(secretName, 7) }, row: "deletion_scheduled"},
		{name: "the deletion is taken back", before: func(s *scene) { s.Delete(secretName, 7) },
			does: func(s *scene) { s.pass(time.Second); s.Restore(secretName) }, row: "restored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, raw(1))
			st := s.first()
			if c.before != nil {
				s.pass(time.Second)
				c.before(s)
				st, _ = s.next(st)
			}
			s.pass(time.Second)
			c.does(s)
			after, change := s.next(st)
			if change.Row != c.row || after.Cause.Gap != c.gap && c.row != "" {
				t.Fatalf("got row %q, gap %v, %v; want %q, %v", change.Row, after.Cause.Gap, change.Alarms, c.row, c.gap)
			}
			if again, change := s.next(after); change.Row != "" {
				t.Errorf("the same look again: got row %q: %v after %v", change.Row, liveIn(again), liveIn(after))
			}
			if cur, _ := after.Current(); !after.Deleted && cur.Version != s.holder(awsfake.Current) {
				t.Errorf("current: got version %s, want %s", cur.Version, s.holder(awsfake.Current))
			}
		})
	}
}

func TestALookThatFindsNothingNewIsOneCall(t *testing.T) {
	s := newScene(t, raw(1))
	pending := s.put(raw(2), awsfake.Pending)
	st := s.first()
	equal(t, "values read at first", s.gets(), s.holder(awsfake.Current)+" AWSCURRENT", pending+" AWSPENDING")
	s.ForgetCalls()
	for range 5 {
		st, _ = s.next(st)
	}
	if n := len(s.Journal()); n != 5 {
		t.Errorf("5 looks made %d calls", n)
	}
	s.ForgetCalls()
	s.move(awsfake.Current, pending)
	if _, change := s.next(st); change.Row != "promoted" {
		t.Errorf("got row %q", change.Row)
	}
	equal(t, "values read for a promotion", s.gets())
}

func TestAVersionIsReadByItsLabelWhereItHasOneAndByItsIdAlone(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	two := s.put(raw(2))
	st, _ = s.next(st)
	three := s.put(raw(3))
	st, _ = s.next(st) // one has no label any more, and verifies still
	s.open(Config{})   // a restart forgets all values
	s.ForgetCalls()
	snap := s.look(st)
	equal(t, "read", s.gets(), three+" AWSCURRENT", two+" AWSPREVIOUS", one)
	if snap.Known[one] == "" {
		t.Errorf("the print of the label-less key is missing: %d prints", len(snap.Known))
	}
	for _, k := range st.Keys {
		if _, err := s.store.Value(t.Context(), st, k); err != nil {
			t.Error(err)
		}
	}
}

func TestAPinnedVersionThatVerifiesIsRetiring(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	s.move(pinOf(one), one)
	two := s.put(raw(2))
	three := s.put(raw(3))
	s.move(awsfake.Previous, "") // of two; one has its pin alone
	equal(t, "shown", shownBy(s.look(st)), three+" current", one+" retiring")
	equal(t, "shown to who knows the ring without it", shownBy(s.look(rotation.State{Ring: ringName, Rev: 1, Keys: []rotation.Key{{Name: three, Version: three}}})), three+" current")
	_ = two
}

func TestAnEmptySecretHasNoKeys(t *testing.T) {
	s := newScene(t, awsfake.Value{})
	snap := s.look(rotation.State{})
	if _, change := rotation.Next(rotation.State{}, snap, rotation.Policy{}, time.Now()); len(snap.Keys) != 0 || change.Row != "" || len(change.Alarms) != 1 || change.Alarms[0].Code != "unusable" {
		t.Errorf("got %v, %+v", shownBy(snap), change)
	}
	s.put(raw(1))
	s.first()
}

func TestARotationOfALambdaIsFollowedFromItsFirstStep(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	begun, go1, done := make(chan string), make(chan struct{}), make(chan struct{})
	template := s.Template(func(awsfake.Value) awsfake.Value { return raw(2) })
	s.Lambda(secretName, func(step, id, token string) error {
		s.pass(time.Second)
		if step == "createSecret" {
			begun <- token
			<-go1
		}
		err := template(step, id, token)
		if step == "setSecret" {
			begun <- token
			<-go1
		}
		if step == "finishSecret" {
			close(done)
		}
		return err
	})
	s.pass(time.Second)
	s.Rotate(secretName)

	token := <-begun
	equal(t, "shown while the value is missing", shownBy(s.look(st)), s.holder(awsfake.Current)+" current", token+" pending")
	after, change := s.next(st)
	equal(t, "alarms", codesOf(change.Alarms), "rotation_started")
	if change.Row != "" || after.Rev != st.Rev {
		t.Fatalf("a version without value made row %q", change.Row)
	}
	go1 <- struct{}{}

	<-begun
	if st, change = s.next(st); change.Row != "pending" {
		t.Fatalf("got row %q, want pending", change.Row)
	}
	go1 <- struct{}{}
	<-done
	s.pass(time.Second)
	if st, change = s.next(st); change.Row != "promoted" || len(st.Keys) != 2 {
		t.Fatalf("got row %q, %v", change.Row, liveIn(st))
	}
}

func TestATestOfARotationFunctionTurnsNothing(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	begun, release := make(chan struct{}), make(chan struct{})
	s.Lambda(secretName, func(string, string, string) error {
		close(begun)
		<-release
		return nil
	})
	s.pass(time.Second)
	s.TestRotation(secretName)
	<-begun
	st, change := s.next(st)
	if change.Row != "" && change.Row != "pending" {
		t.Errorf("while it runs: got row %q", change.Row)
	}
	s.pass(time.Second)
	close(release)
	until(t, "the test is over", func() bool { return s.holder(awsfake.Pending) == "" })
	st, _ = s.next(st)
	equal(t, "state", liveIn(st), s.holder(awsfake.Current)+" current")
}

func TestChangesInOneMillisecondAreSeen(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	s.Put(secretName, raw(2)) // the clock stands still
	if _, change := s.next(st); change.Row != "replaced" {
		t.Errorf("got row %q", change.Row)
	}
}

func TestALookForSomebodyWhoKnowsLessHidesNoAlarm(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.put(raw(3))
	st, _ = s.next(st)
	s.Purge(secretName, one)
	s.open(Config{})
	s.look(st)
	s.look(rotation.State{})
	equal(t, "alarms", codesOf(s.store.Alarms()), "orphaned")
}

// Whatever labels an answer has, in whatever order and however often: each
// version is shown once, and no stage that labels give is given twice.
func FuzzStages(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2, 2, 3})
	f.Add([]byte{0, 1, 0, 2, 1, 1, 1, 3, 2, 4, 3, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		out := &awssm.DescribeSecretOutput{VersionIdsToStages: map[string][]string{}}
		var prev rotation.State
		for i := 0; i+1 < len(data); i += 2 {
			version := fmt.Sprintf("%08x-0000-0000-0000-000000000000", data[i]%8)
			label := []string{"", labelCurrent, labelPending, labelPrevious, pinOf(version), "hold"}[data[i+1]%6]
			out.VersionIdsToStages[version] = append(out.VersionIdsToStages[version], label)
			if data[i+1] > 127 {
				prev.Keys = append(prev.Keys, rotation.Key{Name: version, Version: version})
			}
		}
		v := newView(out)
		seen, given := map[string]bool{}, map[rotation.Stage]int{}
		for _, l := range stages(v, prev) {
			if l.version == "" || seen[l.version] || v.label(l.version) == "" || !v.has(l.version, v.label(l.version)) {
				t.Errorf("%q: version %q is shown twice, or without a label", data, l.version)
			}
			seen[l.version] = true
			given[l.stage]++
		}
		if given[rotation.Current] > 1 || given[rotation.Pending] > 1 {
			t.Errorf("%q: %v", data, given)
		}
		for _, version := range v.versions() {
			if labels := v.labels[version]; !slices.IsSorted(labels) || len(slices.Compact(slices.Clone(labels))) != len(labels) || slices.Contains(labels, "") {
				t.Errorf("%q: labels %q", data, labels)
			}
		}
	})
}

func TestWhatEmulatorsAddIsLeftOut(t *testing.T) {
	s := newScene(t, raw(1))
	s.put(raw(2))
	s.put(raw(3))
	s.Untidy(true)
	equal(t, "shown", shownBy(s.look(rotation.State{})), s.holder(awsfake.Current)+" current", s.holder(awsfake.Previous)+" retiring")
	if n := s.inspect().Labels; n != 2 {
		t.Errorf("%d labels, want 2", n)
	}
}
