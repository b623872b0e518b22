package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const ring = "payments"

// store is a scripted secret store: a current key, pending ones and previous
// ones, named by letters. It is a Source, Hints and a Promoter.
type store struct {
	hints chan struct{}

	mu      sync.Mutex
	serial  int
	keys    []rotation.Seen
	known   map[string]rotation.Print
	stale   int // how many looks more show serial 0
	err     error
	looks   []time.Time
	during  func()        // runs inside the next look
	block   chan struct{} // a look waits until it is closed; nil: it does not wait
	refuses error         // of Promote
}

// newStore returns a store that shows "current pending+pending -previous".
func newStore(shown string) *store {
	s := &store{hints: make(chan struct{}, 1), known: map[string]rotation.Print{}}
	s.show(shown)
	return s
}

// show changes the store: the first name is current, names with + are
// pending, names with - previous. All is hinted at only by hint.
func (s *store) show(shown string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	s.keys = nil
	for _, name := range strings.Fields(shown) {
		stage := rotation.Current
		switch name[0] {
		case '+':
			stage = rotation.Pending
		case '-':
			stage = rotation.Retiring
		}
		name = strings.TrimLeft(name, "+-")
		s.known[name] = rotation.Print("print of " + name)
		s.keys = append(s.keys, rotation.Seen{
			Version: name, KID: name, Stage: stage, Algorithm: "HS256", Print: s.known[name],
		})
	}
}

func (s *store) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

func (s *store) Hints() <-chan struct{} { return s.hints }

func (s *store) Look(ctx context.Context, _ rotation.State) (rotation.Snapshot, error) {
	s.mu.Lock()
	s.looks = append(s.looks, time.Now())
	during, block := s.during, s.block
	s.during = nil
	s.mu.Unlock()
	if during != nil {
		during()
	}
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return rotation.Snapshot{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return rotation.Snapshot{}, s.err
	}
	seen := rotation.Snapshot{Ring: ring, Seen: strconv.Itoa(s.serial), Keys: slices.Clone(s.keys), Known: map[string]rotation.Print{}}
	for k, v := range s.known {
		seen.Known[k] = v
	}
	if s.stale > 0 {
		s.stale--
		seen.Seen = "0"
	}
	return seen, nil
}

func (s *store) Promote(_ context.Context, from, to rotation.Key) error {
	s.mu.Lock()
	refuses, current := s.refuses, s.keys[0].KID
	s.mu.Unlock()
	switch {
	case refuses != nil:
		return refuses
	case current == to.KID:
		return nil
	case current != from.KID:
		return fmt.Errorf("%s is current, not %s", current, from.KID)
	}
	s.show(to.KID)
	return nil
}

func (s *store) set(f func(*store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *store) lookTimes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.looks)
}

// rows remembers what was put.
type rows struct {
	mu      sync.Mutex
	put     []rotation.WatcherRow
	dropped []string
	err     error
}

func (r *rows) PutWatcher(_ context.Context, row rotation.WatcherRow) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put = append(r.put, row)
	return r.err
}

func (r *rows) DropWatcher(ctx context.Context, ring, instance string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil { // as every request to NATS would be answered
		return err
	}
	r.dropped = append(r.dropped, ring+"/"+instance)
	return nil
}

func (r *rows) all() []rotation.WatcherRow {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.put)
}

// config watches s with polls so far apart that a test that does not wait an
// hour sees none but the first.
func config(s *store, log watcher.Log) watcher.Config {
	return watcher.Config{
		Ring: ring, Store: "file", Instance: "one", Source: s, Hints: s, Log: log, Poll: time.Hour,
		Policy: rotation.Policy{TokenLifetime: 10 * time.Minute, SignerLag: 2 * time.Second, PerSecond: 100},
	}
}

// run runs a watcher until the test ends or stop is called.
func run(t *testing.T, c watcher.Config) (w *watcher.Watcher, stop func()) {
	t.Helper()
	w, err := watcher.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return w, stop
}

// after lets d pass and everything settle.
func after(d time.Duration) {
	<-time.After(d) // the clock of the synctest bubble
	synctest.Wait()
}

// changes lists "row:current" of all events of the log.
func changes(log *logtest.Memory) []string {
	var all []string
	for _, ev := range log.Events(ring) {
		cur, _ := ev.Data.Current()
		all = append(all, ev.Data.Cause.Change+":"+cur.Name)
	}
	return all
}

func expect(t *testing.T, log *logtest.Memory, want ...string) {
	t.Helper()
	if got := changes(log); !slices.Equal(got, want) {
		t.Fatalf("events: got %v, want %v", got, want)
	}
}

func codes(w *watcher.Watcher) []string {
	var all []string
	for _, a := range w.Status().Alarms {
		all = append(all, a.Code)
	}
	return all
}

var errAway = errors.New("away")

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// series returns name{labels} → value of all counters and gauges.
func series(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}
