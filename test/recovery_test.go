package test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/test/harness"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Whatever happens to the log, clients that stay connected end on the newest
// key, and none of their calls is refused.
func TestClientsEndOnTheNewestKeyWhenTheLog(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(t *testing.T, s *harness.Stack)
	}{
		{"is wiped", func(t *testing.T, s *harness.Stack) {
			if err := stream(t, s).Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"is deleted with its stream", func(t *testing.T, s *harness.Stack) {
			js := jet(t, s)
			if err := js.DeleteStream(t.Context(), rotation.Stream); err != nil {
				t.Fatal(err)
			}
		}},
		{"loses its last message", func(t *testing.T, s *harness.Stack) {
			log := stream(t, s)
			info, err := log.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := log.DeleteMsg(t.Context(), info.State.LastSeq); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := harness.Start(t, harness.Options{})
			crowd := harness.Gather(t, s.URL, harness.Ring, 3, 0, nil)
			harness.Until(t, "every browser has a state", crowd.AllTold)
			turnTo(t, s, crowd, "second")
			newest := head(t, s).Rev

			c.harm(t, s)
			harness.Until(t, "the lost state is in the log again, under a newer rev", func() bool {
				head, _, err := s.Log.Head(t.Context(), harness.Ring)
				return err == nil && head.Rev > newest
			})
			turnTo(t, s, crowd, "third")
			allEndWell(t, s, crowd, "third", "second", "first")
		})
	}
}

// A log that comes back from an old copy must not bring old keys back.
func TestClientsEndOnTheNewestKeyWhenTheLogIsRestoredFromACopyThreeRotationsOld(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	s := harness.Start(t, harness.Options{NATS: server})
	crowd := harness.Gather(t, s.URL, harness.Ring, 3, 0, nil)
	harness.Until(t, "every browser has a state", crowd.AllTold)

	copied := t.TempDir()
	server.Stop(t)
	copyDir(t, server.Dir(), copied)
	server.Start(t)
	for _, kid := range []string{"second", "third", "fourth"} {
		turnTo(t, s, crowd, kid)
	}
	newest := head(t, s).Rev

	server.Stop(t)
	// Only the log is old: the sessions live in a bucket of their own.
	restoreStream(t, copied, server.Dir())
	server.Start(t)
	harness.Until(t, "the newest state is in the restored log, under a newer rev", func() bool {
		head, _, err := s.Log.Head(t.Context(), harness.Ring)
		return err == nil && head.Rev > newest
	})
	allEndWell(t, s, crowd, "fourth", "third", "second", "first")
}

func TestNoSocketClosesWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	natsAway(t, 5)
}

// natsAway stops NATS for at least so many beacons, a second each: sockets
// stay and beacons say so; afterwards all recover.
func natsAway(t *testing.T, beacons int) {
	t.Helper()
	server := natstest.Start(t)
	s := harness.Start(t, harness.Options{NATS: server})
	crowd := harness.Gather(t, s.URL, harness.Ring, 3, 0, nil)
	harness.Until(t, "beacons are live", func() bool { return newestLive(crowd) })

	server.Stop(t)
	harness.Until(t, "beacons say that they are not live", func() bool { return !newestLive(crowd) })
	told := len(crowd.Browsers[0].States())
	harness.UntilWithin(t, time.Minute+time.Duration(beacons)*2*time.Second, "so many more beacons came", func() bool { return len(crowd.Browsers[0].States()) >= told+beacons })
	for i, b := range crowd.Browsers {
		if n := b.Counts(); n.Closed != 0 {
			t.Errorf("browser %d lost its socket while NATS was away", i)
		}
		if status, err := b.Call(t.Context(), "/api/hello"); status != 200 || err != nil {
			t.Errorf("browser %d: a call while NATS was away: status %d, error %v; want 200", i, status, err)
		}
	}

	server.Start(t)
	harness.Until(t, "beacons are live again", func() bool { return newestLive(crowd) })
	turnTo(t, s, crowd, "second")
	if n := crowd.Total(); n.Closed != 0 || n.Refused != 0 {
		t.Errorf("%d sockets were lost and %d calls refused, want none", n.Closed, n.Refused)
	}
}

func newestLive(crowd *harness.Crowd) bool {
	for _, b := range crowd.Browsers {
		states := b.States()
		if len(states) == 0 || !states[len(states)-1].Live {
			return false
		}
	}
	return true
}

// turnTo turns the key by hand and waits until every browser has moved.
func turnTo(t *testing.T, s *harness.Stack, crowd *harness.Crowd, kid string) {
	t.Helper()
	s.File.Turn(kid)
	harness.Until(t, "every browser moved to "+kid, func() bool { return crowd.AllUnder(kid) })
}

// allEndWell checks that everybody is on the newest key, that the older ones
// still verify, and that nobody was refused on the way.
func allEndWell(t *testing.T, s *harness.Stack, crowd *harness.Crowd, current string, retiring ...string) {
	t.Helper()
	harness.Until(t, "every browser is under "+current, func() bool { return crowd.AllUnder(current) })
	state := head(t, s)
	if k, ok := state.Current(); !ok || k.Name != current {
		t.Errorf("the log ends with %q as current, want %q", k.Name, current)
	}
	for _, name := range retiring {
		if k, ok := state.Key(name); !ok || k.Stage != rotation.Retiring {
			t.Errorf("key %s is %q in the last state, want it retiring until its time", name, k.Stage)
		}
	}
	last := int64(0)
	for _, st := range s.Events.All() {
		if st.Rev <= last {
			t.Errorf("rev %d follows %d: revs must grow", st.Rev, last)
		}
		last = st.Rev
	}
	for i, b := range crowd.Browsers {
		if status, err := b.Call(t.Context(), "/api/hello"); status != 200 || err != nil {
			t.Errorf("browser %d: status %d, error %v; want 200", i, status, err)
		}
	}
	if n := crowd.Total(); n.Refused != 0 || n.Closed != 0 {
		t.Errorf("%d calls were refused and %d sockets lost, want none", n.Refused, n.Closed)
	}
}

// head is the newest state of the log, which browsers may have heard of before
// the watcher that appended it had its answer.
func head(t *testing.T, s *harness.Stack) rotation.State {
	t.Helper()
	state, _, err := s.Log.Head(t.Context(), harness.Ring)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func jet(t *testing.T, s *harness.Stack) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(s.Conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func stream(t *testing.T, s *harness.Stack) jetstream.Stream {
	t.Helper()
	log, err := jet(t, s).Stream(context.Background(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// restoreStream replaces the folder of the log's stream under to by that under from.
func restoreStream(t *testing.T, from, to string) {
	t.Helper()
	old, current := streamDir(t, from), streamDir(t, to)
	if err := os.RemoveAll(current); err != nil {
		t.Fatal(err)
	}
	copyDir(t, old, current)
}

func streamDir(t *testing.T, root string) (dir string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == rotation.Stream {
			dir = path
		}
		return err
	})
	if err != nil || dir == "" {
		t.Fatalf("no folder of stream %s under the data directory: %v", rotation.Stream, err)
	}
	return dir
}
