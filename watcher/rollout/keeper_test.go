package rollout_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/watcher/filestore"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// remembering is a store that remembers turns and collects marks, both shared
// by all processes of a site.
type remembering struct {
	*filestore.Store
	*marks
}

type marks struct {
	mu         sync.Mutex
	version    string // of the turn under way
	since      time.Time
	err        error // of both calls
	readOnly   error
	asked      int
	tidied     []int64 // revs
	collecting bool    // what Prepare makes pending is a turn under way
}

func (m *marks) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *marks) tidyings() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(len(m.tidied))
}

func (r remembering) Writable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readOnly
}

func (r remembering) Prepare(ctx context.Context, st rotation.State) (string, error) {
	kid, err := r.Store.Prepare(ctx, st)
	r.set(func() {
		if err == nil && r.collecting {
			r.version, r.since = kid, time.Now()
		}
	})
	return kid, err
}

func (r remembering) Promote(ctx context.Context, from, to rotation.Key) error {
	err := r.Store.Promote(ctx, from, to)
	r.set(func() {
		if err == nil && to.Version == r.version {
			r.version = ""
		}
	})
	return err
}

func (r remembering) Unfinished(context.Context) (string, time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.version, r.since, r.err
}

func (r remembering) Tidy(_ context.Context, head rotation.State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.tidied = append(r.tidied, head.Rev)
	}
	return r.err
}

// daemon is a process with a watcher and a keeper that run.
type daemon struct {
	deps   rollout.Deps
	keeper *rollout.Keeper
	reg    *prometheus.Registry
}

func (s *site) daemon(name string, m *marks) *daemon {
	s.t.Helper()
	store := s.store()
	reg := prometheus.NewRegistry()
	d := &daemon{reg: reg, deps: rollout.Deps{
		Ring: ring, Store: remembering{store, m}, Watcher: s.watcher(name, store), Verifiers: s.rows, SignAfter: time.Second,
	}}
	k, err := rollout.NewKeeper(rollout.KeeperConfig{Deps: d.deps, Registerer: reg})
	if err != nil {
		s.t.Fatal(err)
	}
	d.keeper = k
	return d
}

// run runs daemons while f lasts, and verifiers that follow.
func (s *site) run(f func(), daemons ...*daemon) {
	s.t.Helper()
	with(s.t, func(ctx context.Context) {
		var group sync.WaitGroup
		group.Go(func() { s.follow(ctx, time.Second, "v") })
		for _, d := range daemons {
			group.Go(func() { _ = d.deps.Watcher.(interface{ Run(context.Context) error }).Run(ctx) })
			group.Go(func() {
				if err := d.keeper.Run(ctx); err != nil {
					s.t.Error(err)
				}
			})
		}
		group.Wait()
	}, f)
}

// begun leaves a turn that was cut off when the new key was pending.
func (s *site) begun(m *marks) {
	s.t.Helper()
	store := s.store()
	w := s.watcher("crashed", store)
	st, err := w.Look(s.t.Context(), rotation.ByPoll, "")
	if err != nil {
		s.t.Fatal(err)
	}
	m.collecting = true
	if _, err := (remembering{store, m}).Prepare(s.t.Context(), st); err != nil {
		s.t.Fatal(err)
	}
	m.collecting = false
}

func TestAKeeperEndsATurnThatWasCutOff(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprint(n, " daemons"), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
				m := &marks{}
				s.begun(m)
				var daemons []*daemon
				for i := range n {
					daemons = append(daemons, s.daemon(fmt.Sprint("d", i), m))
				}
				s.run(func() { _ = pause(t.Context(), 30*time.Second) }, daemons...)
				if s.file() != key(1)+" current, "+key(0)+" retiring" {
					t.Errorf("got file %s", s.file())
				}
				if rows(log) != "first_sight pending promoted" {
					t.Errorf("got events %s", rows(log))
				}
				for _, d := range daemons {
					if a := d.keeper.Alarms(); len(a) > 0 {
						t.Errorf("got alarms %v", a)
					}
				}
			})
		})
	}
}

func TestAKeeperWithNothingToEndDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		s.run(func() { _ = pause(t.Context(), time.Hour) }, s.daemon("one", m))
		if rows(log) != "first_sight" || m.asked != 1 || len(m.tidied) != 1 {
			t.Errorf("got events %s, asked %d times, tidied at %v", rows(log), m.asked, m.tidied)
		}
	})
}

func TestATurnOfYesterdayIsAnAlarmUntilSomebodySeesToIt(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		s.begun(m)
		pending := s.file()
		_ = pause(t.Context(), rollout.MaxResume+time.Second)
		d := s.daemon("one", m)
		s.run(func() {
			_ = pause(t.Context(), time.Minute)
			alarms := d.keeper.Alarms()
			if len(alarms) != 1 || alarms[0].Code != "turn_unfinished" || !strings.Contains(alarms[0].Text, "end it with keyturn rotate "+ring) {
				t.Errorf("got %v", alarms)
			}
			if s.file() != pending || failing(t, d, "resume") != 1 {
				t.Errorf("got file %s", s.file())
			}
			if _, err := rollout.Rotate(t.Context(), d.deps, rollout.Request{}, nil); err != nil {
				t.Error(err)
			}
			_ = pause(t.Context(), 20*time.Minute)
			if alarms := d.keeper.Alarms(); len(alarms) > 0 || failing(t, d, "resume") != 0 {
				t.Errorf("got %v", alarms)
			}
		}, d)
	})
}

func failing(t *testing.T, d *daemon, what string) float64 {
	t.Helper()
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if f.GetName() == "keyturn_keeper_failing" && l.GetName() == "what" && l.GetValue() == what {
					return series.GetGauge().GetValue()
				}
			}
		}
	}
	return -1
}

func TestAKeeperWaitsUntilTheStoreCanBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		s.begun(m)
		m.readOnly = errBoom
		s.run(func() {
			_ = pause(t.Context(), time.Minute)
			if m.tidyings() != "0" || strings.Contains(rows(log), "promoted") {
				t.Errorf("got events %s, %s tidyings", rows(log), m.tidyings())
			}
			m.set(func() { m.readOnly = nil })
			_ = pause(t.Context(), 30*time.Second)
			if !strings.HasSuffix(rows(log), "promoted") {
				t.Errorf("got events %s", rows(log))
			}
		}, s.daemon("one", m))
	})
}

func TestAKeeperTidiesAfterEachNewHeadAndAgainWhereThatFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		d := s.daemon("one", m)
		s.run(func() {
			_ = pause(t.Context(), time.Minute)
			if _, err := rollout.Rotate(t.Context(), d.deps, rollout.Request{}, nil); err != nil {
				t.Fatal(err)
			}
			_ = pause(t.Context(), time.Minute)
			if head := s.head().Rev; m.tidied[len(m.tidied)-1] != head {
				t.Errorf("tidied for %v, the head is %d", m.tidied, head)
			}
			m.set(func() { m.err = errBoom })
			if _, err := rollout.Rotate(t.Context(), d.deps, rollout.Request{}, nil); err != nil {
				t.Fatal(err)
			}
			_ = pause(t.Context(), time.Minute)
			if a := d.keeper.Alarms(); len(a) > 0 {
				t.Errorf("got %v before others had a chance", a)
			}
			_ = pause(t.Context(), 20*time.Minute)
			if a := d.keeper.Alarms(); len(a) != 1 || a[0].Code != "tidy_failed" || !strings.Contains(a[0].Text, "boom") {
				t.Errorf("got %v", a)
			}
			m.set(func() { m.err = nil })
			_ = pause(t.Context(), 11*time.Minute)
			if a := d.keeper.Alarms(); len(a) > 0 || m.tidied[len(m.tidied)-1] != s.head().Rev {
				t.Errorf("got %v, tidied for %v", a, m.tidied)
			}
		}, d)
	})
}

func TestACompromiseThatWasCutOffIsNotResumedAsAPlannedTurn(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		s.begun(m)
		w := s.watcher("crashed", s.store())
		if _, err := w.Look(t.Context(), rotation.ByPoll, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Revoke(t.Context(), key(0)); err != nil {
			t.Fatal(err)
		}
		s.run(func() { _ = pause(t.Context(), time.Minute) }, s.daemon("one", m))
		if ever(log, key(0)) != "current gone" {
			t.Errorf("the leaked key was %s", ever(log, key(0)))
		}
	})
}

func TestAKeeperOfAStoreThatNeedsNoneWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		k, err := rollout.NewKeeper(rollout.KeeperConfig{Deps: s.deps()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := k.Run(ctx); err != nil || len(log.Events(ring)) > 0 {
			t.Errorf("got %v, events %s", err, rows(log))
		}
	})
	if _, err := rollout.NewKeeper(rollout.KeeperConfig{}); err == nil {
		t.Error("a keeper without a store was made")
	}
}

func TestKeepersShareTheirMetric(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, _ *logtest.Memory) {
		reg := prometheus.NewRegistry()
		for range 2 {
			if _, err := rollout.NewKeeper(rollout.KeeperConfig{Deps: s.deps(), Registerer: reg}); err != nil {
				t.Error(err)
			}
		}
		if err := reg.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "keyturn_keeper_failing", Help: "another"})); err == nil {
			t.Error("the metric is not registered")
		}
	})
}

// selfTurning is a store that turns its key itself.
type selfTurning struct {
	*filestore.Store
	log  *logtest.Memory
	fail error
}

func (s selfTurning) Rotates() bool { return true }

func (s selfTurning) Turn(ctx context.Context, from rotation.Key) (string, error) {
	if s.fail != nil {
		return "", s.fail
	}
	st, _, err := s.log.Head(ctx, ring)
	if err != nil {
		return "", err
	}
	kid, err := s.Prepare(ctx, st)
	if err != nil {
		return "", err
	}
	return kid, s.Promote(ctx, from, rotation.Key{Name: kid, Version: kid, KID: kid})
}

func TestAStoreThatTurnsItsKeyItselfIsAskedTo(t *testing.T) {
	for _, c := range []struct {
		request rollout.Request
		steps   string
		rows    string
	}{
		{rollout.Request{}, "look rotate record sign", "first_sight replaced"},
		{rollout.Request{Compromise: true}, "look revoke rotate record sign", "first_sight revoke compromised"},
	} {
		inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
			with(t, func(ctx context.Context) { s.follow(ctx, time.Millisecond, "v") }, func() {
				d := s.deps()
				d.Store = selfTurning{s.store(), log, nil}
				var got steps
				r, err := rollout.Rotate(t.Context(), d, c.request, got.add)
				if err != nil || r.From != key(0) || r.To != key(1) || !r.Turned || r.Revoked != c.request.Compromise {
					t.Fatalf("got %+v, %v", r, err)
				}
				if got.names() != c.steps || rows(log) != c.rows {
					t.Errorf("got steps %s, events %s", got.names(), rows(log))
				}
				says(t, "rotate", got.detail("rotate"), "WARNING", "no head start")
				if c.request.Compromise && strings.Contains(s.file(), key(0)) {
					t.Errorf("the leaked key is in the file still: %s", s.file())
				}
			})
		})
	}
}

func TestAStoreThatFailsToTurnItsKeySaysWhatIsDone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		d := s.deps()
		d.Store = selfTurning{s.store(), log, errBoom}
		r, err := rollout.Rotate(t.Context(), d, rollout.Request{Compromise: true}, nil)
		if err == nil || r.Turned || !r.Revoked {
			t.Fatalf("got %+v, %v", r, err)
		}
		says(t, "error", err.Error(), "boom", "key "+key(0)+" is current still", "key "+key(0)+" is revoked")
	})
}

func TestARequestMayNameThePendingKey(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, log *logtest.Memory) {
		m := &marks{}
		_, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{Pending: key(1), VerifierWait: time.Second}, nil)
		if err == nil || !strings.Contains(err.Error(), "is to be turned to, and no such key is known") {
			t.Fatalf("got %v", err)
		}
		s.begun(m)
		r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{Pending: key(1), VerifierWait: time.Second}, nil)
		if err != nil || r.To != key(1) || !r.Resumed {
			t.Fatalf("got %+v, %v", r, err)
		}
	})
}
