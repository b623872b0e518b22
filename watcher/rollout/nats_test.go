package rollout_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// heard collects every state that subscribers of the log are told.
type heard struct {
	mu     sync.Mutex
	states []rotation.State
}

func hear(t *testing.T, nc *nats.Conn) *heard {
	t.Helper()
	h := &heard{}
	sub, err := nc.Subscribe(rotation.StateSubject(ring), func(m *nats.Msg) {
		ev, err := rotation.DecodeEvent(m.Data)
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil {
			t.Errorf("decode: %v", err)
			return
		}
		h.states = append(h.states, ev.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return h
}

// stages lists the stages that a key had, one word a state that changed it.
func (h *heard) stages(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, st := range h.states {
		stage := "gone"
		if k, live := st.Key(name); live {
			stage = string(k.Stage)
		}
		if len(out) == 0 || out[len(out)-1] != stage {
			out = append(out, stage)
		}
	}
	return strings.Join(out, " ")
}

// onNATS makes a site on a real server.
func onNATS(t *testing.T) (*site, *heard, watcher.Log) {
	t.Helper()
	server := natstest.Start(t)
	nc := server.Conn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	log, err := natslog.Open(ctx, nc, natslog.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, log), hear(t, nc), log
}

func TestARotationOnARealServerTurnsTheFile(t *testing.T) {
	s, h, _ := onNATS(t)
	with(t, func(ctx context.Context) { s.follow(ctx, time.Millisecond, "v") }, func() {
		r, err := rollout.Rotate(t.Context(), s.deps(), rollout.Request{}, nil)
		if err != nil || !r.Signs {
			t.Fatalf("got %+v, %v", r, err)
		}
		await(t, func() bool { return strings.HasSuffix(h.stages(r.From), "retiring") }) // a subscriber hears of an append in its own time
		if h.stages(r.From) != "current retiring" || s.file() != r.To+" current, "+r.From+" retiring" {
			t.Errorf("stages %s, file %s", h.stages(r.From), s.file())
		}
	})
}

// The deeds of a compromise: 1 look, 2 prepare, 3 look, 4 revoke, 5 replace, 6 look.
func TestASecondWatcherEndsAKilledCompromiseOnARealServer(t *testing.T) {
	for _, c := range []struct {
		name  string
		deed  int
		after bool
		gone  bool // the second watcher must end it
	}{
		{"before the intent", 4, false, false},
		{"after the intent, unheard", 4, true, true},
		{"before the turn", 5, false, true},
		{"after the turn", 5, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, h, _ := onNATS(t)
			store := s.store()
			other := s.watcher("two", store)
			_, _, ended := s.kill(c.deed, c.after, true, rollout.Request{Compromise: true})
			if ended {
				t.Fatal("the rotation was not killed")
			}
			leaked := s.head().Keys
			name := leaked[0].Name
			with(t, func(ctx context.Context) {
				var group sync.WaitGroup
				defer group.Wait()
				group.Go(func() { _ = store.Run(ctx) })
				_ = other.Run(ctx)
			}, func() {
				if !c.gone {
					st, err := other.Look(t.Context(), rotation.ByPoll, "")
					if k, live := st.Key(name); err != nil || !live || k.Stage != rotation.Current || len(st.Revoke) != 0 {
						t.Errorf("nothing should be revoked: %+v, %v", st, err)
					}
					return
				}
				await(t, func() bool { return strings.HasSuffix(h.stages(name), "gone") })
				if h.stages(name) != "current gone" {
					t.Errorf("the leaked key was %s", h.stages(name))
				}
				if strings.Contains(s.file(), name) {
					t.Errorf("the leaked key is in the file still: %s", s.file())
				}
				st := s.head()
				if len(st.Gone) != 1 || st.Gone[0].Why != rotation.WhyCompromised || st.Urgency != rotation.Compromise {
					t.Errorf("got %+v", st)
				}
			})
		})
	}
}

func await(t *testing.T, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not come in time")
		}
		_ = pause(t.Context(), 5*time.Millisecond)
	}
}
