package rotation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Every row, from the plainest state that can come to it.
func TestEveryRowHasItsTypeAndItsKeys(t *testing.T) {
	covers.IDs(t, "FUT-6")
	other := func(kid, material string) func(*rotation.Seen) {
		return func(s *rotation.Seen) { s.KID, s.Print = kid, rotation.Print(material) }
	}
	deleted := look("9", cur("k1"))
	deleted.Deleted = true
	vanished := rotation.Snapshot{Ring: "demo", Deleted: true}
	recreated := look("1", cur("n1"))
	recreated.Recreated = true
	tests := []struct {
		row, typ  string
		before    []rotation.Snapshot
		seen      rotation.Snapshot
		confirmed string
		live      string
		gone      string
		alarms    []string
		gap       bool
	}{
		{row: "first_sight", typ: "recorded", seen: look("1", pen("k2"), cur("k1"), old("k0")),
			live: "k1 current, k2 pending, k0 retiring"},
		{row: "pending", typ: "prepared", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: look("2", cur("k1"), pen("k2")),
			live: "k1 current, k2 pending"},
		{row: "promoted", typ: "promoted", before: []rotation.Snapshot{look("1", cur("k1"), pen("k2"))}, seen: look("2", cur("k2"), old("k1")),
			live: "k2 current, k1 retiring"},
		{row: "replaced", typ: "promoted", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: look("2", cur("k2"), old("k1")),
			live: "k2 current, k1 retiring", alarms: []string{"replaced"}},
		{row: "kid_reuse", typ: "promoted", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: look("2", with(cur("k2"), other("kid-k1", "fresh"))),
			live: "k2 current, k1 retiring", alarms: []string{"replaced", "kid_reuse"}},
		{row: "rolled_back", typ: "rolled_back", before: []rotation.Snapshot{look("1", cur("k1")), look("2", cur("k2"), old("k1"))},
			seen: look("3", cur("k1"), old("k2")), confirmed: "k1", live: "k1 current, k2 retiring"},
		{row: "recreated", typ: "promoted", before: []rotation.Snapshot{look("8", cur("k1"), old("k0"), pen("k2"))}, seen: recreated,
			live: "n1 current", gone: "k1 retired, k2 retired, k0 retired", alarms: []string{"recreated"}},
		{row: "pending_abandoned", typ: "prepared", before: []rotation.Snapshot{look("1", cur("k1"), pen("k2"))}, seen: look("2", cur("k1")),
			live: "k1 current", gone: "k2 abandoned"},
		{row: "reissued", typ: "recorded", before: []rotation.Snapshot{look("1", cur("k1"))},
			seen: look("2", with(cur("k1"), func(s *rotation.Seen) { s.Version = "v2" }), old("k1")), live: "k1 current"},
		{row: "deletion_scheduled", typ: "deleted", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: deleted,
			live: "k1 current", alarms: []string{"deleted"}},
		{row: "gone", typ: "deleted", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: vanished,
			live: "k1 current", alarms: []string{"deleted"}},
		{row: "restored", typ: "restored", before: []rotation.Snapshot{look("1", cur("k1")), deleted}, seen: look("10", cur("k1")),
			live: "k1 current"},
		{row: "rolled_back", typ: "rolled_back", before: []rotation.Snapshot{look("", cur("k1"), pen("k2"))}, seen: look("", cur("k1"), old("k2")),
			live: "k1 current, k2 retiring", gap: true},
		{row: "rolled_back", typ: "rolled_back", before: []rotation.Snapshot{look("", cur("k1"))}, seen: look("", cur("k1"), old("k2")),
			live: "k1 current, k2 retiring", gap: true},
		{row: "previous_found", typ: "recorded", before: []rotation.Snapshot{look("1", cur("k1"))}, seen: look("1", cur("k1"), old("k0")),
			live: "k1 current, k0 retiring"},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			s := tell(t)
			for _, b := range tt.before {
				s.look(b)
			}
			s.policy.Confirmed = tt.confirmed
			c := s.look(tt.seen)
			wantRow(t, c, tt.row, tt.typ)
			s.want(tt.live)
			s.wantGone(tt.gone)
			if got := codes(c); !slices.Equal(got, tt.alarms) {
				t.Errorf("alarms: got %v, want %v", got, tt.alarms)
			}
			if s.state.Cause.Gap != tt.gap {
				t.Errorf("gap: got %v, want %v", s.state.Cause.Gap, tt.gap)
			}
			if s.state.Urgency != rotation.Planned || s.state.Seen != tt.seen.Seen || s.state.Cause.By != rotation.ByPoll {
				t.Errorf("got urgency %s, seen %q, by %s", s.state.Urgency, s.state.Seen, s.state.Cause.By)
			}
			s.policy.Confirmed = ""
			wantNothing(t, s.look(tt.seen)) // the same look again is no news
		})
	}
}

func TestTheKeysOfAStateSayWhenTheirStageBegan(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	first := s.now
	s.look(look("2", cur("k1"), pen("k2")))
	prepared := s.now
	if k := key(t, s.state, "k2"); !k.Since.Equal(prepared) || !k.Logged.Equal(prepared) || !k.VerifyUntil.IsZero() {
		t.Errorf("pending: %+v", k)
	}
	s.look(look("3", cur("k2"), old("k1")))
	promoted := s.now
	if k := key(t, s.state, "k2"); !k.Since.Equal(promoted) || !k.Logged.Equal(prepared) {
		t.Errorf("current: %+v, want since %s and logged %s", k, promoted, prepared)
	}
	if k := key(t, s.state, "k1"); !k.Since.Equal(promoted) || !k.Logged.Equal(first) || !k.VerifyUntil.Equal(promoted.Add(overlap)) {
		t.Errorf("retiring: %+v", k)
	}
}

func TestAnUnusableLookChangesNothingAndSaysSo(t *testing.T) {
	unread := func(s rotation.Seen) rotation.Seen {
		s.KID, s.Algorithm, s.Print = "", "", ""
		return s
	}
	long := string(slices.Repeat([]byte("v"), 257))
	tests := []struct {
		name string
		seen rotation.Snapshot
		code string
	}{
		{"no key at all", look("2"), "unusable"},
		{"no current key", look("2", pen("k2"), old("k1")), "unusable"},
		{"two current keys", look("2", cur("k2"), cur("k3")), "unusable"},
		{"a current value that can't be read", look("2", unread(cur("k2")), old("k1")), "unreadable"},
		{"a pending version without a value", look("2", cur("k1"), unread(pen("k2"))), "rotation_started"},
		{"a previous value that can't be read", look("2", cur("k1"), unread(old("k0"))), "unreadable"},
		{"a current key without kid", look("2", with(cur("k2"), func(s *rotation.Seen) { s.KID = "" })), "malformed"},
		{"a current key without algorithm", look("2", with(cur("k2"), func(s *rotation.Seen) { s.Algorithm = "" })), "malformed"},
		{"a version too long", look("2", with(cur("k2"), func(s *rotation.Seen) { s.Version = long })), "malformed"},
		{"a kid with a line break", look("2", cur("k1"), with(pen("k2"), func(s *rotation.Seen) { s.KID = "a\nb" })), "malformed"},
		{"a stage that is none", look("2", cur("k1"), with(pen("k2"), func(s *rotation.Seen) { s.Stage = "previous" })), "malformed"},
		{"another ring", rotation.Snapshot{Ring: "other", Keys: []rotation.Seen{cur("k2")}}, "foreign_look"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.look(look("1", cur("k1")))
			c := s.look(tt.seen)
			wantNothing(t, c)
			if got := codes(c); !slices.Equal(got, []string{tt.code}) {
				t.Errorf("alarms: got %v, want %s", got, tt.code)
			}
			if want := tt.name == "a current value that can't be read"; c.Withheld != want {
				t.Errorf("withheld: got %v", c.Withheld)
			}
			s.want("k1 current")
		})
	}
}

func TestNothingIsKnownOfARingWithoutACurrentKey(t *testing.T) {
	for _, seen := range []rotation.Snapshot{look("1"), look("1", pen("k1")), {Ring: "demo", Deleted: true}, {Ring: "Demo!", Keys: []rotation.Seen{cur("k1")}}} {
		s := tell(t)
		c := s.look(seen)
		wantNothing(t, c)
		if len(c.Alarms) != 1 || !s.state.IsZero() {
			t.Errorf("%+v: got %+v", seen, c)
		}
	}
}

func TestAKnownKeyWhoseValueCantBeReadKeepsItsPlace(t *testing.T) {
	unread := func(s rotation.Seen) rotation.Seen {
		s.KID, s.Algorithm, s.Print = "", "", ""
		return s
	}
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2")))
	c := s.look(look("2", unread(cur("k1")), unread(pen("k2"))))
	wantNothing(t, c)
	wantCalm(t, c)
	wantRow(t, s.look(look("3", unread(cur("k2")), unread(old("k1")))), "promoted", "promoted")
	s.want("k2 current, k1 retiring")
	if k := key(t, s.state, "k2"); k.KID != "kid-k2" || k.Algorithm != "HS256" {
		t.Errorf("got %+v", k)
	}
}

func TestAStaleLookIsIgnored(t *testing.T) {
	tests := []struct {
		name, state, look, last string
		stale                   bool
	}{
		{"lower", "7", "6", "", true},
		{"lower by length", "10", "9", "", true},
		{"lower time", "2026-11-22T09:00:01Z", "2026-11-22T09:00:00Z", "", true},
		{"equal", "7", "7", "", false},
		{"higher", "9", "10", "", false},
		{"the look has none", "7", "", "", false},
		{"the state has none", "", "7", "", false},
		{"lower than this process's last look", "7", "8", "9", true},
		{"as high as this process's last look", "7", "9", "9", false},
		{"the last look's was none that is used", "7", "8", strings.Repeat("9", rotation.MaxString+1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.look(look(tt.state, cur("k1")))
			s.policy.LastSeen = tt.last
			c := s.look(look(tt.look, cur("k2")))
			if c.Stale != tt.stale || (c.Row == "") != tt.stale || tt.stale && (len(c.Alarms) > 0 || c.Confirm != "") {
				t.Errorf("got %+v, want stale %v and nothing else", c, tt.stale)
			}
		})
	}
}

func TestADeletedSecretMayBeStaleToo(t *testing.T) {
	s := tell(t)
	s.look(look("7", cur("k1")))
	gone := look("6", cur("k1"))
	gone.Deleted = true
	if c := s.look(gone); !c.Stale {
		t.Errorf("got %+v, want stale", c)
	}
}

func TestTheReturnOfAnEarlierKeyIsConfirmed(t *testing.T) {
	s := tell(t)
	s.look(look("", cur("k1")))
	s.look(look("", cur("k2"), old("k1")))
	back := look("", cur("k1"), old("k2"))
	if c := s.look(back); c.Confirm != "k1" || c.Row != "" {
		t.Fatalf("first look: got %+v, want a wish to confirm k1", c)
	}
	wantNothing(t, s.look(look("", cur("k2"), old("k1")))) // it was stale after all
	s.policy.Confirmed = "k9"
	if c := s.look(back); c.Confirm != "k1" || c.Row != "" {
		t.Fatalf("another key confirmed: got %+v", c)
	}
	s.policy.Confirmed = "k1"
	wantRow(t, s.look(back), "rolled_back", "rolled_back")
	s.want("k1 current, k2 retiring")
	if k := key(t, s.state, "k1"); !k.VerifyUntil.IsZero() || !k.Since.Equal(s.now) {
		t.Errorf("a key that signs again has no end: %+v", k)
	}
}

func TestARetiredKeyStaysOutUntilItIsCurrentAgain(t *testing.T) {
	s := tell(t)
	s.look(look("", cur("k1")))
	s.look(look("", cur("k2"), old("k1")))
	wantRow(t, s.tick(overlap), "retired", "retired")
	s.want("k2 current")
	s.wantGone("k1 retired")
	wantNothing(t, s.look(look("", cur("k2"), old("k1"))))
	wantNothing(t, s.look(look("", cur("k2"), pen("k1"))))
	if c := s.look(look("", cur("k1"), old("k2"))); c.Confirm != "k1" {
		t.Fatalf("got %+v", c)
	}
	s.policy.Confirmed = "k1"
	wantRow(t, s.look(look("", cur("k1"), old("k2"))), "rolled_back", "rolled_back")
	s.want("k1 current, k2 retiring")
	s.wantGone("")
	if k := key(t, s.state, "k1"); !k.Logged.Equal(s.now) {
		t.Errorf("verifiers had dropped it, so it is logged as of now: %+v", k)
	}
}

func TestAnAbandonedKeyMayComeBack(t *testing.T) {
	tests := []struct {
		name, row, live string
		seen            rotation.Snapshot
	}{
		{"as pending", "pending", "k1 current, k2 pending", look("3", cur("k1"), pen("k2"))},
		{"as current", "replaced", "k2 current, k1 retiring", look("3", cur("k2"), old("k1"))},
		{"as previous, so it signed in between", "rolled_back", "k1 current, k2 retiring", look("", cur("k1"), old("k2"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.look(look("1", cur("k1"), pen("k2")))
			s.look(look("2", cur("k1")))
			s.wantGone("k2 abandoned")
			if c := s.look(tt.seen); c.Row != tt.row {
				t.Fatalf("got %+v, want row %s", c, tt.row)
			}
			s.want(tt.live)
			s.wantGone("")
		})
	}
}

func TestAnotherPendingKeyTakesThePlaceOfTheFirst(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2")))
	wantRow(t, s.look(look("2", cur("k1"), pen("k3"))), "pending", "prepared")
	s.want("k1 current, k3 pending")
	s.wantGone("k2 abandoned")
}

func TestPromotionOverAnotherPendingKeyLeavesThatOne(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2"), pen("k3")))
	wantRow(t, s.look(look("2", cur("k3"), old("k1"))), "promoted", "promoted")
	s.want("k3 current, k1 retiring")
	s.wantGone("k2 abandoned")
}

func TestARecreatedSecretIsSeenAsSuchOnce(t *testing.T) {
	s := tell(t)
	s.look(look("5", cur("k1")))
	again := look("1", cur("n1"))
	again.Recreated = true
	wantRow(t, s.look(again), "recreated", "promoted")
	after := look("2", cur("n2"), old("n1"))
	after.Recreated = true // a second process noticed only now
	wantRow(t, s.look(after), "replaced", "promoted")
	s.want("n2 current, n1 retiring")
}

func TestARecreatedSecretForgetsTheDeadButForTheCompromised(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2"), pen("k3")))
	s.look(look("2", cur("k1"), pen("k2")))
	s.revoke("k2")
	s.wantGone("k3 abandoned, k2 compromised")
	again := look("3", cur("n1"), pen("k2"))
	again.Recreated = true
	s.look(again)
	s.want("n1 current")
	s.wantGone("k2 compromised, k1 retired")
}

func TestHintsAndOpsAreNamedAsTheCause(t *testing.T) {
	for by, want := range map[string]string{rotation.ByHint: "hint", rotation.ByOps: "ops", rotation.ByPoll: "poll", "": "poll", "x": "poll"} {
		s := tell(t)
		seen := look("1", cur("k1"))
		seen.By = by
		s.look(seen)
		if got := s.state.Cause.By; got != want {
			t.Errorf("by %q: got %q, want %q", by, got, want)
		}
	}
}

func TestTheRevNeverGoesBack(t *testing.T) {
	s := tell(t)
	s.look(look("", cur("k1")))
	first := s.state.Rev
	s.now = s.now.Add(-time.Hour) // the clock was set back
	s.look(look("", cur("k2"), old("k1")))
	if s.state.Rev != first+1 {
		t.Errorf("got rev %d, want %d", s.state.Rev, first+1)
	}
}
