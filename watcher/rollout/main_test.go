package rollout_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/filestore"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ring = "payments"

// site is a ring with a secret file and a log, and the verifiers that report.
type site struct {
	t    *testing.T
	path string
	log  watcher.Log

	mu        sync.Mutex
	verifiers []rotation.VerifierRow
	readErr   error
}

// newSite makes a ring with one key. Its log needs no server.
func newSite(t *testing.T, log watcher.Log) *site {
	t.Helper()
	s := &site{t: t, path: filepath.Join(t.TempDir(), "keys.json"), log: log}
	if err := filestore.Create(s.path); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) store() *filestore.Store {
	s.t.Helper()
	store, err := filestore.Open(s.path, filestore.Config{Ring: ring})
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

// watcher makes the watcher of one process, on a store of its own.
func (s *site) watcher(instance string, store *filestore.Store) *watcher.Watcher {
	s.t.Helper()
	w, err := watcher.New(watcher.Config{
		Ring: ring, Store: "file", Instance: instance, Source: store, Log: s.log, Promoter: rollout.Finisher{Store: store},
		Policy: rotation.Policy{TokenLifetime: time.Hour, SignerLag: 2 * time.Minute},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

// deps are those of a fresh process.
func (s *site) deps() rollout.Deps {
	store := s.store()
	return rollout.Deps{Ring: ring, Store: store, Watcher: s.watcher("one", store), Verifiers: s.rows, SignAfter: 5 * time.Second}
}

func (s *site) rows(ctx context.Context) ([]rotation.VerifierRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rotation.VerifierRow(nil), s.verifiers...), errors.Join(s.readErr, ctx.Err())
}

func (s *site) report(rows ...rotation.VerifierRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verifiers = rows
}

// follow lets the verifiers that report hold every live key, and sign with the
// current one, once a state is late old. It returns when ctx ends.
func (s *site) follow(ctx context.Context, late time.Duration, instances ...string) {
	for ctx.Err() == nil {
		st, _, err := s.log.Head(ctx, ring)
		if err != nil || pause(ctx, late) != nil {
			return
		}
		var rows []rotation.VerifierRow
		for _, instance := range instances {
			row := rotation.VerifierRow{Ring: ring, Instance: instance, Rev: st.Rev}
			for _, k := range st.Keys {
				row.Keys = append(row.Keys, k.Name)
				if k.Stage == rotation.Current {
					row.Signs = k.Name
				}
			}
			rows = append(rows, row)
		}
		s.report(rows...)
		if pause(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// head is the newest state of the log.
func (s *site) head() rotation.State {
	s.t.Helper()
	st, _, err := s.log.Head(s.t.Context(), ring)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// file lists the entries, as "version stage".
func (s *site) file() string {
	s.t.Helper()
	snap, err := s.store().Look(s.t.Context(), rotation.State{})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, k := range snap.Keys {
		out = append(out, k.Version+" "+string(k.Stage))
	}
	return strings.Join(out, ", ")
}

// key is the name of the n-th key that this day brings.
func key(n int) string {
	return time.Now().UTC().Format(time.DateOnly) + "-" + string(rune('a'+n))
}

// steps collects progress.
type steps []rollout.Step

func (s *steps) add(x rollout.Step) { *s = append(*s, x) }

func (s steps) names() string {
	var out []string
	for _, x := range s {
		out = append(out, x.Name)
	}
	return strings.Join(out, " ")
}

func (s steps) detail(name string) string {
	for _, x := range s {
		if x.Name == name {
			return x.Detail
		}
	}
	return ""
}

// inBubble runs a test of one ring on virtual time.
func inBubble(t *testing.T, f func(t *testing.T, s *site, log *logtest.Memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Memory{}
		f(t, newSite(t, log), log)
	})
}

// with runs f beside the goroutine work, and waits for both.
func with(t *testing.T, work func(ctx context.Context), f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { work(ctx) })
	defer group.Wait()
	defer cancel()
	f()
}

func says(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: got %q, want it to say %q", what, got, w)
		}
	}
}

func rows(log *logtest.Memory) string {
	var out []string
	for _, ev := range log.Events(ring) {
		out = append(out, ev.Data.Cause.Change)
	}
	return strings.Join(out, " ")
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var errBoom = errors.New("boom")
