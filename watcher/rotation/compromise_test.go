package rotation_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func leaking(t *testing.T) *story {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2"), old("k0")))
	return s
}

func TestTheIntentToRevokeChangesNoStage(t *testing.T) {
	s := leaking(t)
	wantRow(t, s.revoke("k1"), "revoke", "recorded")
	s.want("k1 current, k2 pending, k0 retiring")
	if !s.state.Revoked("k1") || s.state.Urgency != rotation.Planned || s.state.Cause.By != rotation.ByOps || s.state.Seen != "1" {
		t.Errorf("got %+v", s.state)
	}
	wantNothing(t, s.revoke("k1"))
	wantNothing(t, s.look(look("1", cur("k1"), pen("k2"), old("k0"))))
}

func TestARevokedKeyGoesTheMomentCurrentLeavesIt(t *testing.T) {
	tests := []struct {
		name string
		seen rotation.Snapshot
	}{
		{"its labels still there", look("2", cur("k2"), old("k1"))},
		{"all labels off", look("3", cur("k2"))},
		{"only an older key labelled", look("3", cur("k2"), old("k0"))},
		{"handed to a key nobody knew", look("2", cur("k9"), old("k1"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := leaking(t)
			s.revoke("k1")
			c := s.look(tt.seen)
			wantRow(t, c, "compromised", "compromised")
			if _, live := s.state.Key("k1"); live || len(s.state.Revoke) != 0 {
				t.Fatalf("the leaked key is still there: %+v", s.state)
			}
			if g := s.state.Gone[0]; g.Key != "k1" || g.Why != rotation.WhyCompromised {
				t.Errorf("gone: %+v", s.state.Gone)
			}
			if s.state.Urgency != rotation.Compromise || s.state.Refresh.AfterMs != 0 || s.state.Refresh.WindowMs == 0 {
				t.Errorf("got urgency %s, plan %+v: want clients to start at once, spread over a window", s.state.Urgency, s.state.Refresh)
			}
			if s.state.Cause.Gap {
				t.Error("the write that takes the labels off is no gap")
			}
			wantNothing(t, s.look(tt.seen))
		})
	}
}

func TestACompromisedKeyNeverReturns(t *testing.T) {
	s := leaking(t)
	s.revoke("k1")
	s.look(look("2", cur("k2"), old("k1")))
	s.policy.Confirmed = "k1"
	for _, seen := range []rotation.Snapshot{
		look("3", cur("k1"), old("k2")),
		look("4", cur("k1"), pen("k7")),
		look("5", with(cur("k1"), func(k *rotation.Seen) { k.KID = "renamed" })), // the same version
	} {
		c := s.look(seen)
		wantNothing(t, c)
		wantAlarm(t, c, "compromised_current", "make a fresh key current")
		s.want("k2 current, k0 retiring")
	}
	c := s.look(look("6", cur("k2"), pen("k1")))
	wantNothing(t, c)
	wantAlarm(t, c, "compromised_pending", "take it out of the store")
	wantNothing(t, s.look(look("7", cur("k2"), old("k1"))))
	s.want("k2 current, k0 retiring")
}

func TestLeakedMaterialIsKnownUnderAnotherKid(t *testing.T) {
	again := func(stage rotation.Stage) rotation.Seen {
		return with(entry("k5", stage), func(k *rotation.Seen) { k.Print = "material of k1" })
	}
	known := func(l rotation.Snapshot) rotation.Snapshot {
		l.Known = map[string]rotation.Print{"k1": "material of k1"}
		return l
	}
	t.Run("before current left it", func(t *testing.T) {
		s := leaking(t)
		s.revoke("k1")
		c := s.look(known(look("2", again(rotation.Current), old("k1"))))
		wantNothing(t, c)
		wantAlarm(t, c, "compromised_current", "the compromised key k1")
		c = s.look(known(look("2", cur("k1"), pen("k2"), again(rotation.Pending))))
		wantNothing(t, c)
		wantAlarm(t, c, "compromised_pending", "the compromised key k1")
		s.want("k1 current, k2 pending, k0 retiring")
	})
	t.Run("after", func(t *testing.T) {
		s := leaking(t)
		s.revoke("k1")
		s.look(look("2", cur("k2")))
		c := s.look(known(look("3", again(rotation.Current), old("k2"))))
		wantNothing(t, c)
		wantAlarm(t, c, "compromised_current", "the compromised key k1")
		wantNothing(t, s.look(known(look("4", cur("k2"), again(rotation.Retiring)))))
		s.want("k2 current, k0 retiring")
	})
	t.Run("as an earlier key, which goes with it", func(t *testing.T) {
		s := tell(t)
		s.look(look("1", again(rotation.Current)))
		s.look(known(look("2", cur("k1"), again(rotation.Retiring))))
		s.want("k1 current, k5 retiring")
		s.revoke("k1")
		s.want("k1 current, k5 retiring")
		wantRow(t, s.look(known(look("3", cur("k2"), again(rotation.Retiring)))), "compromised", "compromised")
		s.want("k2 current")
		s.wantGone("k1 compromised, k5 compromised")
	})
	t.Run("as the current key, which may still be left", func(t *testing.T) {
		s := tell(t)
		s.look(look("1", cur("k1")))
		s.look(known(look("2", again(rotation.Current), old("k1"))))
		s.revoke("k1") // retires, so it goes at once
		s.want("k5 current")
		c := s.look(known(look("3", again(rotation.Current), pen("k6"))))
		wantRow(t, c, "pending", "prepared")
		wantAlarm(t, c, "compromised_current", "turn to a fresh key at once")
		wantRow(t, s.look(known(look("4", cur("k6"), again(rotation.Retiring)))), "compromised", "compromised")
		s.want("k6 current")
	})
}

func TestRevokingAnythingButTheCurrentKeyTakesItOutAtOnce(t *testing.T) {
	for _, name := range []string{"k2", "k0"} {
		s := leaking(t)
		wantRow(t, s.revoke(name), "compromised", "compromised")
		if _, live := s.state.Key(name); live || len(s.state.Revoke) != 0 {
			t.Errorf("%s: got %+v", name, s.state)
		}
		if s.state.Gone[0] != (rotation.Gone{Key: name, KID: "kid-" + name, Version: name, Algorithm: "HS256", Why: rotation.WhyCompromised}) {
			t.Errorf("%s: gone %+v", name, s.state.Gone)
		}
		wantNothing(t, s.revoke(name))
	}
}

func TestRevokingARetiredKeyBarsItsReturn(t *testing.T) {
	s := leaking(t)
	s.tick(overlap)
	s.wantGone("k0 retired")
	wantRow(t, s.revoke("k0"), "compromised", "compromised")
	s.wantGone("k0 compromised")
	s.policy.Confirmed = "k0"
	wantAlarm(t, s.look(look("2", cur("k0"), old("k1"))), "compromised_current", "")
}

func TestAnUnknownKeyCantBeRevoked(t *testing.T) {
	s := leaking(t)
	_, c, err := rotation.Revoke(s.state, "k7", s.policy, s.now)
	if err == nil || !strings.Contains(err.Error(), "no such key; it knows k1, k2, k0") || c.Row != "" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, _, err := rotation.Revoke(rotation.State{}, "k7", s.policy, s.now); err == nil || !strings.Contains(err.Error(), "it knows none") {
		t.Errorf("zero state: got %v", err)
	}
}

func TestARingRefusesToForgetALeak(t *testing.T) {
	s := tell(t)
	leaks := numbered(33)
	for _, name := range leaks[:32] {
		s.look(look("", cur("k0"), pen(name)))
		s.revoke(name)
	}
	s.look(look("", cur("k0"), pen(leaks[32])))
	_, _, err := rotation.Revoke(s.state, leaks[32], s.policy, s.now)
	if err == nil || !strings.Contains(err.Error(), "move to a new ring") {
		t.Errorf("got %v", err)
	}
}

func TestUrgencyReturnsToPlannedWithTheNextChange(t *testing.T) {
	s := leaking(t)
	s.revoke("k1")
	s.look(look("2", cur("k2"), old("k1")))
	s.look(look("3", cur("k2"), pen("k3")))
	if s.state.Urgency != rotation.Planned || s.state.Refresh.AfterMs != 5000 {
		t.Errorf("got %s, %+v", s.state.Urgency, s.state.Refresh)
	}
}

func TestAnEarlierKeyAfterALeakIsConfirmedToo(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	s.look(look("2", cur("k2"), old("k1")))
	s.revoke("k2")
	back := look("3", cur("k1"))
	if c := s.look(back); c.Confirm != "k1" {
		t.Fatalf("got %+v", c)
	}
	s.policy.Confirmed = "k1"
	wantRow(t, s.look(back), "compromised", "compromised")
	s.want("k1 current")
	s.wantGone("k2 compromised")
}

func TestStrictRingsKnowTheKidsOfTheCompromised(t *testing.T) {
	s := leaking(t)
	s.policy.StrictKID = true
	s.revoke("k1")
	s.look(look("2", cur("k2")))
	c := s.look(look("3", with(cur("k9"), func(k *rotation.Seen) { k.KID = "kid-k1" })))
	wantNothing(t, c)
	wantAlarm(t, c, "kid_refused", "names key k1 already")
}
