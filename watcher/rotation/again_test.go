package rotation_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// again calls Again a second later, as a process that remembers s.state.
func (s *story) again(head rotation.State) (rotation.State, rotation.Change) {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	next, c := rotation.Again(s.state, head, s.now)
	if c.Row == "" {
		if diff := cmp.Diff(head, next); diff != "" {
			s.t.Fatalf("nothing was lost, but the head changed:\n%s", diff)
		}
		return next, c
	}
	if err := rotation.Check(next); err != nil {
		s.t.Fatal(err)
	}
	if next.Rev <= head.Rev || next.Rev <= s.state.Rev || next.Rev < s.now.UnixMilli() {
		s.t.Fatalf("rev %d does not follow %d and %d", next.Rev, head.Rev, s.state.Rev)
	}
	if _, c := rotation.Again(next, next, s.now); c.Row != "" {
		s.t.Fatalf("once more: %+v", c)
	}
	return next, c
}

func TestAWipedLogIsRefilled(t *testing.T) {
	s := tell(t)
	s.state = full(t)
	s.now = s.now.Add(time.Hour)
	got, c := s.again(rotation.State{})
	wantRow(t, c, "refilled", "recorded")
	if !rotation.Equal(got, s.state) || got.Seen != s.state.Seen || got.Refresh != s.state.Refresh || got.Urgency != s.state.Urgency {
		t.Errorf("got %+v, want %+v under a new rev", got, s.state)
	}
	if diff := cmp.Diff(s.state.Gone, got.Gone); diff != "" {
		t.Error(diff)
	}
}

func TestALogRestoredFromACopyIsRefilled(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	copied := s.state
	s.look(look("2", cur("k2"), old("k1")))
	s.look(look("3", cur("k3"), old("k2")))
	s.look(look("4", cur("k4"), old("k3")))
	got, c := s.again(copied)
	wantRow(t, c, "refilled", "recorded")
	if !rotation.Equal(got, s.state) {
		t.Errorf("got %s, want %s", stages(got), stages(s.state))
	}
}

func TestALogThatLostNothingIsLeftAlone(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k5")))
	remembered := *s
	check := func() {
		t.Helper()
		r := remembered
		r.now = s.now
		_, c := r.again(s.state)
		wantNothing(t, c)
	}
	check()
	s.revoke("k1")
	check()
	s.look(look("2", cur("k2")))
	check()
	remembered = *s
	s.look(look("3", cur("k3"), old("k2")))
	check()
	remembered = *s
	s.tick(overlap)
	check()
	fresh := tell(t)
	_, c := fresh.again(rotation.State{})
	wantNothing(t, c)
	_, c = fresh.again(s.state)
	wantNothing(t, c)
}

func TestAnotherRingsMemoryIsNotMixedIn(t *testing.T) {
	s := tell(t)
	s.state = full(t)
	head := s.state
	head.Ring = "other"
	for _, rev := range []int64{1, s.state.Rev + 1} {
		head.Rev = rev
		_, c := s.again(head)
		wantNothing(t, c)
	}
}

// A watcher that was away refills a wiped log from an older memory. The one
// that knows more adds what must not be forgotten.
func TestTheMemoryOfTheOneWhoKnowsMoreIsAdded(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2"), pen("kx"), old("k0")))
	away := *s // remembers no intent
	refill := func() rotation.State {
		away.now = s.now
		head, c := away.again(rotation.State{})
		wantRow(t, c, "refilled", "recorded")
		return head
	}
	s.revoke("k1")

	t.Run("an intent", func(t *testing.T) {
		knows := *s
		got, c := knows.again(refill())
		wantRow(t, c, "refilled", "recorded")
		if !got.Revoked("k1") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("an intent whose key retires meanwhile", func(t *testing.T) {
		knows, late := *s, away
		late.state, late.now = refill(), s.now
		late.look(look("2", cur("k2"), old("k1")))
		knows.now = late.now
		got, c := knows.again(late.state)
		wantRow(t, c, "compromised", "compromised")
		if _, live := got.Key("k1"); live || got.Urgency != rotation.Compromise || got.Refresh.AfterMs != 0 {
			t.Errorf("got %+v", got)
		}
	})
	s.look(look("2", cur("k2"), pen("kx"), old("k1")))
	t.Run("a compromised key that signs again", func(t *testing.T) {
		knows := *s
		got, c := knows.again(refill())
		wantRow(t, c, "refilled", "recorded")
		if !got.Revoked("k1") {
			t.Errorf("it must go when current leaves it: %+v", got)
		}
	})
	s.revoke("kx")
	t.Run("a compromised key that is pending again", func(t *testing.T) {
		knows := *s
		got, c := knows.again(refill())
		wantRow(t, c, "compromised", "compromised")
		if _, live := got.Key("kx"); live {
			t.Errorf("got %s", stages(got))
		}
	})
	s.look(look("3", cur("k3"), old("k2")))
	s.look(look("4", cur("k4"), old("k3")))
	t.Run("keys that still retire", func(t *testing.T) {
		knows := *s
		got, c := knows.again(refill())
		wantRow(t, c, "compromised", "compromised")
		for _, name := range []string{"k0", "k3"} {
			if k := key(t, got, name); !k.VerifyUntil.Equal(key(t, s.state, name).VerifyUntil) {
				t.Errorf("%s: got %s", name, k.VerifyUntil)
			}
		}
	})
	t.Run("and of the older memory likewise", func(t *testing.T) {
		knows := *s
		head := refill()
		head.Rev = knows.state.Rev - 1
		knows.state.Gone = nil // say this process was away when kx was revoked
		head.Gone = append(head.Gone, rotation.Gone{Key: "ky", Why: rotation.WhyCompromised})
		got, c := knows.again(head)
		wantRow(t, c, "refilled", "recorded")
		if got.Gone[0].Key != "ky" {
			t.Errorf("got %+v", got.Gone)
		}
	})
}
