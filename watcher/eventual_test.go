package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// kept are hints that are kept until acted on, and that may fail.
type kept struct {
	*store
	mu     sync.Mutex
	looked []time.Time
	sick   bool
}

func (k *kept) Looked(began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked = append(k.looked, began)
}

func (k *kept) Healthy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.sick
}

func (k *kept) setSick(sick bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sick = sick
}

// told returns when the looks began that were told of.
func (k *kept) told() []time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.looked)
}

// eventual watches s as a store that is eventually consistent.
func eventual(s *store, log watcher.Log) (watcher.Config, *kept) {
	c, k := config(s, log), &kept{store: s}
	c.Hints, c.Eventual = k, true
	return c, k
}

var errBehind = fmt.Errorf("describe: %w", watcher.ErrStale)

func TestAStoreThatSaysThatItIsBehindIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, _ := eventual(s, log)
		w, _ := run(t, c)
		after(time.Second)
		s.show("b -a")
		s.set(func(s *store) { s.err, s.looks = errBehind, nil })
		s.hint()
		after(2 * time.Second)
		if st := w.Status(); st.Error != "" || st.Degraded {
			t.Errorf("a look that is behind is shown as %+v", st)
		}
		s.set(func(s *store) { s.err = nil })
		after(2 * time.Second)
		looks := s.lookTimes()
		for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
			if got := looks[i+1].Sub(looks[i]); got != want {
				t.Errorf("pause %d: got %s, want %s", i, got, want)
			}
		}
		expect(t, log, "first_sight:a", "replaced:b")
		if by := log.Events(ring)[1].Data.Cause.By; by != rotation.ByHint {
			t.Errorf("the change is by %s, want the hint that told of it", by)
		}
	})
}

func TestAStoreThatStaysBehindAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, _ := eventual(s, log)
		w, _ := run(t, c)
		after(time.Second)
		s.set(func(s *store) { s.err = errBehind })
		s.hint()
		after(time.Minute)
		alarms := w.Status().Alarms
		if len(alarms) != 1 || alarms[0].Code != "store_stale" || !strings.Contains(alarms[0].Text, "describe: ") {
			t.Fatalf("got %+v, want store_stale with what the store says", alarms)
		}
	})
}

func TestAHintIsAcknowledgedByALookThatWasBelievedAndLogged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		breaks func(*store, *logtest.Memory)
		mends  func(*store, *logtest.Memory)
	}{
		{"the store fails", func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.err = errAway }) },
			func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.err = nil }) }},
		{"the store is behind", func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.err = errBehind }) },
			func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.err = nil }) }},
		{"the store shows an old marker", func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.stale = 1000 }) },
			func(s *store, _ *logtest.Memory) { s.set(func(s *store) { s.stale = 0 }) }},
		{"the log is away", func(_ *store, l *logtest.Memory) { l.Fail(errAway) },
			func(_ *store, l *logtest.Memory) { l.Fail(nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := &logtest.Memory{}, newStore("a")
				c, k := eventual(s, log)
				run(t, c)
				after(time.Second)
				before := len(k.told())
				if before != 1 {
					t.Fatalf("%d looks told of at the start, want the first", before)
				}
				tt.breaks(s, log)
				s.show("b -a")
				hinted := time.Now()
				s.hint()
				after(20 * time.Second)
				if n := len(k.told()); n != before {
					t.Fatalf("told of %d looks that found nothing", n-before)
				}
				tt.mends(s, log)
				after(20 * time.Second)
				expect(t, log, "first_sight:a", "replaced:b")
				told := k.told()[before:]
				if len(told) == 0 || told[0].Before(hinted) || told[0].After(time.Now()) {
					t.Fatalf("told of looks at %v, want one after %s", told, hinted)
				}
			})
		})
	}
}

func TestALookThatBeganBeforeIsToldWithItsOwnBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, k := eventual(s, log)
		block := make(chan struct{})
		s.block = block
		run(t, c)
		began := time.Now()
		after(3 * time.Second)
		close(block)
		after(time.Second)
		if told := k.told(); len(told) != 1 || !told[0].Equal(began) {
			t.Fatalf("got %v, want the beginning %s", told, began)
		}
	})
}

func TestALookThatWaitsForASecondIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, k := eventual(s, log)
		run(t, c)
		after(time.Second)
		s.show("b -a")
		s.hint()
		after(time.Second)
		before := len(k.told())
		s.show("a -b")
		s.hint()
		after(time.Second)
		if n := len(k.told()); n != before {
			t.Fatalf("told of %d looks before the second", n-before)
		}
		after(5 * time.Second)
		expect(t, log, "first_sight:a", "replaced:b", "rolled_back:a")
		if n := len(k.told()); n == before {
			t.Fatal("not told of the second look")
		}
	})
}

func TestALookThatCannotReadTheCurrentValueIsNotToldOfAndRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, k := eventual(s, log)
		c.Poll = 12 * time.Hour
		w, _ := run(t, c)
		after(time.Second)
		before := len(k.told())
		s.show("b -a")
		s.set(func(s *store) { s.keys[0].KID, s.keys[0].Algorithm, s.keys[0].Print = "", "", "" }) // permission to decrypt is missing
		s.hint()
		after(5 * time.Minute)
		if n := len(k.told()); n != before {
			t.Fatalf("told of %d looks that could not read the current value", n-before)
		}
		if len(w.Status().Alarms) == 0 {
			t.Error("no alarm")
		}
		expect(t, log, "first_sight:a")
		s.show("b -a")
		after(2 * time.Minute)
		expect(t, log, "first_sight:a", "replaced:b")
		if by := log.Events(ring)[1].Data.Cause.By; by != rotation.ByHint || len(k.told()) == before {
			t.Errorf("the change is by %s, told of %d looks", by, len(k.told())-before)
		}
	})
}

func TestAfterAHintAndAStepTheStoreIsLookedAtOften(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(*testing.T, *store, *watcher.Watcher)
	}{
		{"a hint", func(_ *testing.T, s *store, _ *watcher.Watcher) { s.hint() }},
		{"a step of a turn", func(t *testing.T, _ *store, w *watcher.Watcher) {
			if _, err := w.Look(t.Context(), rotation.ByOps, ""); err != nil {
				t.Error(err)
			}
		}},
		{"a step that failed", func(t *testing.T, _ *store, w *watcher.Watcher) {
			_, err := w.LookAfter(t.Context(), rotation.ByOps, "", func(context.Context) error { return errAway })
			if !errors.Is(err, errAway) {
				t.Error(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, s := &logtest.Memory{}, newStore("a")
				c, _ := eventual(s, log)
				w, _ := run(t, c)
				after(time.Second)
				s.set(func(s *store) { s.looks = nil })
				tt.begin(t, s, w)
				after(2 * time.Minute)
				if n := len(s.lookTimes()); n < 20 || n > 31 {
					t.Errorf("%d looks in two minutes, want about 24", n)
				}
				s.set(func(s *store) { s.looks = nil })
				after(30 * time.Minute)
				if n := len(s.lookTimes()); n > 1 {
					t.Errorf("%d looks in the half hour after, want the poll again", n)
				}
			})
		})
	}
}

func TestWhileHintsDoNotComeThroughTheStoreIsLookedAtOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, k := eventual(s, log)
		run(t, c)
		after(time.Second)
		k.setSick(true)
		s.show("b -a")
		after(30 * time.Second) // noticed within 10 s, then 15 s ± 20 %
		expect(t, log, "first_sight:a", "replaced:b")
		s.set(func(s *store) { s.looks = nil })
		after(10 * time.Minute)
		if n := len(s.lookTimes()); n < 33 || n > 50 {
			t.Errorf("%d looks in ten minutes, want about 40", n)
		}
		k.setSick(false)
		after(time.Minute)
		s.set(func(s *store) { s.looks = nil })
		after(30 * time.Minute)
		if n := len(s.lookTimes()); n > 1 {
			t.Errorf("%d looks in half an hour of good hints, want the poll", n)
		}
	})
}

func TestALookAfterOnesOwnWriteWaitsForTheStoreToShowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, _ := eventual(s, log)
		w, _ := run(t, c)
		after(time.Second)
		began := time.Now()
		head, err := w.LookAfter(t.Context(), rotation.ByOps, "", func(context.Context) error {
			s.show("a +b")
			s.set(func(s *store) { s.err = errBehind })
			time.AfterFunc(3*time.Second, func() { s.set(func(s *store) { s.err = nil }) })
			return nil
		})
		if _, ok := head.Key("b"); err != nil || !ok || time.Since(began) != 3500*time.Millisecond {
			t.Fatalf("got %+v, %v after %s, want b pending after 3.5 s", head.Keys, err, time.Since(began))
		}
	})
}

func TestAStoreThatDoesNotShowAWriteIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, _ := eventual(s, log)
		w, _ := run(t, c)
		after(time.Second)
		began := time.Now()
		head, err := w.LookAfter(t.Context(), rotation.ByOps, "", func(context.Context) error {
			s.set(func(s *store) { s.err = errBehind })
			return nil
		})
		if cur, _ := head.Current(); err != nil || cur.Name != "a" || time.Since(began) != 15500*time.Millisecond {
			t.Fatalf("got %+v, %v after %s, want the head as it was after 15.5 s", head.Keys, err, time.Since(began))
		}
	})
}

func TestAChangeThatNoHintToldOfIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := &logtest.Memory{}, newStore("a")
		c, _ := eventual(s, log)
		reg := prometheus.NewRegistry()
		c.Registerer = reg
		w, _ := run(t, c)
		count := func() float64 { return series(t, reg)[`keyturn_watcher_unhinted_changes_total{ring="payments"}`] }
		after(time.Second)
		s.show("b -a")
		s.hint()
		after(time.Minute)
		s.show("b")
		if _, err := w.Look(t.Context(), rotation.ByOps, ""); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 0 {
			t.Fatalf("%v unhinted changes; want none: the start, a hint, a person's own", n)
		}
		after(10 * time.Minute)
		s.show("c -b")
		after(2 * time.Hour)
		if n := count(); n != 1 {
			t.Fatalf("%v unhinted changes, want the one that the poll found", n)
		}
	})
}
