package watcher_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestALogThatWasWipedOrRestoredIsFilledAgain(t *testing.T) {
	for keep := range 3 {
		t.Run(fmt.Sprintf("%d of 3 messages left", keep), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := &logtest.Memory{}, newStore("a")
				w, _ := run(t, config(s, log))
				synctest.Wait()
				for _, shown := range []string{"b -a", "c -b"} {
					after(time.Second)
					s.show(shown)
					s.hint()
					synctest.Wait()
				}
				before := w.Status().Head
				log.Truncate(keep)
				after(10 * time.Second)
				events := log.Events(ring)
				if len(events) != keep+1 {
					t.Fatalf("got %d events, want %d and the refilled one", len(events), keep)
				}
				head := events[keep].Data
				if head.Rev <= before.Rev || !rotation.Equal(head, before) || head.Cause.Change != "refilled" {
					t.Fatalf("got %+v, want %+v again", head, before)
				}
			})
		})
	}
}

func TestTheNewestStateIsRememberedAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c := config(s, log)
		c.Memory = t.TempDir() + "/new/dir/payments.json"
		w, stop := run(t, c)
		synctest.Wait()
		s.show("b -a")
		s.hint()
		synctest.Wait()
		if _, err := w.Look(t.Context(), rotation.ByOps, ""); err != nil {
			t.Fatal(err)
		}
		before := w.Status().Head
		stop()
		log.Wipe()
		s.show("b") // the store forgot the old key; tokens under it still live
		run(t, c)
		synctest.Wait()
		events := log.Events(ring)
		if len(events) == 0 || events[0].Data.Rev <= before.Rev || !rotation.Equal(events[0].Data, before) {
			t.Fatalf("got %v, want %+v again", events, before)
		}
		if _, live := log.Events(ring)[len(events)-1].Data.Key("a"); !live {
			t.Fatal("the retiring key was forgotten")
		}
	})
}

func TestAMemoryThatCannotBeReadIsAnAlarmAndIsWrittenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(newStore("a"), &logtest.Memory{})
		c.Memory = t.TempDir() + "/payments.json"
		writeFile(t, c.Memory, "{")
		w, err := watcher.New(c)
		if err != nil || !slices.Contains(codes(w), "memory_failed") {
			t.Fatalf("got %v, alarms %v", err, codes(w))
		}
		w, _ = run(t, c)
		synctest.Wait()
		if len(codes(w)) > 0 {
			t.Fatalf("alarms: got %v, want none once it is written", codes(w))
		}
		c.Ring = "orders"
		if w, err = watcher.New(c); err != nil || !slices.Contains(codes(w), "memory_failed") {
			t.Fatalf("memory of another ring: got %v, alarms %v", err, codes(w))
		}
	})
}

func TestAMemoryThatCannotBeWrittenIsAnAlarmAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Memory{}
		c := config(newStore("a"), log)
		file := t.TempDir() + "/file"
		writeFile(t, file, "")
		c.Memory = file + "/payments.json"
		w, _ := run(t, c)
		synctest.Wait()
		if !slices.Contains(codes(w), "memory_failed") {
			t.Fatalf("alarms: got %v", codes(w))
		}
		expect(t, log, "first_sight:a")
	})
}

func TestWhoComesSecondLooksAndComputesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		s.show("b -a")
		other := newStore("a")
		other.set(func(o *store) { o.serial = 1 })
		other.show("b -a")
		c := config(other, log)
		c.Instance, c.Hints = "two", nil
		second, err := watcher.New(c)
		if err != nil {
			t.Fatal(err)
		}
		s.set(func(s *store) {
			s.looks = nil
			s.during = func() {
				if _, err := second.Look(t.Context(), rotation.ByOps, ""); err != nil {
					t.Error(err)
				}
			}
		})
		s.hint()
		synctest.Wait()
		expect(t, log, "first_sight:a", "replaced:b")
		if got := len(s.lookTimes()); got != 2 {
			t.Fatalf("got %d looks, want a second one after the conflict", got)
		}
		if w.Status().Head.Cause.By != rotation.ByOps {
			t.Fatalf("got %+v, want the other's state", w.Status().Head)
		}
	})
}

func TestALogThatIsAlwaysAheadIsAnErrorAndNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &always{}
		w, _ := run(t, config(newStore("a"), log))
		synctest.Wait()
		if st := w.Status(); !strings.Contains(st.Error, "somebody else appended first") {
			t.Fatalf("got %+v", st)
		}
	})
}

// always is a log in which somebody else is always first.
type always struct{ logtest.Memory }

func (a *always) Append(context.Context, rotation.Event, uint64) (uint64, error) {
	return 0, watcher.ErrConflict
}

func TestAnUnreadableHeadIsAnAlarmAndIsHealed(t *testing.T) {
	for name, restarted := range map[string]bool{"by the same process": false, "by a process that remembers nothing": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := &logtest.Memory{}, newStore("a")
				w, stop := run(t, config(s, log))
				synctest.Wait()
				if restarted {
					stop()
				}
				before := w.Status().Head
				log.Put(ring, []byte("garbage"))
				if restarted {
					w, _ = run(t, config(s, log))
				} else {
					after(10 * time.Second)
				}
				synctest.Wait()
				head, _, err := log.Head(t.Context(), ring)
				if err != nil || head.Rev <= before.Rev || !rotation.Equal(head, before) {
					t.Fatalf("got %+v, %v, want %+v again", head, err, before)
				}
				if !restarted && !slices.Contains(codes(w), "log_unreadable") {
					t.Fatalf("alarms: got %v", codes(w))
				}
				after(10 * time.Second)
				if len(codes(w)) > 0 {
					t.Fatalf("alarms: got %v, want none after it was healed", codes(w))
				}
			})
		})
	}
}
