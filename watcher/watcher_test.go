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
		for i := 1; i <= 30; i++ {
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
