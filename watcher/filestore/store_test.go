package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestALookShowsEveryKeyWithItsStage(t *testing.T) {
	s, _ := newStore(t, file(7, hs("c", "pending", 3), hs("b", "current", 2), hs("a", "previous", 1)))
	snap := look(t, s, rotation.State{})
	equal(t, "keys", shown(snap), "c pending", "b current", "a retiring")
	if snap.Seen != "7" || snap.Ring != "demo" {
		t.Errorf("got seen %q, ring %q", snap.Seen, snap.Ring)
	}
	if snap.Keys[0].Print == "" || snap.Keys[0].Print == snap.Keys[1].Print {
		t.Error("prints are missing or equal")
	}
	if snap.Known["b"] != snap.Keys[1].Print {
		t.Error("the look does not know the print of b")
	}
}

func TestAFileWithoutSerialHasNoMarker(t *testing.T) {
	s, _ := newStore(t, file(-1, hs("a", "current", 1)))
	if snap := look(t, s, rotation.State{}); snap.Seen != "" {
		t.Errorf("got %q, want none", snap.Seen)
	}
}

// turns goes through saves of a file as a watcher would, and checks the live
// keys after each.
func TestSavesByHandBecomeTheRightStates(t *testing.T) {
	type step struct {
		file string
		live []string
		row  string // Cause.Change
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"new kid", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("b", "current", 2), hs("a", "previous", 1)), []string{"b current", "a retiring"}, "replaced"},
		}},
		{"announced", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("a", "current", 1), hs("b", "pending", 2)), []string{"a current", "b pending"}, "pending"},
			{file(3, hs("a", "previous", 1), hs("b", "current", 2)), []string{"b current", "a retiring"}, "promoted"},
		}},
		{"new secret under the same kid", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("a", "current", 2)), []string{"a~2 current", "a retiring"}, "kid_reuse"},
			{file(3, hs("a", "current", 3)), []string{"a~3 current", "a~2 retiring", "a retiring"}, "kid_reuse"},
		}},
		{"new kid over the same secret", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("b", "current", 1)), []string{"b current", "a retiring"}, "replaced"},
		}},
		{"new kid under the same version", []step{
			{file(1, key("kid", "a", "version", "v", "stage", "current", "alg", "HS256", "secret", secret(1))), []string{"v current"}, "first_sight"},
			{file(2, key("kid", "b", "version", "v", "stage", "current", "alg", "HS256", "secret", secret(1))), []string{"v~2 current", "v retiring"}, "replaced"},
		}},
		{"version without kid", []step{
			{file(1, key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1))), []string{"v1 current"}, "first_sight"},
			{file(2, key("version", "v2", "stage", "current", "alg", "HS256", "secret", secret(2))), []string{"v2 current", "v1 retiring"}, "replaced"},
		}},
		{"nothing but the serial", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
		}},
		{"secret and back", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(2, hs("a", "current", 2)), []string{"a~2 current", "a retiring"}, "kid_reuse"},
			{file(3, hs("a", "current", 1)), []string{"a current", "a~2 retiring"}, "rolled_back"},
		}},
		{"the serial was forgotten", []step{
			{file(1, hs("a", "current", 1)), []string{"a current"}, "first_sight"},
			{file(1, hs("a", "current", 2)), []string{"a~1 current", "a retiring"}, "kid_reuse"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, path := newStore(t, c.steps[0].file)
			var st rotation.State
			for i, step := range c.steps {
				save(t, path, step.file)
				snap := look(t, s, st)
				st = next(t, st, snap, snap.Keys[0].Version)
				equal(t, fmt.Sprintf("state after save %d", i+1), stagesOf(st), step.live...)
				if st.Cause.Change != step.row {
					t.Errorf("save %d: got %s, want %s", i+1, st.Cause.Change, step.row)
				}
			}
		})
	}
}

func TestMaterialUnderAForgottenSerialNeverSharesAName(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 0)))
	var st rotation.State
	names := map[string]bool{}
	for n := range 4 {
		save(t, path, file(1, hs("a", "current", n)))
		snap := look(t, s, st)
		st = next(t, st, snap, "")
		names[snap.Keys[0].Version] = true
	}
	if len(names) != 4 {
		t.Errorf("four secrets under one kid and serial have the names %v", names)
	}
	for name := range names {
		value(t, s, st, name)
	}
}

func TestOldMaterialStaysReadableInTheProcessThatSawIt(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	save(t, path, file(2, hs("a", "current", 2)))
	st = next(t, st, look(t, s, st), "")
	equal(t, "keys", stagesOf(st), "a~2 current", "a retiring")
	if value(t, s, st, "a~2") != secret(2) || value(t, s, st, "a") != secret(1) {
		t.Error("versions hold the wrong material")
	}
	fresh := open(t, path, Config{})
	if value(t, fresh, st, "a~2") != secret(2) {
		t.Error("another process reads the wrong material")
	}
	k, _ := st.Key("a")
	if _, err := fresh.Value(t.Context(), st, k); !errors.Is(err, ErrNoValue) {
		t.Errorf("got %v, want ErrNoValue: the file does not have the old secret", err)
	}
}

func TestALookWithoutStateIsNoProofOfAName(t *testing.T) {
	// The log has moved on to a~2; this process, without memory, looks before it knows that.
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	save(t, path, file(2, hs("a", "current", 2)))
	st = next(t, st, look(t, s, st), "")
	fresh := open(t, path, Config{})
	equal(t, "without state", shown(look(t, fresh, rotation.State{})), "a current")
	equal(t, "with state", shown(look(t, fresh, st)), "a~2 current")
	if value(t, fresh, st, "a~2") != secret(2) {
		t.Error("the wrong material")
	}
	k, _ := st.Key("a")
	if _, err := fresh.Value(t.Context(), st, k); !errors.Is(err, ErrNoValue) {
		t.Errorf("got %v: the new material is given out under the old name", err)
	}
}

func TestAnUnreadableFileTakesNoValueBack(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	must(t, os.Remove(path))
	st.Rev++
	if value(t, s, st, "a") != secret(1) {
		t.Error("the wrong material")
	}
	if _, err := s.Value(t.Context(), st, rotation.Key{Name: "b", Version: "b"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want why the file can't be read", err)
	}
}

func TestMaterialOfGoneKeysIsForgotten(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	save(t, path, file(2, hs("b", "current", 2)))
	st = next(t, st, look(t, s, st), "")
	k, _ := st.Key("a")
	value(t, s, st, "a")
	st, _ = rotation.Tick(st, rotation.Policy{}, time.Now().Add(24*time.Hour))
	look(t, s, st)
	if _, err := s.Value(t.Context(), st, k); !errors.Is(err, ErrNoValue) {
		t.Errorf("got %v, want ErrNoValue for a key that is gone", err)
	}
}

func TestValuesAreBounded(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 0)))
	for n := 1; n < maxRecords+maxValues; n++ {
		save(t, path, file(n, hs(fmt.Sprint("k", n), "current", n)))
		look(t, s, rotation.State{})
	}
	if len(s.values) > maxValues || len(s.order) != len(s.values) || len(s.memory.records) > maxRecords {
		t.Errorf("the store remembers %d values and %d records", len(s.values), len(s.memory.records))
	}
}

func TestASaveInTwoStepsIsOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := newStore(t, file(1, hs("a", "current", 1)))
		st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
		save(t, path, file(1, hs("a", "current", 2))) // the secret first …
		time.AfterFunc(100*time.Millisecond, func() { save(t, path, file(2, hs("b", "current", 2))) })
		snap := look(t, s, st)
		equal(t, "keys", shown(snap), "b current") // … then its kid
		if _, known := snap.Known["a~1"]; known {
			t.Error("the half-saved key is remembered")
		}
	})
}

func TestAFileThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	whole := file(2, hs("b", "current", 2))
	for _, c := range []struct {
		name  string
		begin func(path string) error
	}{
		{"truncated", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		{"half written", func(p string) error { return os.WriteFile(p, []byte(whole[:40]), 0o600) }},
		{"moved away", os.Remove},
		{"readable by all for a moment", func(p string) error { return os.Chmod(p, 0o644) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, path := newStore(t, file(1, hs("a", "current", 1)))
				if err := c.begin(path); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(150*time.Millisecond, func() { save(t, path, whole) })
				began := time.Now()
				equal(t, "keys", shown(look(t, s, rotation.State{})), "b current")
				if d := time.Since(began); d > 170*time.Millisecond {
					t.Errorf("the look took %v, though the file was whole after 150 ms", d)
				}
			})
		})
	}
}

func TestWhatCanNotBeReadIsRefusedWithItsRemedy(t *testing.T) {
	good := file(1, hs("a", "current", 1))
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"missing", os.Remove, "does not exist: create it"},
		{"empty", func(p string) error { return os.Truncate(p, 0) }, "is empty"},
		{"readable by others", func(p string) error { return os.Chmod(p, 0o604) }, "its mode is 0604, so every user of this machine can read or write the keys: chmod 600 it (in Kubernetes: defaultMode: 0440)"},
		{"writable by others", func(p string) error { return os.Chmod(p, 0o602) }, "chmod 600"},
		{"directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "not a regular file"},
		{"too large", func(p string) error { return os.Truncate(p, maxFile+1) }, "larger than 1048576 bytes"},
		{"wrong", func(p string) error { return os.WriteFile(p, []byte(`{"serial":1,"kyes":[]}`), 0o600) }, "line 1, column 13: unknown member"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, path := newStore(t, good)
				if err := c.make(path); err != nil {
					t.Fatal(err)
				}
				_, err := s.Look(t.Context(), rotation.State{})
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want it to name the file and say %q", err, c.want)
				}
				if c.name == "missing" && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v is no fs.ErrNotExist", err)
				}
			})
		})
	}
}

func TestGroupsMayRead(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o400, 0o440, 0o640, 0o660} {
		s, path := newStore(t, file(1, hs("a", "current", 1)))
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Look(t.Context(), rotation.State{}); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestAWeakSecretIsAcceptedOnlyWhereItIsInUse(t *testing.T) {
	covers.IDs(t, "CFG-12")
	weak := func(kid, stage string) string {
		return key("kid", kid, "stage", stage, "alg", "HS256", "secret", "c2VjcmV0")
	}
	s, path := newStore(t, file(1, weak("a", "current")))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	alarms := s.Alarms()
	if len(alarms) != 1 || alarms[0].Key != "a" || !strings.Contains(alarms[0].Text, "rotate it now") {
		t.Errorf("got alarms %v", alarms)
	}
	if _, err := open(t, path, Config{}).Look(t.Context(), st); err != nil {
		t.Errorf("a weak key of the state is refused elsewhere: %v", err)
	}
	for name, content := range map[string]string{
		"current":              file(2, weak("b", "current")),
		"pending":              file(2, hs("c", "current", 1), weak("b", "pending")),
		"under the known kid":  file(2, key("kid", "a", "stage", "current", "alg", "HS256", "secret", "cGFzc3dvcmQ")),
		"previous, yet unseen": file(2, hs("c", "current", 1), weak("b", "previous")),
	} {
		save(t, path, content)
		_, err := s.Look(t.Context(), st)
		if err == nil || !strings.Contains(err.Error(), "not accepted as a new one") || !strings.Contains(err.Error(), "line ") {
			t.Errorf("a new weak key, %s: got %v", name, err)
		}
	}
	save(t, path, file(2, weak("p", "pending"), hs("a", "current", 1)))
	if _, err := open(t, path, Config{}).Look(t.Context(), rotation.State{}); err == nil {
		t.Error("a weak pending key is accepted at first sight")
	}
	save(t, path, file(3, hs("a", "previous", 7), hs("b", "current", 2)))
	look(t, s, st)
	if got := s.Alarms(); len(got) != 0 {
		t.Errorf("alarms stay: %v", got)
	}
}

func TestAStaleFileTeachesNothing(t *testing.T) {
	s, path := newStore(t, file(5, hs("b", "current", 2), hs("a", "previous", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	save(t, path, file(3, hs("b", "current", 9))) // an old copy, with another secret
	snap := look(t, s, st)
	if snap.Seen != "3" {
		t.Fatalf("got seen %q", snap.Seen)
	}
	if _, change := rotation.Next(st, snap, rotation.Policy{}, time.Now()); !change.Stale {
		t.Error("the look is not stale")
	}
	if len(snap.Known) != 2 || value(t, s, st, "b") != secret(2) {
		t.Error("the stale file was learnt")
	}
}

func TestPrintsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	path, prints := filepath.Join(dir, "keys.json"), filepath.Join(dir, "prints.json")
	save(t, path, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, open(t, path, Config{Prints: prints}), rotation.State{}), "")
	save(t, path, file(2, hs("a", "current", 2)))

	equal(t, "without memory", shown(look(t, open(t, path, Config{}), st)), "a current")
	snap := look(t, open(t, path, Config{Prints: prints}), st)
	equal(t, "with memory", shown(snap), "a~2 current")
	if snap.Known["a"] == "" || snap.Known["a"] == snap.Keys[0].Print {
		t.Error("the print of the old material is lost")
	}

	info, err := os.Stat(prints)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("prints file: %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(prints)
	if err != nil || strings.Contains(string(text), secret(1)) || strings.Contains(string(text), secret(2)) {
		t.Errorf("the prints file shows a secret, or %v", err)
	}
}

func TestABrokenPrintsFileIsStartedAnewAloud(t *testing.T) {
	dir := t.TempDir()
	path, prints := filepath.Join(dir, "keys.json"), filepath.Join(dir, "prints.json")
	save(t, path, file(1, hs("a", "current", 1)))
	for _, content := range []string{"", "{", `{"pepper":"AAAA"}`, `[]`} {
		save(t, prints, content)
		core, logs := observer.New(zap.WarnLevel)
		s := open(t, path, Config{Prints: prints, Logger: zap.New(core)})
		if logs.Len() != 1 {
			t.Errorf("%q: %d warnings", content, logs.Len())
		}
		look(t, s, rotation.State{})
		if _, records, err := openPrints(prints, zap.NewNop()); err != nil || len(records) != 1 {
			t.Errorf("%q: %d records, %v", content, len(records), err)
		}
	}
	if _, err := Open(path, Config{Ring: "demo", Prints: dir}); err == nil {
		t.Error("a directory as prints file is accepted")
	}
}

func TestLooksAndValuesMayRunTogether(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	st := next(t, rotation.State{}, look(t, s, rotation.State{}), "")
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := range 20 {
				if n == 0 {
					content := file(2+i, hs(fmt.Sprint("k", i), "current", i), hs("a", "previous", 1))
					if os.WriteFile(path+".new", []byte(content), 0o600) != nil || os.Rename(path+".new", path) != nil {
						t.Error("could not save")
					}
					continue
				}
				if _, err := s.Look(t.Context(), st); err != nil {
					t.Error(err)
				}
				k, _ := st.Key("a")
				if _, err := s.Value(t.Context(), st, k); err != nil {
					t.Error(err)
				}
				s.Alarms()
				_ = s.Writable()
			}
		})
	}
	group.Wait()
}

func TestALookEndsWithItsContext(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1)))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Look(ctx, rotation.State{}); err == nil {
		t.Error("no error")
	}
}
