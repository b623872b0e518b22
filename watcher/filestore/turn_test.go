package filestore

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// entries reads the file as it is.
func entries(t *testing.T, path string) *document {
	t.Helper()
	l, err := loadOnce(path, watcher.KIDRule{})
	if err != nil {
		t.Fatal(err)
	}
	return l.doc
}

func inFile(t *testing.T, path string) []string {
	t.Helper()
	var out []string
	for _, e := range entries(t, path).entries {
		out = append(out, e.base()+" "+stageName(e.stage))
	}
	return out
}

// ring returns a Store of that file and the state that a watcher makes of it.
func ring(t *testing.T, content string) (*Store, string, rotation.State) {
	t.Helper()
	s, path := newStore(t, content)
	return s, path, next(t, rotation.State{}, look(t, s, rotation.State{}), "")
}

func today(letter string) string { return time.Now().UTC().Format(time.DateOnly) + "-" + letter }

func TestPreparePutsAKeyOfTheSameForm(t *testing.T) {
	long, err := rsa.GenerateKey(rand.Reader, 3072)
	must(t, err)
	k, err := auth.NewKey("", "RS256", long)
	must(t, err)
	pem, err := k.MarshalPEM()
	must(t, err)
	for _, c := range []struct {
		name, current string
		rule          watcher.KIDRule
		check         func(e entry) bool
		kid           string
	}{
		{name: "secret", current: hs("a", "current", 1), kid: today("a"), check: func(e entry) bool {
			return len(e.secret) == 43 && e.alg == "HS256" && e.kid == today("a") && e.version == ""
		}},
		{name: "secret of HS512", current: key("kid", "a", "stage", "current", "alg", "HS512", "secret", secret(1)+secret(2)[:43]), kid: today("a"), check: func(e entry) bool {
			return len(e.secret) == 86 && e.alg == "HS512"
		}},
		{name: "jwk", current: `{"kid":"a","stage":"current","jwk":` + material(t, "jwk", "ES384") + `}`, kid: today("a"), check: func(e entry) bool {
			return e.jwk != nil && !jwkNames(e.jwk) && e.key.Algorithm() == "ES384" && e.kid == today("a")
		}},
		{name: "jwk that names itself", current: `{"stage":"current","jwk":{"kty":"oct","kid":"in","alg":"HS256","k":"` + secret(3) + `"}}`, kid: today("a"), check: func(e entry) bool {
			return e.jwk != nil && jwkNames(e.jwk) && e.kid == "" && e.version == ""
		}},
		{name: "pem", current: `{"kid":"a","stage":"current","pem":` + material(t, "pem", "EdDSA") + `}`, kid: today("a"), check: func(e entry) bool {
			return strings.HasPrefix(e.pem, "-----BEGIN PRIVATE KEY-----") && e.alg == ""
		}},
		{name: "pem as long", current: fmt.Sprintf(`{"kid":"a","stage":"current","alg":"PS256","pem":%q}`, pem), kid: today("a"), check: func(e entry) bool {
			return rsaBits(e.key) == 3072 && e.key.Algorithm() == "PS256"
		}},
		{name: "version only", current: key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), kid: rotation.DeriveKID(today("a")), check: func(e entry) bool {
			return e.version == today("a") && e.kid == ""
		}},
		{name: "version as kid", current: key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), rule: watcher.KIDRule{From: watcher.KIDVersion}, kid: today("a"), check: func(e entry) bool {
			return e.version == today("a") && e.kid == ""
		}},
		{name: "taken names", current: hs(today("a"), "current", 1) + "," + hs(today("b"), "previous", 2), kid: today("c"), check: func(e entry) bool { return true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.json")
			save(t, path, file(7, c.current))
			s := open(t, path, Config{KID: c.rule})
			st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
			was := entries(t, path).current().key.Fingerprint(make([]byte, 16))
			kid, err := s.Prepare(t.Context(), st)
			must(t, err)
			d := entries(t, path)
			e := d.entries[0]
			if kid != c.kid || e.stage != rotation.Pending || e.key.Weak() != "" || !e.key.CanSign() || !c.check(e) || d.serial != 8 {
				t.Errorf("got kid %s, stage %s, weak %q, serial %d", kid, e.stage, e.key.Weak(), d.serial)
			}
			if string(d.current().key.Fingerprint(make([]byte, 16))) != string(was) || e.key.Algorithm() != d.current().key.Algorithm() {
				t.Error("the current key changed, or the new one has another algorithm")
			}
			st = next(t, st, look(t, s, st), "")
			if p, ok := st.Key(baseOf(st.Keys[1].Name)); !ok || p.KID != kid || p.Stage != rotation.Pending {
				t.Errorf("the state does not show it: %v", stagesOf(st))
			}
			// Again: the same key, and nothing written.
			if again, err := s.Prepare(t.Context(), st); again != kid || err != nil || entries(t, path).serial != 8 {
				t.Errorf("again: got %s, %v, serial %d", again, err, entries(t, path).serial)
			}
		})
	}
}

func TestPrepareRefusesBeforeItWrites(t *testing.T) {
	public := func() string {
		k, err := auth.Generate("a", "ES256")
		must(t, err)
		jwk, _ := k.Public()
		b, err := jwk.MarshalJSON()
		must(t, err)
		return string(b)
	}()
	for _, c := range []struct{ name, file, want string }{
		{"only the public half", file(1, `{"stage":"current","jwk":`+public+`}`), "holds only the public half of the current key a"},
		{"two pending", file(1, hs("a", "current", 1), hs("b", "pending", 2), hs("c", "pending", 3)), "2 keys are pending (b, c, …): leave one"},
		{"a weak pending one", file(1, hs("a", "current", 1), key("kid", "b", "stage", "pending", "alg", "HS256", "secret", "c2VjcmV0")), "the pending key b is not accepted"},
		{"full", file(1, func() []string {
			out := []string{hs("a", "current", 1)}
			for i := 1; i < maxEntries; i++ {
				out = append(out, hs(fmt.Sprint("p", i), "previous", i+1))
			}
			return out
		}()...), "holds more than 64 keys"},
		{"wrong", `{"keys":`, "ends in the middle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, path := newStore(t, c.file)
			_, err := s.Prepare(t.Context(), rotation.State{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "prepare a key of ring demo") {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != c.file {
				t.Errorf("the file was changed: %s, %v", now, err)
			}
		})
	}
}

func TestPrepareRemovesWhatIsGone(t *testing.T) {
	s, path, st := ring(t, file(1, hs("cur", "current", 1), hs("old", "previous", 2), hs("leaked", "previous", 3), hs("gaveup", "pending", 4)))
	st.Gone = []rotation.Gone{
		{Key: "old", Version: "old", Why: rotation.WhyRetired},
		{Key: "leaked", Version: "leaked", Why: rotation.WhyCompromised},
		{Key: "gaveup", Version: "gaveup", Why: rotation.WhyAbandoned},
		{Key: "cur", Version: "cur", Why: rotation.WhyRetired},
	}
	st.Keys = nil
	kid, err := s.Prepare(t.Context(), st)
	must(t, err)
	equal(t, "file", inFile(t, path), "cur current", "gaveup pending")
	if kid != "gaveup" {
		t.Errorf("got %s: an abandoned key that is pending again may be turned", kid)
	}
}

func TestPrepareMakesNoKeyForATurnThatAnotherHasMade(t *testing.T) {
	s, path, st := ring(t, file(7, hs("a", "current", 1)))
	save(t, path, file(9, hs("b", "current", 2), hs("a", "previous", 1))) // by another process, which st does not know
	if _, err := s.Prepare(t.Context(), st); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "look again") {
		t.Errorf("got %v, want ErrConflict and the remedy", err)
	}
	equal(t, "file", inFile(t, path), "b current", "a previous")
	if _, err := s.Prepare(t.Context(), next(t, st, look(t, s, st), "")); err != nil {
		t.Error(err)
	}
}

func TestPromoteComparesBeforeItSets(t *testing.T) {
	content := file(7, hs("a", "current", 1), hs("b", "pending", 2), hs("c", "pending", 3))
	s, path, st := ring(t, content)
	k := func(name string) rotation.Key { key, _ := st.Key(name); return key }
	must(t, s.Promote(t.Context(), k("a"), k("b")))
	equal(t, "file", inFile(t, path), "a previous", "b current", "c pending")
	must(t, s.Promote(t.Context(), k("a"), k("b"))) // done already
	if serial := entries(t, path).serial; serial != 8 {
		t.Errorf("got serial %d, want 8: what is done already writes nothing", serial)
	}
	for name, err := range map[string]error{
		"current is another": s.Promote(t.Context(), k("a"), k("c")),
		"not in the file":    s.Promote(t.Context(), k("b"), rotation.Key{Name: "x", Version: "x"}),
		"from nothing":       s.Promote(t.Context(), rotation.Key{}, k("c")),
		"drop of current":    s.Drop(t.Context(), k("b")),
		"replace, another":   s.Replace(t.Context(), k("a"), k("c")),
	} {
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%s: got %v, want ErrConflict", name, err)
		}
	}
	must(t, s.Promote(t.Context(), k("b"), k("a"))) // back again
	equal(t, "file", inFile(t, path), "a current", "b previous", "c pending")
	must(t, s.Drop(t.Context(), k("b")), s.Drop(t.Context(), k("b")))
	equal(t, "file", inFile(t, path), "a current", "c pending")
	must(t, s.Replace(t.Context(), k("a"), k("c")), s.Replace(t.Context(), k("a"), k("c")))
	equal(t, "file", inFile(t, path), "c current")
}

func TestReplaceFinishesAHalfDoneTurn(t *testing.T) {
	s, path, st := ring(t, file(7, hs("a", "current", 1), hs("b", "pending", 2)))
	a, _ := st.Key("a")
	b, _ := st.Key("b")
	must(t, s.Promote(t.Context(), a, b), s.Replace(t.Context(), a, b))
	equal(t, "file", inFile(t, path), "b current")
}

func TestPromoteKnowsKeysByTheirMaterial(t *testing.T) {
	s, path, st := ring(t, file(1, hs("a", "current", 1)))
	save(t, path, file(2, hs("a", "current", 2), hs("b", "pending", 3)))
	st = next(t, st, look(t, s, st), "")
	equal(t, "state", stagesOf(st), "a~2 current", "b pending", "a retiring")
	old, _ := st.Key("a")
	cur, _ := st.Key("a~2")
	b, _ := st.Key("b")
	if err := s.Promote(t.Context(), old, b); !errors.Is(err, ErrConflict) {
		t.Errorf("got %v: the entry is called a, but is not that key any more", err)
	}
	other := open(t, path, Config{}) // has no memory, but no reason to doubt either
	must(t, other.Promote(t.Context(), cur, b))
	equal(t, "file", inFile(t, path), "a previous", "b current")
}

func TestAWrittenSerialIsAboveAllThatWereSeen(t *testing.T) {
	s, path, st := ring(t, file(-1, hs("a", "current", 1)))
	st.Seen = "41" // the file had a serial once
	_, err := s.Prepare(t.Context(), st)
	must(t, err)
	if got := entries(t, path); got.serial != 42 || !got.counted {
		t.Errorf("got serial %d, want 42", got.serial)
	}
}

func TestAWrittenFileIsTidyAndKeepsWhatItHeld(t *testing.T) {
	jwk := material(t, "jwk", "RS256")
	s, path, st := ring(t, `{"serial":1,"keys":[`+hs("a", "current", 1)+`,{"stage":"previous","version":"v","jwk":`+jwk+`}]}`)
	_, err := s.Prepare(t.Context(), st)
	must(t, err)
	text, err := os.ReadFile(path)
	must(t, err)
	if !strings.HasPrefix(string(text), "{\n  \"serial\": 2,\n  \"keys\": [\n    {\n      \"kid\": ") || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("got\n%s", text)
	}
	var got struct{ Keys []struct{ JWK any } }
	var want any
	must(t, json.Unmarshal(text, &got), json.Unmarshal([]byte(jwk), &want))
	if fmt.Sprint(got.Keys[2].JWK) != fmt.Sprint(want) || got.Keys[2].JWK == nil {
		t.Error("the jwk was changed")
	}
}

func TestAManagedFileIsWatchedOnly(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"link", func(p string) error { return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p)) }, "it is a symbolic link"},
		{"read-only", func(p string) error { return os.Chmod(p, 0o440) }, "it is read-only"},
		{"missing", os.Remove, "no such file"},
		{"directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, path, st := ring(t, file(1, hs("a", "current", 1), hs("b", "pending", 2)))
			must(t, s.Writable())
			must(t, c.make(path))
			a, _ := st.Key("a")
			b, _ := st.Key("b")
			_, prepare := s.Prepare(t.Context(), st)
			for _, err := range []error{s.Writable(), prepare, s.Promote(t.Context(), a, b), s.Drop(t.Context(), b), s.Replace(t.Context(), a, b)} {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "is watched only") {
					t.Errorf("got %v, want it to say %q", err, c.want)
				}
			}
		})
	}
}

func TestAWriterWaitsForTheLock(t *testing.T) {
	s, path, st := ring(t, file(1, hs("a", "current", 1)))
	lock, err := tryLock(path + ".lock")
	must(t, err)
	_, err = s.Prepare(within(t, 50*time.Millisecond), st)
	if !errors.Is(err, context.DeadlineExceeded) || entries(t, path).serial != 1 {
		t.Errorf("got %v, want the deadline", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Prepare(t.Context(), st)
		done <- err
	}()
	must(t, lock.Close(), <-done)
}

func TestAnEditorThatIsFasterWins(t *testing.T) {
	s, path, st := ring(t, file(1, hs("a", "current", 1), hs("b", "pending", 2)))
	calls := 0
	change := func(times int) func(*draft) (bool, error) {
		return func(d *draft) (bool, error) {
			if calls++; calls <= times { // an editor, which takes no lock, saves now
				save(t, path, file(10*calls, hs("a", "current", 1), hs("b", "pending", 2), hs("mine", "previous", calls+2)))
			}
			d.doc.entries = slices.DeleteFunc(d.doc.entries, func(e entry) bool { return e.base() == "b" })
			return true, nil
		}
	}
	must(t, s.edit(t.Context(), st, change(2)))
	equal(t, "file", inFile(t, path), "a current", "mine previous")
	if got := entries(t, path).serial; got != 21 || calls != 3 {
		t.Errorf("got serial %d after %d calls", got, calls)
	}
	calls = 0
	if err := s.edit(t.Context(), st, change(rounds)); !errors.Is(err, ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	equal(t, "file", inFile(t, path), "a current", "b pending", "mine previous")
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestLeftoversOfAKilledWriterAreSwept(t *testing.T) {
	s, path, st := ring(t, file(1, hs("a", "current", 1)))
	left := filepath.Join(filepath.Dir(path), ".keys.json.123.tmp")
	must(t, write(left, "half"))
	_, err := s.Prepare(t.Context(), st)
	must(t, err)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a half-written file with keys stays: %v", err)
	}
}

func TestCreateMakesOneStrongKeyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "keys.json")
	must(t, Create(path))
	d := entries(t, path)
	if len(d.entries) != 1 || d.current().key.Weak() != "" || d.current().key.Algorithm() != "HS256" || d.serial != 1 || d.current().base() != today("a") {
		t.Errorf("got %v", inFile(t, path))
	}
	info, err := os.Stat(path)
	must(t, err)
	dir, err := os.Stat(filepath.Dir(path))
	must(t, err)
	if info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700 {
		t.Errorf("got modes %v and %v", info.Mode(), dir.Mode())
	}
	before, err := os.ReadFile(path)
	must(t, err)
	if err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, or %v", err)
	}
}

func TestNamesOfNewKeysCountTheLetters(t *testing.T) {
	for n, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 51: "az", 52: "ba", 701: "zz", 702: "aaa"} {
		if got := letters(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
