package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestTheFirstLookRecordsWhatTheStoreHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Memory{}
		w, _ := run(t, config(newStore("a +b"), log))
		synctest.Wait()
		expect(t, log, "first_sight:a")
		s := w.Status()
		if s.Head.Rev != time.Now().UnixMilli() || s.LookedAt.IsZero() || s.Error != "" || s.Degraded {
			t.Fatalf("got %+v", s)
		}
	})
}

func TestAHintActsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		run(t, config(s, log))
		after(time.Minute)
		began := time.Now()
		s.show("a +b")
		s.hint()
		synctest.Wait()
		expect(t, log, "first_sight:a", "pending:a")
		ev := log.Events(ring)[1]
		if ev.Data.Cause.By != rotation.ByHint || !ev.Time.Equal(began.Truncate(time.Millisecond)) {
			t.Fatalf("got %s at %s, want a hint at %s", ev.Data.Cause.By, ev.Time, began)
		}
	})
}

func TestHintsDuringALookCauseExactlyOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		block := make(chan struct{})
		s.block = block
		run(t, config(s, log))
		synctest.Wait()
		for range 10 {
			s.hint()
			synctest.Wait()
		}
		s.set(func(s *store) { s.block = nil })
		close(block)
		after(time.Minute)
		if got := len(s.lookTimes()); got != 2 {
			t.Fatalf("got %d looks, want the one under way and one more", got)
		}
	})
}

func TestWithoutHintsThePollFindsTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c := config(s, log)
		c.Hints, c.Poll = nil, time.Minute
		run(t, c)
		synctest.Wait()
		s.show("b -a")
		after(72 * time.Second)
		expect(t, log, "first_sight:a", "replaced:b")
		after(time.Hour)
		looks := s.lookTimes()
		seen := map[time.Duration]bool{}
		for i := 1; i < len(looks); i++ {
			pause := looks[i].Sub(looks[i-1])
			seen[pause] = true
			if pause < 48*time.Second || pause > 72*time.Second {
				t.Fatalf("a pause of %s, want a minute ± 20 %%", pause)
			}
		}
		if len(seen) < 10 {
			t.Fatalf("%d different pauses in %d looks: where is the jitter?", len(seen), len(looks))
		}
	})
}

func TestAStaleLookIsRepeatedUpTheLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		run(t, config(s, log))
		synctest.Wait()
		s.show("b -a")
		s.set(func(s *store) { s.stale, s.looks = 4, nil })
		s.hint()
		after(time.Minute)
		var pauses []time.Duration
		looks := s.lookTimes()
		for i := 1; i < len(looks); i++ {
			pauses = append(pauses, looks[i].Sub(looks[i-1]))
		}
		if want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(pauses, want) {
			t.Fatalf("pauses: got %v, want %v", pauses, want)
		}
		expect(t, log, "first_sight:a", "replaced:b")
	})
}

func TestAStoreThatStaysBehindTheLogAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c := config(s, log)
		c.Poll = time.Minute
		w, _ := run(t, c)
		synctest.Wait()
		s.set(func(s *store) { s.stale = 1000 })
		s.hint()
		after(5 * time.Minute)
		if !slices.Contains(codes(w), "store_stale") {
			t.Fatalf("alarms: got %v, want store_stale", codes(w))
		}
		s.set(func(s *store) { s.stale = 0 })
		after(5 * time.Minute)
		if len(codes(w)) > 0 {
			t.Fatalf("alarms: got %v, want none", codes(w))
		}
		expect(t, log, "first_sight:a")
	})
}

func TestTheReturnOfAnEarlierKeyNeedsASecondLook(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second string // what the store shows after 3 s
		want   []string
	}{
		{"it stays", "", []string{"first_sight:a", "replaced:b", "rolled_back:a"}},
		{"it was a glimpse", "b -a", []string{"first_sight:a", "replaced:b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := &logtest.Memory{}, newStore("a")
				run(t, config(s, log))
				synctest.Wait()
				s.show("b -a")
				s.hint()
				after(time.Second)
				s.show("a -b")
				s.hint()
				after(3 * time.Second)
				if tt.second != "" {
					s.show(tt.second)
				}
				s.hint() // must not count as the second look
				synctest.Wait()
				expect(t, log, "first_sight:a", "replaced:b")
				after(2 * time.Second)
				expect(t, log, tt.want...)
			})
		})
	}
}

func TestALookOfTheCallerIsFollowedByTheSecondLookInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c := config(s, log)
		c.Hints = nil
		w, _ := run(t, c)
		for _, shown := range []string{"b -a", "a -b"} {
			synctest.Wait()
			s.show(shown)
			if _, err := w.Look(t.Context(), rotation.ByOps, ""); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, log, "first_sight:a", "replaced:b")
		after(5 * time.Second)
		expect(t, log, "first_sight:a", "replaced:b", "rolled_back:a")
	})
}

func TestWritesThatChangeNoKeyAreNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		run(t, config(s, log))
		for _, shown := range []string{"a", "a", "a +b"} { // each with a serial of its own
			synctest.Wait()
			s.show(shown)
			s.hint()
		}
		synctest.Wait()
		expect(t, log, "first_sight:a", "pending:a")
		if log.Events(ring)[1].Data.Cause.Gap {
			t.Fatal("a gap where every write was seen")
		}
		s.show("a")
		s.show("a +c") // the write before was not seen
		s.hint()
		synctest.Wait()
		if events := log.Events(ring); !events[len(events)-1].Data.Cause.Gap {
			t.Fatal("no gap where a write was missed")
		}
	})
}

func TestAReturnThatTheCallerMadeNeedsNoSecondLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		s.show("b -a")
		s.hint()
		synctest.Wait()
		s.show("a -b")
		head, err := w.Look(t.Context(), rotation.ByOps, "a")
		if cur, _ := head.Current(); err != nil || cur.Name != "a" || head.Cause.By != rotation.ByOps {
			t.Fatalf("got %+v, %v", head, err)
		}
		expect(t, log, "first_sight:a", "replaced:b", "rolled_back:a")
	})
}

func TestARetiringKeyGoesWhenItsTimeIsOverByTheLogsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		log.Offset(17 * time.Hour)
		for _, name := range []string{"one", "two", "three"} {
			c := config(s, log)
			c.Instance = name
			c.Hints = nil
			if name == "one" {
				c.Hints = s
			}
			run(t, c)
		}
		synctest.Wait()
		s.show("b -a")
		s.hint()
		synctest.Wait()
		const overlap = 10*time.Minute + 2*time.Second + 30*time.Second
		after(overlap - time.Second)
		expect(t, log, "first_sight:a", "replaced:b")
		after(time.Second)
		expect(t, log, "first_sight:a", "replaced:b", "retired:b")
		after(time.Hour)
		expect(t, log, "first_sight:a", "replaced:b", "retired:b")
	})
}

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

func TestALogThatIsAwayIsShownAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		log.Fail(errAway)
		s.show("b -a")
		s.hint()
		after(time.Minute)
		if st := w.Status(); !strings.Contains(st.Error, "away") || !st.Degraded || st.Head.IsZero() {
			t.Fatalf("got %+v, want the error and the last state", st)
		}
		log.Fail(nil)
		after(12 * time.Second) // not the hour until the next poll
		expect(t, log, "first_sight:a", "replaced:b")
		if st := w.Status(); st.Error != "" || st.Degraded && len(st.Alarms) == 0 {
			t.Fatalf("got %+v", st)
		}
	})
}

func TestAStoreThatIsAwayIsShownAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		s.set(func(s *store) { s.err, s.looks = errAway, nil })
		s.hint()
		after(time.Minute)
		if st := w.Status(); !strings.Contains(st.Error, "away") || !st.Degraded || st.Head.IsZero() {
			t.Fatalf("got %+v, want the error and the last state", st)
		}
		if n := len(s.lookTimes()); n < 4 || n > 9 {
			t.Fatalf("%d looks in a minute, want about 1, 2, 4, 8, … seconds between them", n)
		}
		s.show("b -a")
		s.set(func(s *store) { s.err = nil })
		s.hint()
		synctest.Wait()
		expect(t, log, "first_sight:a", "replaced:b")
		if st := w.Status(); st.Error != "" {
			t.Fatalf("got %+v", st)
		}
	})
}

func TestAStoreThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		s.block = make(chan struct{})
		w, _ := run(t, config(s, log))
		after(31 * time.Second)
		if st := w.Status(); !strings.Contains(st.Error, "deadline") {
			t.Fatalf("got %+v", st)
		}
		s.set(func(s *store) { s.block = nil })
		after(time.Minute)
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

func TestLooksOfTheCallerWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		block := make(chan struct{})
		s.block = block
		w, _ := run(t, config(s, log))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Look(ctx, rotation.ByOps, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the end of the wait", err)
		}
		if n := len(s.lookTimes()); n != 1 {
			t.Fatalf("%d looks at a time", n)
		}
		close(block)
		head, err := w.Look(t.Context(), rotation.ByOps, "")
		if err != nil || head.IsZero() {
			t.Fatalf("got %+v, %v", head, err)
		}
	})
}

func TestALookReportsWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		s.set(func(s *store) { s.err = errAway })
		if head, err := w.Look(t.Context(), rotation.ByOps, ""); !errors.Is(err, errAway) || head.IsZero() {
			t.Fatalf("got %+v, %v", head, err)
		}
		s.set(func(s *store) { s.err = nil })
		log.Fail(errAway)
		if head, err := w.Look(t.Context(), rotation.ByOps, ""); !errors.Is(err, errAway) || head.IsZero() {
			t.Fatalf("got %+v, %v", head, err)
		}
	})
}

func TestAnEndThatIsPushedBackIsRecordedAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		w, _ := run(t, config(s, log))
		synctest.Wait()
		s.show("b -a")
		s.hint()
		synctest.Wait()
		until := time.Now().Add(30 * time.Minute)
		head, err := w.Extend(t.Context(), "a", until)
		if k, _ := head.Key("a"); err != nil || k.VerifyUntil.Before(until) {
			t.Fatalf("got %+v, %v", head, err)
		}
		if _, err := w.Extend(t.Context(), "nobody", until); err == nil {
			t.Fatal("a key that does not exist was extended")
		}
		after(29 * time.Minute)
		expect(t, log, "first_sight:a", "replaced:b", "extended:b")
		after(2 * time.Minute)
		expect(t, log, "first_sight:a", "replaced:b", "extended:b", "retired:b")
	})
}

func TestRowsArePutOnChangeAndEveryTenSecondsAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s, r := &logtest.Memory{}, newStore("a"), &rows{}
		c := config(s, log)
		c.Rows = r
		w, stop := run(t, c)
		synctest.Wait()
		first := r.all()
		if len(first) == 0 {
			t.Fatal("no row at the start")
		}
		last := first[len(first)-1]
		if last.Ring != ring || last.Instance != "one" || last.Store != "file" || last.LookedAt.IsZero() ||
			last.Poll != time.Hour || last.Rev != w.Status().Head.Rev || last.Error != "" {
			t.Fatalf("got %+v", last)
		}
		after(60*time.Second + time.Millisecond)
		if got := len(r.all()) - len(first); got != 6 {
			t.Fatalf("%d rows in a minute, want 6", got)
		}
		n := len(r.all())
		s.show("b -a")
		s.hint()
		synctest.Wait()
		if all := r.all(); len(all) == n || all[len(all)-1].Rev != w.Status().Head.Rev || !slices.Contains(all[len(all)-1].Alarms, "replaced") {
			t.Fatalf("a change was not told at once: %+v", all[n:])
		}
		s.set(func(s *store) { s.err = errAway })
		s.hint()
		synctest.Wait()
		if all := r.all(); !strings.Contains(all[len(all)-1].Error, "away") {
			t.Fatalf("an error was not told at once: %+v", all[len(all)-1])
		}
		stop()
		if !slices.Equal(r.dropped, []string{ring + "/one"}) {
			t.Fatalf("dropped: got %v", r.dropped)
		}
	})
}

func TestSeveralWatchersRecordEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("k0")
		for i := range 3 {
			c := config(s, log)
			c.Instance, c.Hints, c.Poll = fmt.Sprint(i), nil, time.Second
			run(t, c)
		}
		synctest.Wait()
		r := rand.New(rand.NewPCG(3, 4))
		want := []string{"first_sight:k0"}
		for i := 1; i <= 100; i++ {
			k := fmt.Sprintf("k%d", i)
			last := fmt.Sprintf("k%d", i-1)
			s.show(last + " +" + k)
			after(2*time.Second + time.Duration(r.Int64N(int64(time.Second))))
			s.show(k + " -" + last)
			after(2*time.Second + time.Duration(r.Int64N(int64(time.Second))))
			want = append(want, "pending:"+last, "promoted:"+k)
		}
		var got []string
		var rev int64
		for _, ev := range log.Events(ring) {
			if ev.Data.Rev <= rev {
				t.Fatalf("rev %d after %d", ev.Data.Rev, rev)
			}
			rev = ev.Data.Rev
			if ev.Data.Cause.Change != "retired" {
				cur, _ := ev.Data.Current()
				got = append(got, ev.Data.Cause.Change+":"+cur.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestMetricsCountLooksEventsAndAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s, reg := &logtest.Memory{}, newStore("a"), prometheus.NewRegistry()
		c := config(s, log)
		c.Registerer = reg
		run(t, c)
		other := config(newStore("x"), log)
		other.Registerer, other.Ring = reg, "orders" // a second ring on the same registry
		if _, err := watcher.New(other); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.show("b -a")
		s.hint()
		synctest.Wait()
		for name, want := range map[string]float64{
			`keyturn_watcher_looks_total{result="changed",ring="payments"}`: 2,
			`keyturn_watcher_events_total{ring="payments",type="promoted"}`: 1,
			`keyturn_watcher_events_total{ring="payments",type="recorded"}`: 1,
			`keyturn_watcher_alarms{code="replaced",ring="payments"}`:       1,
			`keyturn_watcher_head_rev{ring="payments"}`:                     float64(log.Events(ring)[1].Data.Rev),
			`keyturn_watcher_last_look_timestamp_seconds{ring="payments"}`:  float64(time.Now().UnixMilli()) / 1000,
		} {
			if got := series(t, reg)[name]; got != want {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	})
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	ok := config(newStore("a"), &logtest.Memory{})
	for name, tt := range map[string]struct {
		change func(*watcher.Config)
		want   string
	}{
		"no ring":       {func(c *watcher.Config) { c.Ring = "" }, "ring name"},
		"no store":      {func(c *watcher.Config) { c.Store = "" }, "need a name"},
		"no instance":   {func(c *watcher.Config) { c.Instance = "" }, "need a name"},
		"no source":     {func(c *watcher.Config) { c.Source = nil }, "needs a source and a log"},
		"no log":        {func(c *watcher.Config) { c.Log = nil }, "needs a source and a log"},
		"negative poll": {func(c *watcher.Config) { c.Poll = -1 }, "poll is -1ns"},
	} {
		c := ok
		tt.change(&c)
		if _, err := watcher.New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, tt.want)
		}
	}
}
