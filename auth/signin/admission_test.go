package signin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// arrivals are the moments at which something happened, since the test's start.
type arrivals struct {
	mu sync.Mutex
	at []time.Duration
}

func (a *arrivals) add(d time.Duration) {
	a.mu.Lock()
	a.at = append(a.at, d)
	a.mu.Unlock()
}

// busiest is the largest number inside any second, wherever it begins.
func (a *arrivals) busiest() int {
	most, from := 0, 0
	for to := range a.at {
		for a.at[to]-a.at[from] >= time.Second {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

func (a *arrivals) last() time.Duration { return a.at[len(a.at)-1] }

func TestTenThousandCallersAreAdmittedAtTheRate(t *testing.T) {
	covers.IDs(t, "PERF-06")
	const callers, share = 10_000, 100.0
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := newGate()
		var asked, admitted arrivals
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for {
					asked.add(time.Since(start))
					ok, wait, _ := g.ask(caller{session: fmt.Sprint(i), urgent: true}, share)
					if ok {
						admitted.add(time.Since(start))
						return
					}
					if wait <= 0 {
						t.Errorf("caller %d has to wait %s", i, wait)
						return
					}
					<-time.After(wait)
				}
			})
		}
		wg.Wait()
		if got, want := admitted.busiest(), int(1.1*share); got > want {
			t.Errorf("admitted in the busiest second: got %d, want at most %d", got, want)
		}
		if got, most := admitted.last(), time.Duration(callers/share)*time.Second+time.Second; got > most {
			t.Errorf("the last caller was admitted after %s, want at most %s", got, most)
		}
		// Each comes once to be told, and once at its moment.
		if got, most := len(asked.at), 2*callers; got > most {
			t.Errorf("calls: got %d, want at most %d", got, most)
		}
		later := arrivals{at: asked.at[callers:]}
		if got, want := later.busiest(), int(1.3*share); got > want {
			t.Errorf("callers that came back in the busiest second: got %d, want at most %d", got, want)
		}
	})
}

func TestCallersWhoWaitLongerThanToldAreAllAdmitted(t *testing.T) {
	const callers, share = 2_000, 50.0
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := newGate()
		var admitted arrivals
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				late := 1 + float64(i%50)/100 // 1 … 1.5 times as long
				for {
					ok, wait, _ := g.ask(caller{session: fmt.Sprint(i), urgent: i%3 == 0}, share)
					if ok {
						admitted.add(time.Since(start))
						return
					}
					<-time.After(time.Duration(float64(wait) * late))
				}
			})
		}
		wg.Wait()
		if got, want := admitted.busiest(), int(1.1*share); got > want {
			t.Errorf("admitted in the busiest second: got %d, want at most %d", got, want)
		}
		if got, most := admitted.last(), 2*time.Duration(callers/share)*time.Second; got > most {
			t.Errorf("the last caller was admitted after %s, want at most %s", got, most)
		}
	})
}

func TestUrgentCallersGoFirst(t *testing.T) {
	const each, share = 1_000, 100.0
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := newGate()
		var urgent, calm arrivals
		var wg sync.WaitGroup
		run := func(name string, pressing bool, log *arrivals) {
			wg.Go(func() {
				for {
					ok, wait, _ := g.ask(caller{session: name, urgent: pressing}, share)
					if ok {
						log.add(time.Since(start))
						return
					}
					<-time.After(wait)
				}
			})
		}
		for i := range each {
			run(fmt.Sprint("calm ", i), false, &calm)
		}
		synctest.Wait() // all calm callers are there before any urgent one
		for i := range each {
			run(fmt.Sprint("urgent ", i), true, &urgent)
		}
		wg.Wait()
		if got, most := urgent.last(), time.Duration(1.2*each/share*float64(time.Second)); got > most {
			t.Errorf("the last urgent caller was admitted after %s, want at most %s, as if there were no calm ones", got, most)
		}
		before := 0
		for _, at := range calm.at {
			if at < urgent.last()-time.Second {
				before++
			}
		}
		if before > each/10 {
			t.Errorf("calm callers admitted before the urgent were through: got %d, want at most %d", before, each/10)
		}
		if got, most := calm.last(), time.Duration(2.5*each/share*float64(time.Second)); got > most {
			t.Errorf("the last calm caller was admitted after %s, want at most %s", got, most)
		}
	})
}

func TestAskingAgainNeitherHelpsNorHarms(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	const share = 10.0
	admit := func(name string, at time.Time) (bool, time.Duration) { return a.decide(caller{name, true}, share, at) }
	if ok, _ := admit("first", now); !ok {
		t.Fatal("the first caller was not admitted")
	}
	_, slot := admit("eager", now)
	_, other := admit("patient", now)
	for i := range 50 {
		at := now.Add(time.Duration(i) * time.Millisecond)
		ok, wait := admit("eager", at)
		if ok {
			t.Fatalf("call %d: admitted before its slot", i)
		}
		if got, want := at.Add(wait), now.Add(slot); !got.Equal(want) {
			t.Fatalf("call %d: told %s, want %s as before", i, got.Sub(now), slot)
		}
	}
	if ok, wait := admit("eager", now.Add(slot)); !ok {
		t.Errorf("eager was not admitted at its slot; told to wait %s more", wait)
	}
	if ok, wait := admit("patient", now.Add(other)); !ok {
		t.Errorf("patient was not admitted at its slot; told to wait %s more", wait)
	}
}

func TestOneSessionCannotTakeTheShareOfAll(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	const share = 100.0
	hog, others, refused := 0, 0, 0
	for ms := range 30_000 {
		at := now.Add(time.Duration(ms) * time.Millisecond)
		if ok, _ := a.decide(caller{"hog", true}, share, at); ok {
			hog++
		}
		if ms%20 == 0 { // 50 others a second, each once: half the share
			if ok, _ := a.decide(caller{fmt.Sprint("other ", ms), true}, share, at); ok {
				others++
			} else {
				refused++
			}
		}
	}
	if refused != 0 {
		t.Errorf("others that had to wait for one greedy session: got %d of %d, want 0", refused, others+refused)
	}
	t.Logf("in 30 s: %d refreshes of the greedy session, %d of others", hog, others)
}

func TestTheShareFollowsTheNumberOfIssuers(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	count := func(share float64, from time.Time) int {
		n := 0
		for ms := range 1_000 {
			if ok, _ := a.decide(caller{fmt.Sprint(from, ms), true}, share, from.Add(time.Duration(ms)*time.Millisecond)); ok {
				n++
			}
		}
		return n
	}
	alone := count(200, now)
	second := count(100, now.Add(time.Second))
	if alone < 199 || alone > 220 {
		t.Errorf("alone: admitted %d in a second, want 200 to 220", alone)
	}
	if second > 110 {
		t.Errorf("with a second issuer: admitted %d in a second, want at most 110", second)
	}
}

func TestASmallShareAdmitsOneAtATime(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	const share = 0.5
	if ok, _ := a.decide(caller{"a", false}, share, now); !ok {
		t.Fatal("the first caller was not admitted: the burst is at least one")
	}
	ok, wait := a.decide(caller{"b", false}, share, now)
	if ok || wait != 2*time.Second {
		t.Fatalf("second caller: admitted %t, wait %s; want to wait 2s", ok, wait)
	}
	if ok, _ := a.decide(caller{"b", false}, share, now.Add(wait)); !ok {
		t.Error("the second caller was not admitted at its slot")
	}
}

func TestPromisesNobodyComesBackForAreForgotten(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	for i := range 1_000 {
		a.decide(caller{fmt.Sprint(i), true}, 100, now)
	}
	if len(a.promised) == 0 {
		t.Fatal("nobody was promised anything")
	}
	a.decide(caller{"late", true}, 100, now.Add(2*time.Minute))
	if got := len(a.promised); got != 0 {
		t.Errorf("promises still held after two minutes: got %d, want 0", got)
	}
	if got := len(a.recent); got != 1 {
		t.Errorf("sessions remembered after two minutes: got %d, want 1", got)
	}
}

func TestMomentsOutOfOrderAdmitNoMore(t *testing.T) {
	a, now := newAdmission(), time.Unix(1_800_000_000, 0)
	const share = 100.0
	admitted := 0
	for ms := range 1_000 {
		for _, late := range []int{0, 50, 0, 20} { // callers whose moment was taken earlier than that of others
			at := now.Add(time.Duration(ms-late) * time.Millisecond)
			if ok, _ := a.decide(caller{fmt.Sprint(ms, late, admitted), true}, share, at); ok {
				admitted++
			}
		}
	}
	if admitted > 110 {
		t.Errorf("admitted in a second: got %d, want at most 110", admitted)
	}
}

func TestAChanceCrowdIsHeldNotSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, share = 60, 50.0 // a little more than a second's worth, at once
		start := time.Now()
		g := newGate()
		var admitted arrivals
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				if away, _ := g.enter(t.Context(), caller{session: fmt.Sprint(i), urgent: i%2 == 0}, share); away > 0 {
					<-time.After(away)
					if away, _ = g.enter(t.Context(), caller{session: fmt.Sprint(i), urgent: i%2 == 0}, share); away > 0 {
						t.Errorf("caller %d was sent away twice", i)
					}
				}
				admitted.add(time.Since(start))
			})
		}
		wg.Wait()
		if got, want := admitted.busiest(), int(1.1*share); got > want {
			t.Errorf("admitted in the busiest second: got %d, want at most %d", got, want)
		}
	})
}

func TestSteadyCallersBelowTheRateAreNeverSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, share = 2_000, 100.0
		random := rand.New(rand.NewPCG(1, 2))
		g := newGate()
		var wg sync.WaitGroup
		for i := range callers {
			<-time.After(time.Duration(random.ExpFloat64() / (0.8 * share) * float64(time.Second))) // four fifths of the rate, at random
			wg.Go(func() {
				if away, _ := g.enter(t.Context(), caller{session: fmt.Sprint(i)}, share); away > 0 {
					t.Errorf("caller %d was sent away for %s", i, away)
				}
			})
		}
		wg.Wait()
	})
}

func TestAHeldCallerMayHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.enter(t.Context(), caller{session: "first"}, 2)
		ctx, hangUp := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer hangUp()
		start := time.Now()
		if away, _ := g.enter(ctx, caller{session: "second"}, 2); away == 0 {
			t.Error("a caller that hung up was let in")
		}
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("it was held for %s, want 10ms", took)
		}
	})
}
