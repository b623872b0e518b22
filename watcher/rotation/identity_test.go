package rotation_test

import (
	"testing"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// A key is kid, algorithm and material together; only what is the same in all
// three is the same key.
func TestWhatMakesAKey(t *testing.T) {
	tests := []struct {
		name  string
		seen  rotation.Seen
		known map[string]rotation.Print
		row   string
		live  string
	}{
		{"the same triple under a new version", rotation.Seen{Version: "v2", KID: "kid-k1", Algorithm: "HS256", Print: "material of k1"},
			map[string]rotation.Print{"k1": "material of k1"}, "reissued", "k1 current"},
		{"another kid over the same material", rotation.Seen{Version: "v2", KID: "other", Algorithm: "HS256", Print: "material of k1"},
			map[string]rotation.Print{"k1": "material of k1"}, "replaced", "v2 current, k1 retiring"},
		{"another kid under the same version", rotation.Seen{Version: "k1", KID: "other", Algorithm: "HS256", Print: "material of k1"},
			map[string]rotation.Print{"k1": "material of k1"}, "replaced", "k1/other current, k1 retiring"},
		{"other material under the same kid", rotation.Seen{Version: "v2", KID: "kid-k1", Algorithm: "HS256", Print: "fresh"},
			map[string]rotation.Print{"k1": "material of k1"}, "kid_reuse", "v2 current, k1 retiring"},
		{"other material under the same kid and version", rotation.Seen{Version: "k1", KID: "kid-k1", Algorithm: "HS256", Print: "fresh"},
			map[string]rotation.Print{"k1": "material of k1"}, "kid_reuse", "k1/kid-k1 current, k1 retiring"},
		{"material that can't be compared any more", rotation.Seen{Version: "v2", KID: "kid-k1", Algorithm: "HS256", Print: "material of k1"},
			nil, "kid_reuse", "v2 current, k1 retiring"},
		{"an unreadable memory", rotation.Seen{Version: "v2", KID: "kid-k1", Algorithm: "HS256", Print: "material of k1"},
			map[string]rotation.Print{"k1": ""}, "kid_reuse", "v2 current, k1 retiring"},
		{"another algorithm", rotation.Seen{Version: "v2", KID: "kid-k1", Algorithm: "HS512", Print: "material of k1"},
			map[string]rotation.Print{"k1": "material of k1"}, "kid_reuse", "v2 current, k1 retiring"},
		{"the same version, nothing to compare", rotation.Seen{Version: "k1", KID: "kid-k1", Algorithm: "HS256", Print: "material of k1"},
			nil, "", "k1 current"},
		{"one key of a value with several", rotation.Seen{Version: "v2", KID: "a", Several: true, Algorithm: "ES256", Print: "fresh"},
			nil, "replaced", "v2/a current, k1 retiring"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.look(look("", cur("k1")))
			tt.seen.Stage = rotation.Current
			seen := look("", tt.seen)
			seen.Known = tt.known
			if c := s.look(seen); c.Row != tt.row {
				t.Fatalf("got %+v, want row %q", c, tt.row)
			}
			s.want(tt.live)
			if k, _ := s.state.Current(); k.Version != tt.seen.Version {
				t.Errorf("version: got %q, want %q", k.Version, tt.seen.Version)
			}
		})
	}
}

func TestAKeyThatTwoLabelsShowCountsOnce(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k1"))) // pending lingers on the current version
	s.want("k1 current")
	wantNothing(t, s.look(look("2", pen("k1"), cur("k1"))))

	reissued := with(cur("k1"), func(k *rotation.Seen) { k.Version = "v2" })
	wantRow(t, s.look(look("3", old("k1"), reissued)), "reissued", "recorded")
	s.want("k1 current")
	if k := key(t, s.state, "k1"); k.Version != "v2" {
		t.Errorf("got version %q, want v2", k.Version)
	}
	wantRow(t, s.look(look("4", cur("k2"), with(old("k1"), func(k *rotation.Seen) { k.Version = "v2" }))), "replaced", "promoted")
	s.want("k2 current, k1 retiring")
}

func TestAReissuedKeyKeepsItsNameThroughItsLife(t *testing.T) {
	s := tell(t)
	at := func(stage rotation.Stage, version string) rotation.Seen {
		return rotation.Seen{Version: version, KID: "a", Algorithm: "HS256", Stage: stage, Print: "same"}
	}
	known := func(l rotation.Snapshot) rotation.Snapshot {
		l.Known = map[string]rotation.Print{"v1": "same"}
		return l
	}
	s.look(look("", cur("k0"), at(rotation.Pending, "v1")))
	wantRow(t, s.look(known(look("", cur("k0"), at(rotation.Pending, "v2")))), "reissued", "recorded")
	wantRow(t, s.look(known(look("", at(rotation.Current, "v3"), old("k0")))), "promoted", "promoted")
	s.want("v1 current, k0 retiring")
}

func TestTwoEntriesOfOneRetiringKeyDontFlap(t *testing.T) {
	s := tell(t)
	at := func(version string) rotation.Seen {
		return rotation.Seen{Version: version, KID: "a", Algorithm: "HS256", Stage: rotation.Retiring, Print: "same"}
	}
	s.look(look("", cur("k1"), at("v1"), at("v2")))
	s.want("k1 current, v1 retiring")
	wantNothing(t, s.look(look("", cur("k1"), at("v2"), at("v1"))))
	wantNothing(t, s.look(look("", cur("k1"), at("v1"), at("v2"))))
}

func TestOtherMaterialUnderAKnownKidIsFlaggedUntilTheOldKeyGoes(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	fresh := with(cur("k2"), func(k *rotation.Seen) { k.KID = "kid-k1" })
	c := s.look(look("2", fresh, old("k1")))
	wantRow(t, c, "kid_reuse", "promoted")
	wantAlarm(t, c, "kid_reuse", "give every new key a kid of its own")
	for _, name := range []string{"k1", "k2"} {
		if !key(t, s.state, name).Reused {
			t.Errorf("%s is not flagged", name)
		}
	}
	c = s.look(look("2", fresh, old("k1")))
	wantNothing(t, c)
	wantAlarm(t, c, "kid_reuse", "until "+key(t, s.state, "k1").VerifyUntil.Format("2006-01-02T15:04:05Z"))
	s.tick(overlap)
	if key(t, s.state, "k2").Reused {
		t.Error("still flagged when alone")
	}
	wantCalm(t, s.look(look("2", fresh)))
}

func TestAPendingKeyUnderAKnownKidWarnsAhead(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	fresh := with(pen("k2"), func(k *rotation.Seen) { k.KID = "kid-k1" })
	c := s.look(look("2", cur("k1"), fresh))
	wantRow(t, c, "pending", "prepared")
	wantAlarm(t, c, "kid_reuse", "as long as both are live")
	fresh.Stage = rotation.Current
	wantRow(t, s.look(look("3", fresh, old("k1"))), "promoted", "promoted")
}

func TestAStrictRingRefusesAKnownKid(t *testing.T) {
	as := func(s rotation.Seen, kid string) rotation.Seen { s.KID = kid; return s }
	tests := []struct {
		name string
		seen rotation.Snapshot
		live string
	}{
		{"as current", look("3", as(cur("k9"), "kid-k2"), old("k2")), "k2 current, k1 retiring"},
		{"as pending", look("3", cur("k2"), as(pen("k9"), "kid-k2")), "k2 current, k1 retiring"},
		{"of a retiring key", look("3", cur("k2"), as(pen("k9"), "kid-k1")), "k2 current, k1 retiring"},
		{"of a gone key", look("3", cur("k2"), as(pen("k9"), "kid-k0")), "k2 current, k1 retiring"},
		{"as previous", look("3", cur("k2"), as(old("k9"), "kid-k2")), "k2 current, k1 retiring"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.policy.StrictKID = true
			s.look(look("0", cur("k1"), pen("k0")))
			s.look(look("1", cur("k1")))
			s.look(look("2", cur("k2"), old("k1")))
			c := s.look(tt.seen)
			wantNothing(t, c)
			wantAlarm(t, c, "kid_refused", "give it a kid of its own")
			s.want(tt.live)
		})
	}
	t.Run("but not at first sight", func(t *testing.T) {
		s := tell(t)
		s.policy.StrictKID = true
		c := s.look(look("0", as(cur("k2"), "a"), as(old("k1"), "a")))
		wantRow(t, c, "first_sight", "recorded")
		s.want("k2 current, k1 retiring")
	})
	t.Run("nor the same key", func(t *testing.T) {
		s := tell(t)
		s.policy.StrictKID = true
		s.look(look("0", cur("k1")))
		wantRow(t, s.look(look("1", with(cur("k1"), func(k *rotation.Seen) { k.Version = "v2" }), old("k1"))), "reissued", "recorded")
	})
	t.Run("two new keys at once: the second", func(t *testing.T) {
		s := tell(t)
		s.policy.StrictKID = true
		s.look(look("0", cur("k1")))
		c := s.look(look("1", cur("k1"), as(pen("k2"), "a"), as(pen("k3"), "a")))
		wantRow(t, c, "pending", "prepared")
		wantAlarm(t, c, "kid_refused", "names key k2")
		s.want("k1 current, k2 pending")
	})
}

func TestTheMembersOfAKeySetMoveByThemselves(t *testing.T) {
	in := func(version, kid string, stage rotation.Stage) rotation.Seen {
		return rotation.Seen{Version: version, KID: kid, Several: true, Stage: stage, Algorithm: "ES256", Print: rotation.Print("material of " + kid)}
	}
	s := tell(t)
	s.look(look("1", in("v1", "a", rotation.Current), in("v1", "b", rotation.Pending)))
	s.want("v1/a current, v1/b pending")
	// The active member moves: a new value, in which the one that was current is an ordinary member.
	wantRow(t, s.look(look("2", in("v2", "a", rotation.Pending), in("v2", "b", rotation.Current), in("v2", "c", rotation.Pending),
		in("v1", "a", rotation.Retiring), in("v1", "b", rotation.Retiring))), "promoted", "promoted")
	s.want("v1/b current, v2/c pending, v1/a retiring")
	if s.state.Cause.Gap {
		t.Error("nothing was missed")
	}
	for _, name := range []string{"v1/a", "v1/b"} {
		if k := key(t, s.state, name); k.Version != "v2" {
			t.Errorf("%s: version %q, want v2", name, k.Version)
		}
	}
	// A member leaves the set; the previous value still holds it.
	wantRow(t, s.look(look("3", in("v3", "b", rotation.Current), in("v2", "b", rotation.Retiring), in("v2", "a", rotation.Retiring), in("v2", "c", rotation.Retiring))),
		"pending_abandoned", "prepared")
	s.want("v1/b current, v1/a retiring")
	wantNothing(t, s.look(look("3", in("v3", "b", rotation.Current), in("v2", "b", rotation.Retiring), in("v2", "a", rotation.Retiring), in("v2", "c", rotation.Retiring))))
	// A value that nobody saw: what was active in it has signed.
	missed := look("9", in("v9", "d", rotation.Current), in("v8", "b", rotation.Retiring), in("v8", "e", rotation.Retiring))
	missed.Known = map[string]rotation.Print{"v1/b": "material of b"}
	wantRow(t, s.look(missed), "replaced", "promoted")
	s.want("v9/d current, v1/b retiring, v8/e retiring, v1/a retiring")
	if !s.state.Cause.Gap {
		t.Error("a value was missed")
	}
}

func TestASetThatCantBeReadKeepsItsMembers(t *testing.T) {
	in := func(kid string, stage rotation.Stage) rotation.Seen {
		return rotation.Seen{Version: "v1", KID: kid, Several: true, Stage: stage, Algorithm: "ES256", Print: rotation.Print("material of " + kid)}
	}
	s := tell(t)
	s.look(look("1", in("a", rotation.Current), in("b", rotation.Pending)))
	wantNothing(t, s.look(look("2", rotation.Seen{Version: "v1", Stage: rotation.Current})))
	s.look(look("3", cur("k2"), in("a", rotation.Retiring), in("b", rotation.Pending)))
	s.want("k2 current, v1/b pending, v1/a retiring")
	c := s.look(look("4", rotation.Seen{Version: "v1", Stage: rotation.Current}, old("k2")))
	wantNothing(t, c)
	wantAlarm(t, c, "unreadable", "can't be read")
}

func TestANameIsNeverGivenTwice(t *testing.T) {
	s := tell(t)
	at := func(kid, material string, stage rotation.Stage) rotation.Seen {
		return rotation.Seen{Version: "v1", KID: kid, Stage: stage, Algorithm: "HS256", Print: rotation.Print(material)}
	}
	known := map[string]rotation.Print{"v1": "m1", "v1/a": "m2"}
	step := func(k rotation.Seen, want string) {
		t.Helper()
		l := look("", k)
		l.Known = known
		s.look(l)
		if k, _ := s.state.Current(); k.Name != want {
			t.Fatalf("got name %q, want %q", k.Name, want)
		}
	}
	step(at("a", "m1", rotation.Current), "v1")
	step(at("a", "m2", rotation.Current), "v1/a")
	step(at("a", "m3", rotation.Current), "v1/a~2")
}

func TestDerivedKidsDependOnTheVersionAlone(t *testing.T) {
	const want = "sm-ba7816bf8f01cfea" // SHA-256("abc"), FIPS 180-2 appendix B.1
	if got := rotation.DeriveKID("abc"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrintsDontReachALog(t *testing.T) {
	wantRedacted(t, cur("k1"))
	wantRedacted(t, look("1", cur("k1")))
}
