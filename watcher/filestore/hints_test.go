package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// watched returns a Store whose Run is under way: the watch stands once the
// first hint is there.
func watched(t *testing.T, path string) *Store {
	t.Helper()
	s := open(t, path, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	awaitHint(t, s)
	return s
}

func awaitHint(t *testing.T, s *Store) {
	t.Helper()
	select {
	case <-s.Hints():
	case <-time.After(6 * rearmEvery): // a watch that the kernel dropped comes back after one of them
		t.Fatal("no hint came")
	}
}

// awaitCurrent follows hints until a look shows that current key.
func awaitCurrent(t *testing.T, s *Store, kid string) {
	t.Helper()
	for {
		awaitHint(t, s)
		snap, err := s.Look(t.Context(), rotation.State{})
		if err == nil && slices.ContainsFunc(snap.Keys, func(k rotation.Seen) bool { return k.KID == kid && k.Stage == rotation.Current }) {
			return
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

func TestSavesOfAllEditorsAreHintedAt(t *testing.T) {
	a, b, c := file(1, hs("a", "current", 1)), file(2, hs("b", "current", 2)), file(3, hs("c", "current", 3))
	for _, save := range []struct {
		name string
		save func(path, content string) error
	}{
		{"in place", write},
		{"rename over", func(p, s string) error {
			return errors.Join(write(p+".new", s), os.Rename(p+".new", p))
		}},
		{"backup, then create", func(p, s string) error {
			return errors.Join(os.Rename(p, p+"~"), write(p, s))
		}},
		{"backup, create, remove backup", func(p, s string) error {
			return errors.Join(os.Rename(p, p+"~"), write(p, s), os.Remove(p+"~"))
		}},
		{"remove, then create", func(p, s string) error {
			return errors.Join(os.Remove(p), write(p, s))
		}},
		{"in place, in two writes", func(p, s string) error {
			f, err := os.OpenFile(p, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				return err
			}
			_, first := f.WriteString(s[:20])
			_, second := f.WriteString(s[20:])
			return errors.Join(first, second, f.Close())
		}},
		{"hard link", func(p, s string) error {
			return errors.Join(write(p+".new", s), os.Remove(p), os.Link(p+".new", p), os.Remove(p+".new"))
		}},
		{"made readable", func(p, s string) error {
			return errors.Join(write(p, s), os.Chmod(p, 0o644), os.Chmod(p, 0o600))
		}},
	} {
		t.Run(save.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keys.json")
			must(t, write(path, a))
			s := watched(t, path)
			for kid, content := range map[string]string{"b": b, "c": c} { // the watch must survive each save
				must(t, save.save(path, content))
				awaitCurrent(t, s, kid)
			}
		})
	}
}

// kubernetes makes a mounted secret as the kubelet does: keys.json → ..data/keys.json,
// ..data → a directory named by the time.
type kubernetes struct {
	dir string
	n   int
}

func (k *kubernetes) set(content string) error {
	old, err := os.Readlink(filepath.Join(k.dir, "..data"))
	if err != nil {
		old = ""
	}
	k.n++
	next := fmt.Sprintf("..2026_11_22_%02d", k.n)
	err = errors.Join(
		os.Mkdir(filepath.Join(k.dir, next), 0o755),
		os.WriteFile(filepath.Join(k.dir, next, "keys.json"), []byte(content), 0o440),
		os.Symlink(next, filepath.Join(k.dir, "..data_tmp")),
		os.Rename(filepath.Join(k.dir, "..data_tmp"), filepath.Join(k.dir, "..data")),
	)
	if old == "" {
		return errors.Join(err, os.Symlink("..data/keys.json", filepath.Join(k.dir, "keys.json")))
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(k.dir, old)))
}

func TestTheSymlinkSwapOfAMountedSecretIsHintedAt(t *testing.T) {
	k := &kubernetes{dir: t.TempDir()}
	must(t, k.set(file(1, hs("k0", "current", 0))))
	s := watched(t, filepath.Join(k.dir, "keys.json"))
	for n := 1; n < 5; n++ {
		kid := fmt.Sprint("k", n)
		must(t, k.set(file(1+n, hs(kid, "current", n))))
		awaitCurrent(t, s, kid)
	}
	if err := s.Writable(); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("got %v, want a mounted secret to be watched only", err)
	}
}

func TestAFileBehindALinkIsWatchedWhereItIs(t *testing.T) {
	home, far := t.TempDir(), t.TempDir()
	target, path := filepath.Join(far, "real.json"), filepath.Join(home, "keys.json")
	must(t, write(target, file(1, hs("a", "current", 1))), os.Symlink(target, path))
	s := watched(t, path)
	must(t, write(target, file(2, hs("b", "current", 2))))
	awaitCurrent(t, s, "b")
	must(t, os.Remove(path), os.Symlink(filepath.Join(far, "other.json"), path), write(filepath.Join(far, "other.json"), file(3, hs("c", "current", 3))))
	awaitCurrent(t, s, "c")
	must(t, write(filepath.Join(far, "other.json"), file(4, hs("d", "current", 4))))
	awaitCurrent(t, s, "d")
}

func TestADirectoryThatComesBackIsWatchedAgain(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "etc", "keys")
	path := filepath.Join(dir, "keys.json")
	must(t, os.MkdirAll(dir, 0o700), write(path, file(1, hs("a", "current", 1))))
	s := watched(t, path)
	for n, away := range []func() error{
		func() error { return os.RemoveAll(dir) },
		func() error { return os.RemoveAll(filepath.Join(root, "etc")) },
		func() error { return os.Rename(dir, dir+".old") },
	} {
		must(t, away())
		awaitHint(t, s)
		kid := fmt.Sprint("k", n)
		must(t, os.MkdirAll(dir, 0o700), write(path, file(2+2*n, hs(kid, "current", n))))
		awaitCurrent(t, s, kid)
		must(t, write(path, file(3+2*n, hs(kid+"x", "current", n+10))))
		awaitCurrent(t, s, kid+"x")
	}
}

func TestAFileThatComesLaterIsHintedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet", "keys.json")
	s := watched(t, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700), write(path, file(1, hs("a", "current", 1))))
	awaitCurrent(t, s, "a")
}

func TestOtherFilesOfTheDirectoryAreNoHints(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	must(t, write(path, file(1, hs("a", "current", 1))))
	s := watched(t, path)
	for n := range 50 {
		must(t, write(filepath.Join(dir, fmt.Sprint("other", n)), "x"))
	}
	must(t, write(path+".lock", ""), write(path+"~", ""), write(filepath.Join(dir, ".keys.json.1.tmp"), ""))
	// Events are told in order, so this one comes after those that must not count.
	must(t, os.Chmod(path, 0o400))
	awaitHint(t, s)
	select {
	case <-s.Hints():
		t.Error("other files made a hint of their own")
	default:
	}
}

func TestManyChangesAreOneHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	must(t, write(path, file(1, hs("a", "current", 1))))
	s := watched(t, path)
	if cap(s.Hints()) != 1 {
		t.Fatalf("got capacity %d, want 1", cap(s.Hints()))
	}
	for n := range 20 {
		must(t, write(path, file(2+n, hs("b", "current", n))))
	}
	awaitHint(t, s)
}

func TestLinksInACircleDoNotHang(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	must(t, os.Symlink("other.json", path), os.Symlink("keys.json", filepath.Join(dir, "other.json")))
	if got := surround(path); !slices.Equal(got.dirs, []string{realPath(t, dir)}) || len(got.names) != 2 {
		t.Errorf("got %v", got)
	}
}

func realPath(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	must(t, err)
	return real
}

func TestSurroundingsAreTheDirectoriesThatMatter(t *testing.T) {
	root := realPath(t, t.TempDir())
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	must(t,
		os.MkdirAll(in("a", "..1"), 0o700), write(in("a", "..1", "keys.json"), ""),
		os.Symlink("..1", in("a", "..data")), os.Symlink("..data/keys.json", in("a", "keys.json")),
		os.Symlink("a", in("link")), os.Symlink("../a/../a", in("a", "up")),
	)
	for _, c := range []struct {
		path string
		dirs []string
	}{
		{in("a", "..1", "keys.json"), []string{in("a", "..1")}},
		{in("a", "keys.json"), []string{in("a"), in("a", "..1")}},
		{in("link", "keys.json"), []string{root, in("a"), in("a", "..1")}},
		{in("a", "up", "keys.json"), []string{in("a"), in("a", "..1")}},
		{in("a", "none.json"), []string{in("a")}},
		{in("none", "more", "keys.json"), []string{root}},
	} {
		if got := surround(c.path); !slices.Equal(got.dirs, c.dirs) {
			t.Errorf("%s: got %q, want %q", c.path, got.dirs, c.dirs)
		}
	}
}
