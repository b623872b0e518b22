package rotation_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// anyState is a state out of few enough values that equal revs, and equal states, are common.
func anyState(r *rand.Rand) rotation.State {
	s := rotation.State{Ring: "demo", Rev: int64(r.IntN(3)), Urgency: rotation.Planned, Seen: []string{"", "1", "2"}[r.IntN(3)]}
	for _, name := range numbered(1 + r.IntN(3)) {
		s.Keys = append(s.Keys, rotation.Key{Name: name, Version: name, Stage: []rotation.Stage{rotation.Pending, rotation.Current, rotation.Retiring}[r.IntN(3)]})
	}
	if r.IntN(2) == 0 {
		s.Gone = []rotation.Gone{{Key: "k9", Why: rotation.WhyRetired}}
	}
	if r.IntN(4) == 0 {
		s.Keys[0].VerifyUntil = start.Add(time.Duration(r.IntN(2)) * time.Hour)
	}
	return s
}

func bytesOf(t *testing.T, s rotation.State) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMergeIsASemilattice(t *testing.T) {
	r := random(t)
	same := func(a, b rotation.State) bool { return reflect.DeepEqual(a, b) }
	for range 1500 {
		a, b, c := anyState(r), anyState(r), anyState(r)
		ab := rotation.Merge(a, b)
		switch {
		case !same(ab, rotation.Merge(b, a)):
			t.Fatalf("not commutative:\n%s\n%s", bytesOf(t, a), bytesOf(t, b))
		case !same(rotation.Merge(ab, c), rotation.Merge(a, rotation.Merge(b, c))):
			t.Fatalf("not associative:\n%s\n%s\n%s", bytesOf(t, a), bytesOf(t, b), bytesOf(t, c))
		case !same(rotation.Merge(a, a), a), !same(rotation.Merge(ab, b), ab), !same(rotation.Merge(ab, a), ab):
			t.Fatalf("not idempotent:\n%s\n%s", bytesOf(t, a), bytesOf(t, b))
		case ab.Rev < a.Rev || ab.Rev < b.Rev:
			t.Fatalf("not monotone:\n%s\n%s", bytesOf(t, a), bytesOf(t, b))
		case !same(ab, a) && !same(ab, b):
			t.Fatalf("neither of both:\n%s\n%s", bytesOf(t, a), bytesOf(t, b))
		}
	}
}

func TestAmongEqualRevsTheGreaterEncodingHolds(t *testing.T) {
	a := rotation.State{Ring: "demo", Rev: 7, Seen: "1"}
	b := rotation.State{Ring: "demo", Rev: 7, Seen: "2"}
	if rotation.Merge(a, b).Seen != "2" || rotation.Merge(b, a).Seen != "2" {
		t.Error("the lesser one held")
	}
}

func TestWhateverTheOrderAllEndOnTheSameState(t *testing.T) {
	r := random(t)
	for range 500 {
		all := make([]rotation.State, 1+r.IntN(8))
		for i := range all {
			all[i] = anyState(r)
		}
		end := func() rotation.State {
			var s rotation.State
			for _, i := range r.Perm(len(all)) {
				s = rotation.Merge(s, all[i])
				s = rotation.Merge(s, all[r.IntN(i+1)]) // doubled
			}
			return s
		}
		if diff := cmp.Diff(end(), end()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestMergeOfStatesThatJSONCantCarryIsDecidedToo(t *testing.T) {
	a := rotation.State{Ring: "demo", Rev: 1, Keys: []rotation.Key{{Name: "a", Since: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}}
	b := rotation.State{Ring: "demo", Rev: 1, Keys: []rotation.Key{{Name: "b", Since: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}}
	if rotation.Merge(a, b).Keys[0].Name != rotation.Merge(b, a).Keys[0].Name {
		t.Error("not commutative")
	}
}

func TestWhatCountsAsAMove(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k3"), pen("k4")))
	s.revoke("k4")
	s.look(look("2", cur("k2"), old("k1"), pen("k3")))
	s.revoke("k2")
	base := s.state
	tests := []struct {
		name   string
		change func(*rotation.State)
		equal  bool
	}{
		{"nothing", func(*rotation.State) {}, true},
		{"rev", func(s *rotation.State) { s.Rev++ }, true},
		{"seen", func(s *rotation.State) { s.Seen = "9" }, true},
		{"plan", func(s *rotation.State) { s.Refresh.WindowMs++ }, true},
		{"cause", func(s *rotation.State) { s.Cause = rotation.Cause{By: "ops", Gap: true} }, true},
		{"urgency", func(s *rotation.State) { s.Urgency = rotation.Compromise }, true},
		{"since and logged", func(s *rotation.State) { s.Keys[0].Since, s.Keys[0].Logged = start, start }, true},
		{"order", func(s *rotation.State) { slices.Reverse(s.Keys) }, true},
		{"memory of the retired", func(s *rotation.State) {
			s.Gone = append(s.Gone, rotation.Gone{Key: "k0", Why: rotation.WhyRetired})
		}, true},
		{"another zone", func(s *rotation.State) {
			k := &s.Keys[len(s.Keys)-1]
			k.VerifyUntil = k.VerifyUntil.In(time.FixedZone("x", 3600))
		}, true},
		{"ring", func(s *rotation.State) { s.Ring = "x" }, false},
		{"deletion", func(s *rotation.State) { s.Deleted = true }, false},
		{"a key less", func(s *rotation.State) { s.Keys = s.Keys[1:] }, false},
		{"a key's name", func(s *rotation.State) { s.Keys[0].Name = "x" }, false},
		{"a key's version", func(s *rotation.State) { s.Keys[0].Version = "x" }, false},
		{"a key's stage", func(s *rotation.State) { s.Keys[0].Stage = rotation.Pending }, false},
		{"a key's end", func(s *rotation.State) {
			k := &s.Keys[len(s.Keys)-1]
			k.VerifyUntil = k.VerifyUntil.Add(time.Second)
		}, false},
		{"an intent", func(s *rotation.State) { s.Revoke = nil }, false},
		{"a leak", func(s *rotation.State) { s.Gone[0].Why = rotation.WhyRetired }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var other rotation.State
			if err := json.Unmarshal(bytesOf(t, base), &other); err != nil {
				t.Fatal(err)
			}
			tt.change(&other)
			if rotation.Equal(base, other) != tt.equal || rotation.Equal(other, base) != tt.equal {
				t.Errorf("want equal %v", tt.equal)
			}
		})
	}
}
