package secretsmanager

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	v1 = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	v2 = "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	v3 = "33333333-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
)

func TestOnlyOwnLabelsThatNobodyNeedsAreLeftovers(t *testing.T) {
	live := func(versions ...string) rotation.State {
		var st rotation.State
		for _, v := range versions {
			st.Keys = append(st.Keys, rotation.Key{Name: v, Version: v})
		}
		return st
	}
	gone := func(st rotation.State, name, version, why string) rotation.State {
		st.Gone = append(slices.Clone(st.Gone), rotation.Gone{Key: name, Version: version, Why: why})
		return st
	}
	pin1, pin2 := pinOf(v1), pinOf(v2)
	for _, c := range []struct {
		name    string
		labels  map[string][]string
		rotates bool
		head    rotation.State
		want    string
	}{
		{"nothing", map[string][]string{v1: {labelCurrent}}, false, live(v1), ""},
		{"pending on the current version", map[string][]string{v1: {labelCurrent, labelPending}}, false, live(v1), "AWSPENDING 1"},
		{"likewise, left by a rotation function", map[string][]string{v1: {labelCurrent, labelPending}}, true, live(v1), ""},
		{"likewise, but the turn was keyturn's", map[string][]string{v1: {labelCurrent, labelPending, labelTurn}}, true, live(v1), "AWSPENDING 1, keyturn-turn 1"},
		{"a turn under way", map[string][]string{v1: {labelCurrent}, v2: {labelPending, labelTurn}}, false, live(v1, v2), ""},
		{"a turn that was given up", map[string][]string{v1: {labelCurrent}, v2: {labelTurn}}, false, live(v1), "keyturn-turn 2"},
		{"a turn that another overtook", map[string][]string{v1: {labelCurrent}, v2: {labelPrevious, labelPending, labelTurn}}, false, live(v1, v2), "keyturn-turn 2"},
		{"a key that retires", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious, pin1}}, false, live(v2, v1), ""},
		{"a key that has retired", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious, pin1, "team"}}, false, gone(live(v2), v1, v1, rotation.WhyRetired), "AWSPREVIOUS 1, " + pin1 + " 1"},
		{"likewise, turned by another", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious}}, false, gone(live(v2), v1, v1, rotation.WhyRetired), ""},
		{"likewise, but leaked", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious}}, false, gone(live(v2), v1, v1, rotation.WhyCompromised), "AWSPREVIOUS 1"},
		{"only the pin is left", map[string][]string{v3: {labelCurrent}, v2: {labelPrevious, pin2}, v1: {pin1}}, false, gone(live(v3, v2), v1, v1, rotation.WhyRetired), pin1 + " 1"},
		{"a version that the log has not seen yet", map[string][]string{v3: {labelCurrent}, v2: {labelPrevious, pin2}}, false, live(v1), ""},
		{"an abandoned version", map[string][]string{v2: {labelCurrent}, v1: {pin1}}, false, gone(live(v2), v1, v1, rotation.WhyAbandoned), ""},
		{"a gone key that is current in the store", map[string][]string{v1: {labelCurrent, pin1}}, false, gone(live(v2), v1, v1, rotation.WhyRetired), ""},
		{"one of several keys lives", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious, pin1}}, false, gone(live(v2, v1+"/b"), v1+"/a", v1, rotation.WhyRetired), ""},
		{"all of several keys are gone", map[string][]string{v2: {labelCurrent}, v1: {labelPrevious, pin1}}, false, gone(live(v2), v1+"/a", v2, rotation.WhyRetired), "AWSPREVIOUS 1, " + pin1 + " 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, l := range leftovers(view{labels: c.labels, rotates: c.rotates}, c.head) {
				got = append(got, l.label+" "+l.version[:1])
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestLabelsAreCountedForTheWholeTurn(t *testing.T) {
	for others, want := range map[int]int{0: 0, 15: 0, 16: 1, 19: 4} {
		v := view{labels: map[string][]string{v1: {labelCurrent}}}
		for i := range others {
			v.labels[v1] = append(v.labels[v1], fmt.Sprint("team-", i))
		}
		if got := lacking(v); got != want { // current, and pending, turn, previous, pin
			t.Errorf("%d others: got %d, want %d", others, got, want)
		}
	}
	v := view{labels: map[string][]string{v1: {labelCurrent, pinOf(v1)}, v2: {labelPrevious, labelPending, labelTurn}}}
	if got := lacking(v); got != 0 {
		t.Errorf("labels that move need no room: got %d", got)
	}
}

func TestTheNextVersionIsTheSameForEverybodyAndAnotherForEachTurn(t *testing.T) {
	current := rotation.Key{Name: v1, Version: v1, Since: time.UnixMilli(1_800_000_000_000)}
	v := view{arn: "arn:a", labels: map[string][]string{v1: {labelCurrent}}}
	free := func(v view, st rotation.State, k rotation.Key) string {
		t.Helper()
		id, err := freeVersion(v, st, k)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("got %q", id)
		}
		return id
	}
	st := rotation.State{Keys: []rotation.Key{current}}
	id := free(v, st, current)
	if free(v, st, current) != id {
		t.Error("two processes would put two versions")
	}
	again := current
	again.Since = current.Since.Add(time.Hour)
	other := v
	other.arn = "arn:b"
	seen := map[string]string{id: "the first"}
	for name, got := range map[string]string{
		"current again later": free(v, st, again),
		"another secret":      free(other, st, current),
		"used and gone":       free(v, rotation.State{Gone: []rotation.Gone{{Key: id, Version: id, Why: rotation.WhyAbandoned}}}, current),
	} {
		if by, taken := seen[got]; taken {
			t.Errorf("%s: the version of %s", name, by)
		}
		seen[got] = name
	}
	pending := rotation.State{Keys: []rotation.Key{current, {Name: id, Version: id, Stage: rotation.Pending}}}
	if free(v, pending, current) != id {
		t.Error("a pending version that lost its label is not found again")
	}
	if kid := freshKID(id, time.Unix(0, 0)); kid != "1970-01-01-"+id[:8] || auth.CheckKID(kid) != nil {
		t.Errorf("got kid %q", kid)
	}
}

// turned turns the key of a scene once, as a rotation does, and returns the
// value that was written.
func (s *scene) turned(st rotation.State) (rotation.State, awsfake.Value) {
	s.Helper()
	kid, err := s.store.Prepare(context.Background(), st)
	if err != nil {
		s.Fatal(err)
	}
	st, _ = s.next(st)
	i := slices.IndexFunc(st.Keys, func(k rotation.Key) bool { return k.KID == kid && k.Stage == rotation.Pending })
	from, ok := st.Current()
	if i < 0 || !ok {
		s.Fatalf("kid %q is not pending in %+v", kid, st.Keys)
	}
	to := st.Keys[i]
	if err := s.store.Promote(context.Background(), from, to); err != nil {
		s.Fatal(err)
	}
	st, _ = s.next(st)
	if cur, _ := st.Current(); cur.Name != to.Name {
		s.Fatalf("got %+v, want %s current", st.Keys, to.Name)
	}
	return st, s.Value(secretName, s.holder(labelCurrent))
}

func TestEveryFormIsTurnedThroughAWS(t *testing.T) {
	for _, c := range samples(t) {
		t.Run(c.name, func(t *testing.T) {
			v := awsfake.String(c.value)
			if c.binary {
				v = awsfake.Binary([]byte(c.value))
			}
			s := newScene(t, v)
			s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region)})
			st := s.first()
			old, _ := st.Current()
			for range 2 {
				s.pass(time.Minute)
				var now awsfake.Value
				st, now = s.turned(st)
				if _, binary := now.Reveal(); binary != c.binary {
					t.Errorf("binary is %v, was %v", binary, c.binary)
				}
			}
			if k, live := st.Key(old.Name); !live || k.Stage != rotation.Retiring || len(st.Keys) < 3 {
				t.Errorf("got %+v", st.Keys)
			}
			for _, k := range st.Keys {
				if _, err := s.store.Value(t.Context(), st, k); err != nil {
					t.Errorf("key %s: %v", k.Name, err)
				}
			}
		})
	}
}

func TestAKidRuleHoldsForWhatIsTurned(t *testing.T) {
	for name, c := range map[string]struct {
		rule watcher.KIDRule
		kid  func(version string) string
	}{
		"field":   {watcher.KIDRule{}, rotation.DeriveKID},
		"version": {watcher.KIDRule{From: watcher.KIDVersion}, func(v string) string { return v }},
		"literal": {watcher.KIDRule{From: watcher.KIDLiteral, Literal: "app"}, func(string) string { return "app" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, awsfake.String(oldText))
			s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region), KID: c.rule})
			st, _ := s.turned(s.first())
			if k, _ := st.Current(); k.KID != c.kid(k.Version) {
				t.Errorf("got kid %q of version %s", k.KID, k.Version)
			}
		})
	}
}

func TestWithoutThePermissionItSaysWhichAndWritesNothing(t *testing.T) {
	s := newScene(t, awsfake.String(oldText)) // with the role that watches
	st := s.first()
	_, err := s.store.Prepare(t.Context(), st)
	if err == nil || !strings.Contains(err.Error(), "secretsmanager:PutSecretValue") || !strings.Contains(err.Error(), "attach the policies of deploy/aws") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), oldText) || len(s.Versions(secretName)) != 1 {
		t.Errorf("got %v, versions %v", err, s.Versions(secretName))
	}
	if err := s.store.Tidy(t.Context(), st); err != nil {
		t.Errorf("there is nothing to tidy, so nothing to be refused: %v", err)
	}
}

func TestAKeyOfKMSThatMayNotBeUsedStopsTheTurn(t *testing.T) {
	s := newScene(t, awsfake.String(oldText), awsfake.CustomerKey("key-1"))
	s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region)})
	st := s.first()
	s.KMS(awsfake.KMSDisabled)
	_, err := s.store.Prepare(t.Context(), st)
	if err == nil || classOf(err) != classKMS || !strings.Contains(err.Error(), "kms:GenerateDataKey") {
		t.Fatalf("got %v", err)
	}
}

// A log that is lost with everything that remembers it does not lose the keys
// that still verify: the pins tell of them, and go when their time is over.
func TestPinsTellALostLogWhichKeysStillVerify(t *testing.T) {
	s := newScene(t, raw(1))
	s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region)})
	st := s.first()
	one := s.holder(labelCurrent)
	s.pass(time.Second)
	st, _ = s.turned(st)
	two := s.holder(labelCurrent)
	s.pass(time.Second)
	_, _ = s.turned(st)
	three := s.holder(labelCurrent)

	s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region)})
	st = s.first()
	live := liveIn(st)
	slices.Sort(live)
	want := []string{one + " retiring", two + " retiring", three + " current"}
	slices.Sort(want)
	equal(t, "live keys of a log that began anew", live, want...)

	late := time.UnixMilli(st.Rev).Add(24 * time.Hour)
	st, _ = rotation.Tick(st, rotation.Policy{TokenLifetime: time.Hour}, late)
	if err := s.store.Tidy(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	equal(t, "labels left", slices.Concat(s.Labels(secretName)[one], s.Labels(secretName)[two]))
}
