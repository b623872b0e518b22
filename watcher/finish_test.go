package watcher_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// begun is a ring whose current key a is revoked while b is pending, as a
// process leaves it that crashed in between.
func begun(t *testing.T, shown string) (*logtest.Memory, *store) {
	t.Helper()
	log, s := &logtest.Memory{}, newStore(shown)
	w, stop := run(t, config(s, log))
	synctest.Wait()
	head, err := w.Revoke(t.Context(), "a")
	if err != nil || !head.Revoked("a") {
		t.Fatalf("got %+v, %v", head, err)
	}
	stop()
	return log, s
}

func gone(t *testing.T, log *logtest.Memory, key string) {
	t.Helper()
	head, _, err := log.Head(t.Context(), ring)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(head.Gone, func(g rotation.Gone) bool { return g.Key == key && g.Why == rotation.WhyCompromised }) {
		t.Fatalf("got %+v, want %s compromised", head, key)
	}
	for _, ev := range log.Events(ring) {
		if k, live := ev.Data.Key(key); live && k.Stage == rotation.Retiring {
			t.Fatalf("a leaked key was retiring: %+v", ev.Data)
		}
	}
}

func TestACompromiseThatACrashLeftOpenIsEndedAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := begun(t, "a +b")
		after(time.Hour)
		c := config(s, log)
		c.Promoter = s
		run(t, c)
		after(time.Second - 1)
		expect(t, log, "first_sight:a", "revoke:a")
		after(time.Millisecond)
		expect(t, log, "first_sight:a", "revoke:a", "compromised:b")
		gone(t, log, "a")
	})
}

func TestACompromiseThatOthersBeganIsEndedAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a +b")
		c := config(s, log)
		c.Promoter = s
		run(t, c)
		c = config(s, log)
		c.Instance, c.Hints = "ops", nil
		ops, stop := run(t, c)
		synctest.Wait()
		if _, err := ops.Revoke(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		stop()
		after(5 * time.Second)
		expect(t, log, "first_sight:a", "revoke:a")
		after(11*time.Second + time.Millisecond) // up to 10 s until it is read, 5 s to let others end it, 1 s for verifiers
		expect(t, log, "first_sight:a", "revoke:a", "compromised:b")
		gone(t, log, "a")
	})
}

func TestACompromiseThatIsEndedInTimeIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a +b")
		promoter := newStore("a") // says that it was called by its serial
		c := config(s, log)
		c.Promoter = promoter
		w, _ := run(t, c)
		synctest.Wait()
		if _, err := w.Revoke(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		s.show("b")
		if _, err := w.Look(t.Context(), rotation.ByOps, ""); err != nil {
			t.Fatal(err)
		}
		gone(t, log, "a")
		after(time.Minute)
		if promoter.serial != 1 {
			t.Fatal("the store was written though the compromise was over")
		}
		expect(t, log, "first_sight:a", "revoke:a", "compromised:b")
	})
}

func TestACompromiseThatCannotBeEndedAlarmsUntilItIs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shown string
		set   func(*watcher.Config, *store)
		help  string // what a person then shows
	}{
		{"the watcher can't write the store", "a +b", func(c *watcher.Config, _ *store) { c.Promoter = nil }, "b"},
		{"no key is pending", "a", func(*watcher.Config, *store) {}, "a +b"},
		{"the store refuses", "a +b", func(_ *watcher.Config, s *store) { s.refuses = errAway }, "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := begun(t, tt.shown)
				c := config(s, log)
				c.Promoter = s
				tt.set(&c, s)
				w, _ := run(t, c)
				after(time.Minute)
				if st := w.Status(); !slices.Equal(codes(w), []string{"revoke_unfinished"}) || st.Alarms[0].Key != "a" || !st.Degraded {
					t.Fatalf("got %+v", st)
				}
				expect(t, log, "first_sight:a", "revoke:a")
				s.show(tt.help)
				after(time.Minute)
				if len(codes(w)) > 0 {
					t.Fatalf("alarms: got %v, want none", codes(w))
				}
				gone(t, log, "a")
			})
		})
	}
}
