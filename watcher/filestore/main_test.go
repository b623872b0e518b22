package filestore

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("FILESTORE_TEST_WRITER"); path != "" {
		os.Exit(writeAsOther(path))
	}
	goleak.VerifyTestMain(m)
}

// secret returns a strong secret, the same for the same n, as the file has it.
func secret(n int) string {
	b := make([]byte, 32)
	x := uint32(n)*2654435761 + 12345
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x >> 8)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// row writes one entry: key("kid", "a", "stage", "current", …).
func key(members ...string) string {
	var out []string
	for i := 0; i+1 < len(members); i += 2 {
		out = append(out, fmt.Sprintf("%q:%q", members[i], members[i+1]))
	}
	return "{" + strings.Join(out, ",") + "}"
}

// hs is an HS256 entry named by kid.
func hs(kid, stage string, n int) string {
	return key("kid", kid, "stage", stage, "alg", "HS256", "secret", secret(n))
}

// file writes a file; a serial below zero is left out.
func file(serial int, keys ...string) string {
	head := "{"
	if serial >= 0 {
		head = fmt.Sprintf(`{"serial":%d,`, serial)
	}
	return head + `"keys":[` + strings.Join(keys, ",\n") + "]}\n"
}

// save puts content into place as careful editors do: new file, rename.
func save(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string, c Config) *Store {
	t.Helper()
	c.Ring = "demo"
	s, err := Open(path, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newStore returns a Store of a fresh file with that content.
func newStore(t *testing.T, content string) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	save(t, path, content)
	return open(t, path, Config{}), path
}

func look(t *testing.T, s *Store, prev rotation.State) rotation.Snapshot {
	t.Helper()
	snap, err := s.Look(t.Context(), prev)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// next lets the rules of rotation say what the snapshot makes of prev.
func next(t *testing.T, prev rotation.State, snap rotation.Snapshot, confirmed string) rotation.State {
	t.Helper()
	st, _ := rotation.Next(prev, snap, rotation.Policy{TokenLifetime: time.Hour, Confirmed: confirmed}, time.Now())
	if st.IsZero() {
		t.Fatalf("no state of %v", shown(snap))
	}
	return st
}

// shown lists what a snapshot shows, as "version stage".
func shown(s rotation.Snapshot) []string {
	var out []string
	for _, k := range s.Keys {
		out = append(out, k.Version+" "+string(k.Stage))
	}
	return out
}

// stagesOf lists the live keys of a state, as "name stage".
func stagesOf(s rotation.State) []string {
	var out []string
	for _, k := range s.Keys {
		out = append(out, k.Name+" "+string(k.Stage))
	}
	return out
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func value(t *testing.T, s *Store, st rotation.State, name string) string {
	t.Helper()
	k, ok := st.Key(name)
	if !ok {
		t.Fatalf("state has no key %s: %v", name, stagesOf(st))
	}
	v, err := s.Value(t.Context(), st, k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.MarshalSecret()
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
