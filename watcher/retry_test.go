package watcher_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

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
