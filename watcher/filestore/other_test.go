package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// These tests run the test binary again as a second process; see TestMain.
const (
	writers = 8 // goroutines a process
	each    = 3 // keys that each of them removes
)

func other(t *testing.T, path, what string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "FILESTORE_TEST_WRITER="+path, "FILESTORE_TEST_WHAT="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeAsOther is the second process.
func writeAsOther(path string) int {
	s, err := Open(path, Config{Ring: "demo"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch os.Getenv("FILESTORE_TEST_WHAT") {
	case "drop":
		err = dropAll(s, "other")
	case "win":
		fmt.Println(wins(s, "other"))
	case "forever":
		for from, to := "a", "b"; err == nil; from, to = to, from {
			err = s.Promote(context.Background(), named1(from), named1(to))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func named1(name string) rotation.Key {
	return rotation.Key{Name: name, Version: name, KID: name, Algorithm: "HS256"}
}

// dropAll removes this process's keys, from many goroutines.
func dropAll(s *Store, who string) error {
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				errs[w] = errors.Join(errs[w], s.Drop(context.Background(), named1(fmt.Sprintf("%s-%d-%d", who, w, n))))
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// wins counts how many of this process's keys could follow "a".
func wins(s *Store, who string) int {
	var mu sync.Mutex
	won := 0
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			err := s.Promote(context.Background(), named1("a"), named1(fmt.Sprintf("%s-%d-0", who, w)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, ErrConflict):
				won += 1000
			}
		})
	}
	group.Wait()
	return won
}

func crowd(t *testing.T, perWriter int, stage string) (*Store, string) {
	t.Helper()
	rows := []string{hs("a", "current", 0)}
	for i, who := range []string{"other", "self"} {
		for w := range writers {
			for n := range perWriter {
				rows = append(rows, hs(fmt.Sprintf("%s-%d-%d", who, w, n), stage, 1+100*i+10*w+n))
			}
		}
	}
	return newStore(t, file(1, rows...))
}

func TestNoWriteIsLostAmongManyWritersAndTwoProcesses(t *testing.T) {
	s, path := crowd(t, each, "previous")
	cmd := other(t, path, "drop")
	must(t, cmd.Start())
	mine := dropAll(s, "self")
	must(t, mine, cmd.Wait())
	equal(t, "file", inFile(t, path), "a current")
	if got, want := entries(t, path).serial, int64(1+2*writers*each); got != want {
		t.Errorf("got serial %d, want %d: one a write", got, want)
	}
}

func TestOfManyTurnsAtOnceOneWins(t *testing.T) {
	s, path := crowd(t, 1, "pending")
	cmd := other(t, path, "win")
	var out strings.Builder
	cmd.Stdout = &out
	must(t, cmd.Start())
	mine := wins(s, "self")
	must(t, cmd.Wait())
	if got := fmt.Sprint(mine, " ", strings.TrimSpace(out.String())); got != "1 0" && got != "0 1" {
		t.Errorf("got %s wins, want one", got)
	}
	if got := entries(t, path).serial; got != 2 {
		t.Errorf("got serial %d, want 2", got)
	}
}

func TestAKilledWriterLeavesAWholeFileAndNoLock(t *testing.T) {
	s, path := newStore(t, file(1, hs("a", "current", 1), hs("b", "pending", 2)))
	var serial int64
	for range 5 {
		// The writer alternates forever, beginning with whichever is not current.
		if entries(t, path).current().base() == "b" {
			must(t, s.Promote(t.Context(), named1("b"), named1("a")))
		}
		cmd := other(t, path, "forever")
		must(t, cmd.Start())
		began := entries(t, path).serial
		for deadline := time.Now().Add(20 * time.Second); entries(t, path).serial < began+3; {
			if time.Now().After(deadline) {
				t.Fatal("the writer does not write")
			}
			must(t, wait(t.Context(), time.Millisecond))
		}
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); err == nil {
			t.Error("the writer ended by itself")
		}
		d := entries(t, path)
		if len(d.entries) != 2 || d.serial <= serial {
			t.Errorf("got %v, serial %d after %d", inFile(t, path), d.serial, serial)
		}
		serial = d.serial
	}
	_, err := s.Prepare(within(t, 5*time.Second), rotation.State{})
	must(t, err)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp"))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
