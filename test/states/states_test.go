package states

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ring = "payments"

// store is a secret store that changes with its serial: every so many changes
// another key becomes current and the one before previous; the others show a
// pending key that no look showed before.
type store struct {
	every int // changes for each current key, at least 1

	mu     sync.Mutex
	serial int
	eyes   []*eye
}

// namesLocked returns the keys of the present serial; pending is "" where there is none.
func (s *store) namesLocked() (current, previous, pending string) {
	n := s.serial / s.every
	current = "c" + strconv.Itoa(n)
	if n > 1 {
		previous = "c" + strconv.Itoa(n-1)
	}
	if s.serial%s.every != 0 {
		pending = "p" + strconv.Itoa(s.serial)
	}
	return current, previous, pending
}

// eye is one watcher's view of the store.
type eye struct {
	*store
	hints chan struct{} // capacity 1
}

func (s *store) eye() *eye {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &eye{s, make(chan struct{}, 1)}
	s.eyes = append(s.eyes, e)
	return e
}

// turn changes the store, hints at it, and returns the key that is new.
func (s *store) turn() string {
	s.mu.Lock()
	s.serial = max(s.serial+1, s.every)
	current, _, pending := s.namesLocked()
	s.mu.Unlock()
	s.hint()
	return cmp.Or(pending, current)
}

func (s *store) hint() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.eyes {
		select {
		case e.hints <- struct{}{}:
		default:
		}
	}
}

func (e *eye) Hints() <-chan struct{} { return e.hints }

func (e *eye) Look(_ context.Context, prev rotation.State) (rotation.Snapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := rotation.Snapshot{Ring: ring, Seen: strconv.Itoa(e.serial), Known: map[string]rotation.Print{}}
	current, previous, pending := e.namesLocked()
	for _, k := range []struct {
		name  string
		stage rotation.Stage
	}{{current, rotation.Current}, {previous, rotation.Retiring}, {pending, rotation.Pending}} {
		if k.name != "" {
			seen.Keys = append(seen.Keys, rotation.Seen{
				Version: k.name, KID: k.name, Stage: k.stage, Algorithm: "HS256", Print: rotation.Print("print of " + k.name),
			})
		}
	}
	for _, k := range prev.Keys {
		seen.Known[k.Name] = rotation.Print("print of " + k.Name)
	}
	return seen, nil
}

// held is a log whose reader waits while the gate is locked.
type held struct {
	watcher.Log
	gate sync.RWMutex
}

func (h *held) Head(ctx context.Context, ring string) (rotation.State, uint64, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	return h.Log.Head(ctx, ring)
}

func (h *held) Append(ctx context.Context, ev rotation.Event, after uint64) (uint64, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	return h.Log.Append(ctx, ev, after)
}

// watch runs a watcher until the test ends or stop is called.
func watch(t *testing.T, nc *nats.Conn, s *store, instance, memory string) (stop func()) {
	t.Helper()
	stop, _ = watchHeld(t, nc, s, instance, memory)
	return stop
}

// watchHeld is watch, with the log by which the watcher can be kept waiting.
func watchHeld(t *testing.T, nc *nats.Conn, s *store, instance, memory string) (stop func(), log *held) {
	t.Helper()
	opened, err := natslog.Open(t.Context(), nc, natslog.Config{})
	if err != nil {
		t.Fatal(err)
	}
	log = &held{Log: opened}
	rows, err := natsfeed.OpenRows(t.Context(), nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := s.eye()
	w, err := watcher.New(watcher.Config{
		Ring: ring, Store: "file", Instance: instance, Source: e, Hints: e, Log: log, Rows: rows, Memory: memory, Poll: time.Hour,
		// Keys retire within the test, so that states stay small.
		Policy: rotation.Policy{TokenLifetime: 300 * time.Millisecond, Skew: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, w.Run), log
}

func run(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// ear is a feed and what it told.
type ear struct {
	mu    sync.Mutex
	heard []rotation.State
	wake  chan struct{} // capacity 1
}

func listen(t *testing.T, nc *nats.Conn, every time.Duration) *ear {
	t.Helper()
	e := &ear{wake: make(chan struct{}, 1)}
	f := natsfeed.New(nc, natsfeed.Config{Rings: []string{ring}, Every: every, Apply: func(s rotation.State) {
		e.mu.Lock()
		e.heard = append(e.heard, s)
		e.mu.Unlock()
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}})
	run(t, f.Run)
	return e
}

func (e *ear) all() []rotation.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

// until waits until the last state heard is as wanted.
func (e *ear) until(t *testing.T, what string, want func(rotation.State) bool) rotation.State {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		all := e.all()
		if n := len(all); n > 0 && want(all[n-1]) {
			return all[n-1]
		}
		select {
		case <-e.wake:
		case <-deadline.C:
			t.Fatalf("never: %s; heard %d states", what, len(all))
		}
	}
}

func (e *ear) untilShown(t *testing.T, key string) rotation.State {
	t.Helper()
	return e.until(t, "key "+key, shows(key))
}

// shows reports whether key is current or pending.
func shows(key string) func(rotation.State) bool {
	return func(s rotation.State) bool {
		k, live := s.Key(key)
		return live && k.Stage != rotation.Retiring
	}
}

// history returns all events that sub got, up to the one with that rev, but
// for those that time alone brought about.
func history(t *testing.T, sub *nats.Subscription, upTo int64) []rotation.State {
	t.Helper()
	var all []rotation.State
	for rev := int64(0); rev < upTo; {
		msg, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := rotation.DecodeEvent(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Data.Rev <= rev {
			t.Fatalf("rev %d after %d", ev.Data.Rev, rev)
		}
		rev = ev.Data.Rev
		if ev.Data.Cause.Change != "retired" {
			all = append(all, ev.Data)
		}
	}
	return all
}

// crowd is three watchers of one store, a feed, and every event there is.
func crowd(t *testing.T, every time.Duration) (*nats.Conn, *store, *ear, *nats.Subscription) {
	t.Helper()
	nc := natstest.Start(t).Conn(t)
	sub, err := nc.SubscribeSync(rotation.StateSubject(ring)) // a feed may skip some
	if err != nil {
		t.Fatal(err)
	}
	e := listen(t, nc, every)
	s := &store{every: 20}
	first := s.turn()
	for i := range 3 {
		watch(t, nc, s, fmt.Sprint(i), "")
	}
	e.untilShown(t, first)
	return nc, s, e, sub
}

func TestAThousandChangesUnderThreeWatchersAreAThousandEvents(t *testing.T) {
	_, s, e, sub := crowd(t, time.Hour)
	last := rotation.State{}
	for range 1000 {
		last = e.untilShown(t, s.turn())
	}
	events := history(t, sub, last.Rev)
	if len(events) != 1+1000 {
		t.Fatalf("got %d events, want the first sight and 1000", len(events))
	}
	for i, st := range events {
		if st.Cause.Gap || st.Seen != strconv.Itoa(20+i) {
			t.Fatalf("event %d: got serial %s, gap %t", i, st.Seen, st.Cause.Gap)
		}
	}
}

func TestAThousandChangesAtFullSpeedEndAsTheStoreSays(t *testing.T) {
	nc, s, e, sub := crowd(t, 50*time.Millisecond)
	var key string
	for range 1000 {
		key = s.turn()
		if err := nc.FlushTimeout(10 * time.Second); err != nil { // so that the watchers see some of them
			t.Fatal(err)
		}
	}
	last := e.untilShown(t, key)
	jumps, before := 0, 20
	for _, st := range history(t, sub, last.Rev)[1:] {
		now, err := strconv.Atoi(st.Seen)
		if err != nil {
			t.Fatal(err)
		}
		if jumped := now > before+1; jumped != st.Cause.Gap {
			t.Fatalf("from serial %d to %d: gap %t", before, now, st.Cause.Gap)
		} else if jumped {
			jumps++
		}
		before = now
	}
	if jumps == 0 {
		t.Fatal("no change was skipped: this was too slow to prove anything")
	}
}

func TestAWipedStreamIsFilledAgainAndHeard(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	e := listen(t, nc, time.Hour)
	s := &store{every: 1}
	watch(t, nc, s, "one", "")
	for range 3 {
		e.untilShown(t, s.turn())
	}
	e.until(t, "no key retiring", func(st rotation.State) bool { return len(st.Keys) == 1 }) // so that nothing follows the refill
	before := last(e)
	js := jet(t, nc)
	if err := js.DeleteStream(t.Context(), rotation.Stream); err != nil {
		t.Fatal(err)
	}
	s.hint()
	after := e.until(t, "a newer state", func(st rotation.State) bool { return st.Rev > before.Rev && st.Cause.Change == "refilled" })
	if c, _ := after.Current(); c.Name != "c3" {
		t.Fatalf("got %+v", after)
	}
	e.untilShown(t, s.turn())
}

func TestADeletedLastMessageIsAppendedAgain(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	e := listen(t, nc, time.Hour)
	s := &store{every: 1}
	watch(t, nc, s, "one", "")
	for range 3 {
		e.untilShown(t, s.turn())
	}
	e.until(t, "no key retiring", func(st rotation.State) bool { return len(st.Keys) == 1 })
	before := last(e)
	stream, err := jet(t, nc).Stream(t.Context(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), stream.CachedInfo().State.LastSeq); err != nil {
		t.Fatal(err)
	}
	s.hint()
	after := e.until(t, "a newer state", func(st rotation.State) bool { return st.Rev > before.Rev })
	if !rotation.Equal(after, before) {
		t.Fatalf("got %+v, want %+v again", after, before)
	}
}

func TestAStreamRestoredFromAnOldCopyIsBroughtUpToDate(t *testing.T) {
	for name, restarted := range map[string]bool{"by a watcher that ran on": false, "by a watcher that was restarted": true} {
		t.Run(name, func(t *testing.T) {
			server := natstest.Start(t)
			nc := server.Conn(t)
			e := listen(t, nc, 20*time.Millisecond)
			s := &store{every: 1}
			memory := filepath.Join(t.TempDir(), "payments.json")
			stop, log := watchHeld(t, nc, s, "one", memory)
			e.untilShown(t, s.turn())
			server.Stop(t)
			backup := t.TempDir()
			if err := os.CopyFS(backup, os.DirFS(server.Dir())); err != nil {
				t.Fatal(err)
			}
			server.Start(t)
			for range 3 { // the first hint may find NATS away: the watcher tries again
				e.untilShown(t, s.turn())
			}
			before := e.until(t, "no key retiring", func(st rotation.State) bool { return len(st.Keys) == 1 })
			// It must not bring the log up to date before the old state was heard.
			release := sync.OnceFunc(log.gate.Unlock)
			if restarted {
				stop()
			} else {
				log.gate.Lock()
				t.Cleanup(release)
			}
			server.Stop(t)
			if err := os.RemoveAll(server.Dir()); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(server.Dir(), os.DirFS(backup)); err != nil {
				t.Fatal(err)
			}
			server.Start(t)
			fresh := listen(t, nc, 20*time.Millisecond) // a process that knows nothing yet
			fresh.untilShown(t, "c1")
			if restarted {
				watch(t, nc, s, "one", memory)
			} else {
				release()
				s.hint()
			}
			for _, ear := range []*ear{e, fresh} {
				// The watcher may not have heard that its last append stood: then it
				// brings back the one before, and comes to the same from there.
				ear.until(t, "the newest state again", func(st rotation.State) bool {
					return st.Rev > before.Rev && rotation.Equal(st, before)
				})
			}
		})
	}
}

func last(e *ear) rotation.State {
	all := e.all()
	return all[len(all)-1]
}

func jet(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
