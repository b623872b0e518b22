package rotation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/watcher/rotation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	start  = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	policy = rotation.Policy{
		TokenLifetime: 15 * time.Minute, SignerLag: 2 * time.Minute, AfterMs: 5000, PerSecond: 100, Connections: 4000,
	}
	overlap = 15*time.Minute + 2*time.Minute + 30*time.Second
)

// entry is a key as a store shows it: version, kid and material all follow its name.
func entry(name string, stage rotation.Stage) rotation.Seen {
	return rotation.Seen{Version: name, KID: "kid-" + name, Stage: stage, Algorithm: "HS256", Print: rotation.Print("material of " + name)}
}

func cur(name string) rotation.Seen { return entry(name, rotation.Current) }
func pen(name string) rotation.Seen { return entry(name, rotation.Pending) }
func old(name string) rotation.Seen { return entry(name, rotation.Retiring) }

// with changes an entry.
func with(s rotation.Seen, change func(*rotation.Seen)) rotation.Seen {
	change(&s)
	return s
}

func look(marker string, keys ...rotation.Seen) rotation.Snapshot {
	return rotation.Snapshot{Ring: "demo", Seen: marker, Keys: keys, By: rotation.ByPoll}
}

// story is a ring under one watcher, step by step.
type story struct {
	t      *testing.T
	state  rotation.State
	now    time.Time
	policy rotation.Policy
}

func tell(t *testing.T) *story { return &story{t: t, now: start, policy: policy} }

// look takes one look a second later and returns the change.
func (s *story) look(seen rotation.Snapshot) rotation.Change {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	next, c := rotation.Next(s.state, seen, s.policy, s.now)
	s.took(next, c)
	return c
}

// took checks what holds for every change and moves on.
func (s *story) took(next rotation.State, c rotation.Change) {
	s.t.Helper()
	if c.Row == "" {
		if !reflect.DeepEqual(s.state, next) {
			s.t.Fatalf("nothing changed, but the state did (-was +is):\n%s", cmp.Diff(s.state, next))
		}
		return
	}
	if err := rotation.Check(next); err != nil {
		s.t.Fatalf("%s: %v", c.Row, err)
	}
	if next.Cause.Change != c.Row || c.Type == "" {
		s.t.Fatalf("row %q, type %q, cause %+v: want them to agree", c.Row, c.Type, next.Cause)
	}
	if want := max(s.state.Rev+1, s.now.UnixMilli()); next.Rev != want {
		s.t.Fatalf("%s: rev %d, want %d", c.Row, next.Rev, want)
	}
	s.state = next
}

func (s *story) tick(d time.Duration) rotation.Change {
	s.t.Helper()
	s.now = s.now.Add(d)
	next, c := rotation.Tick(s.state, s.policy, s.now)
	s.took(next, c)
	return c
}

func (s *story) revoke(name string) rotation.Change {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	next, c, err := rotation.Revoke(s.state, name, s.policy, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.took(next, c)
	return c
}

// want compares the live keys, written "k2 current, k1 retiring".
func (s *story) want(live string) {
	s.t.Helper()
	if got := stages(s.state); got != live {
		s.t.Fatalf("live keys: got %q, want %q", got, live)
	}
}

// wantGone compares the gone keys, written "k0 retired, kx compromised".
func (s *story) wantGone(gone string) {
	s.t.Helper()
	var all []string
	for _, g := range s.state.Gone {
		all = append(all, g.Key+" "+g.Why)
	}
	if got := strings.Join(all, ", "); got != gone {
		s.t.Fatalf("gone keys: got %q, want %q", got, gone)
	}
}

func stages(s rotation.State) string {
	var all []string
	for _, k := range s.Keys {
		all = append(all, k.Name+" "+string(k.Stage))
	}
	return strings.Join(all, ", ")
}

func wantRow(t *testing.T, c rotation.Change, row, typ string) {
	t.Helper()
	if c.Row != row || c.Type != typ || c.Stale || c.Confirm != "" {
		t.Fatalf("got %+v, want row %q of type %q", c, row, typ)
	}
}

func wantNothing(t *testing.T, c rotation.Change) {
	t.Helper()
	if c.Row != "" || c.Stale || c.Confirm != "" {
		t.Fatalf("got %+v, want nothing", c)
	}
}

func codes(c rotation.Change) []string {
	var all []string
	for _, a := range c.Alarms {
		all = append(all, a.Code)
	}
	return all
}

func wantAlarm(t *testing.T, c rotation.Change, code, part string) {
	t.Helper()
	for _, a := range c.Alarms {
		if a.Code == code && strings.Contains(a.Text, part) {
			return
		}
	}
	t.Fatalf("alarms %+v: want %s with %q", c.Alarms, code, part)
}

func wantCalm(t *testing.T, c rotation.Change) {
	t.Helper()
	if len(c.Alarms) != 0 {
		t.Fatalf("got alarms %v, want none", codes(c))
	}
}

func key(t *testing.T, s rotation.State, name string) rotation.Key {
	t.Helper()
	k, ok := s.Key(name)
	if !ok {
		t.Fatalf("key %s is not live in %q", name, stages(s))
	}
	return k
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with: go test -run %s -update", err, t.Name())
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// numbered is n names: k1, k2, …
func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("k%d", i+1)
	}
	return names
}
