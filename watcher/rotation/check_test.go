package rotation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// full is a valid state with something in each of its members.
func full(t *testing.T) rotation.State {
	t.Helper()
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k2"), pen("leaked"), pen("left")))
	s.look(look("2", cur("k1"), pen("k2"), pen("leaked")))
	s.revoke("leaked")
	s.look(look("3", cur("k2"), old("k1"), pen("k3")))
	s.revoke("k2")
	return s.state
}

func TestAForeignStateIsChecked(t *testing.T) {
	many := func(n int) []string { return numbered(n) }
	tests := []struct {
		name   string
		change func(*rotation.State)
		want   string // "": accepted
	}{
		{"as it is", func(*rotation.State) {}, ""},
		{"no ring", func(s *rotation.State) { s.Ring = "" }, "ring name"},
		{"a ring with a dot", func(s *rotation.State) { s.Ring = "a.b" }, "ring name"},
		{"rev zero", func(s *rotation.State) { s.Rev = 0 }, "rev 0"},
		{"rev negative", func(s *rotation.State) { s.Rev = -1 }, "rev -1"},
		{"rev beyond what browsers can tell apart", func(s *rotation.State) { s.Rev = 1 << 53 }, "rev 9007199254740992"},
		{"the greatest rev", func(s *rotation.State) { s.Rev = 1<<53 - 1 }, ""},
		{"urgency", func(s *rotation.State) { s.Urgency = "soon" }, "urgency"},
		{"marker too long", func(s *rotation.State) { s.Seen = strings.Repeat("1", 257) }, "seen"},
		{"marker with a control character", func(s *rotation.State) { s.Seen = "\x00" }, "seen"},
		{"no marker", func(s *rotation.State) { s.Seen = "" }, ""},
		{"no key", func(s *rotation.State) { s.Keys, s.Revoke = nil, nil }, "0 current keys"},
		{"no current key", func(s *rotation.State) { s.Keys = s.Keys[1:]; s.Revoke = nil }, "0 current keys"},
		{"two current keys", func(s *rotation.State) { s.Keys[1].Stage = rotation.Current }, "2 current keys"},
		{"too many keys", func(s *rotation.State) {
			for _, n := range many(64) {
				s.Keys = append(s.Keys, rotation.Key{Name: "x" + n, KID: n, Version: n, Stage: rotation.Pending, Algorithm: "HS256"})
			}
		}, "67 keys"},
		{"a key twice", func(s *rotation.State) { s.Keys = append(s.Keys, s.Keys[1]) }, "stands twice"},
		{"a key without name", func(s *rotation.State) { s.Keys[1].Name = "" }, "name"},
		{"a name too long", func(s *rotation.State) { s.Keys[1].Name = strings.Repeat("k", 257) }, "name"},
		{"a name of bytes", func(s *rotation.State) { s.Keys[1].Name = "\xff" }, "name"},
		{"a key without kid", func(s *rotation.State) { s.Keys[1].KID = "" }, "kid"},
		{"a kid with a line break", func(s *rotation.State) { s.Keys[1].KID = "a\nb" }, "kid"},
		{"a key without version", func(s *rotation.State) { s.Keys[1].Version = "" }, "version"},
		{"a key without algorithm", func(s *rotation.State) { s.Keys[1].Algorithm = "" }, "algorithm"},
		{"a stage", func(s *rotation.State) { s.Keys[1].Stage = "gone" }, "stage"},
		{"a pending key with an end", func(s *rotation.State) { s.Keys[1].VerifyUntil = start }, "has an end"},
		{"a retiring key without an end", func(s *rotation.State) { s.Keys[2].VerifyUntil = time.Time{} }, "without an end"},
		{"a time that JSON can't carry", func(s *rotation.State) { s.Keys[0].Since = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "the year 10000"},
		{"a gone key without name", func(s *rotation.State) { s.Gone[0].Key = "" }, "gone key"},
		{"a gone key's kid", func(s *rotation.State) { s.Gone[0].KID = strings.Repeat("k", 257) }, "gone key"},
		{"a gone key's version", func(s *rotation.State) { s.Gone[0].Version = "\x1b[31m" }, "gone key"},
		{"why", func(s *rotation.State) { s.Gone[0].Why = "bored" }, "why"},
		{"a gone key twice", func(s *rotation.State) { s.Gone = append(s.Gone, s.Gone[0]) }, "stands twice"},
		{"live and gone", func(s *rotation.State) { s.Gone[0].Key = "k1" }, "is live too"},
		{"too many gone keys", func(s *rotation.State) {
			for _, n := range many(63) {
				s.Gone = append(s.Gone, rotation.Gone{Key: "x" + n, Why: rotation.WhyRetired})
			}
		}, "65 gone keys"},
		{"an intent for nobody", func(s *rotation.State) { s.Revoke = []string{"x"} }, "is not a live key"},
		{"a revoked key that retires", func(s *rotation.State) { s.Revoke = []string{"k1"} }, "is retiring"},
		{"an intent twice", func(s *rotation.State) { s.Revoke = []string{"k2", "k2"} }, "stands twice"},
		{"too many intents", func(s *rotation.State) { s.Revoke = many(17) }, "17 keys to revoke"},
		{"a negative plan", func(s *rotation.State) { s.Refresh.AfterMs = -1 }, "refresh plan"},
		{"an endless plan", func(s *rotation.State) { s.Refresh.WindowMs = 1 << 40 }, "refresh plan"},
		{"who", func(s *rotation.State) { s.Cause.By = "me" }, "cause.by"},
		{"a row of a newer version", func(s *rotation.State) { s.Cause.Change = "brought_forward" }, ""},
		{"a row", func(s *rotation.State) { s.Cause.Change = "Promoted!" }, "cause.change"},
		{"too large", func(s *rotation.State) {
			for i := range 60 {
				n := (fmt.Sprint(i) + strings.Repeat("<", 256))[:256]
				s.Keys = append(s.Keys, rotation.Key{Name: n, KID: n, Version: n, Stage: rotation.Pending, Algorithm: "HS256"})
			}
		}, "bytes: want at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := full(t)
			tt.change(&s)
			err := rotation.Check(s)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			case err != nil && len(err.Error()) > 400:
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestRingNames(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "0": true, "payments-2": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "A": false, "a.b": false, "a b": false, "a*": false, "ä": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		if err := rotation.CheckRing(name); (err == nil) != good {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestRowKeysNeverMeet(t *testing.T) {
	seen := map[string]string{}
	for _, instance := range []string{"", "=", "a", "A", "a.b", "a=2eb", "a_b", "a-b", "a b", "host.example.com:8080", "ä", "a*", "a>", "=3d"} {
		k := rotation.RowKey("demo", instance)
		if other, taken := seen[k]; taken {
			t.Errorf("%q and %q share %q", instance, other, k)
		}
		seen[k] = instance
		token, ok := strings.CutPrefix(k, "demo.")
		if !ok || token == "" || strings.ContainsAny(token, ". *>\x00") || strings.TrimLeft(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=") != "" {
			t.Errorf("%q: %q is no key of one ring and one token", instance, k)
		}
	}
}

func TestSubjects(t *testing.T) {
	if got := rotation.LogSubject("demo"); got != "keyturn.rings.demo" {
		t.Errorf("got %q", got)
	}
	if got := rotation.StateSubject("demo"); got != "keyturn.state.demo" {
		t.Errorf("got %q", got)
	}
}
