package test

import (
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/test/harness"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// crowdSize is the number of browsers that call a protected API while a key turns.
const crowdSize = 1000

// patience is how long a thousand browsers may take to move, where each refresh
// is a write to the disk of a busy machine; it only bounds a broken run.
const patience = 5 * time.Minute

// These three stay in one test and one crowd: to sign a thousand browsers in
// costs more than the rotations do.
func TestAThousandBrowsersCallingAProtectedAPI(t *testing.T) {
	covers.IDs(t, "PERF-06", "PERF-08", "ACC-16")
	const perSecond = 400
	// These browsers renew no token for its age, so that it outlives the test on a slow machine too.
	s := harness.Start(t, harness.Options{PerSecond: perSecond, SignAfter: 2 * time.Second, Beacon: 5 * time.Second, TokenLifetime: time.Hour})
	crowd := harness.Gather(t, s.URL, harness.Ring, crowdSize, 2*time.Second, nil)
	harness.UntilWithin(t, patience, "every browser has a state", crowd.AllTold)

	t.Run("see no refusal in a planned rotation", func(t *testing.T) {
		before := crowd.Total()
		to := rotate(t, s, rollout.Request{})
		harness.UntilWithin(t, patience, "every browser moved", func() bool { return crowd.AllUnder(to) })
		smooth(t, before, crowd.Total())
	})

	t.Run("see no refusal in a rotation that nobody announced", func(t *testing.T) {
		before := crowd.Total()
		s.File.Reload()
		s.File.Turn("unannounced")
		harness.UntilWithin(t, patience, "every browser moved", func() bool { return crowd.AllUnder("unannounced") })
		smooth(t, before, crowd.Total())
	})

	t.Run("recover at most one failure each from a compromise, at the configured rate", func(t *testing.T) {
		each := make([]harness.Counts, crowdSize)
		for i, b := range crowd.Browsers {
			each[i] = b.Counts()
		}
		before, started := crowd.Total(), time.Now()
		to := rotate(t, s, rollout.Request{Compromise: true})
		harness.UntilWithin(t, patience, "every browser moved", func() bool { return crowd.AllUnder(to) })
		took := time.Since(started)
		for i, b := range crowd.Browsers {
			now := b.Counts()
			if n := now.Recovered - each[i].Recovered; n > 1 {
				t.Errorf("browser %d recovered %d failures, want at most one", i, n)
			}
		}
		after := crowd.Total()
		if after.Lost != before.Lost {
			t.Errorf("%d calls ended in a refusal that their caller saw, want none", after.Lost-before.Lost)
		}
		admitted := after.Refreshes - before.Refreshes
		if admitted != crowdSize {
			t.Errorf("%d refreshes for %d browsers, want one each", admitted, crowdSize)
		}
		// The bound of the rate, with its burst of a tenth of a second.
		if most := perSecond*took.Seconds() + perSecond/10 + 1; float64(admitted) > most {
			t.Errorf("%d refreshes were admitted in %s, want at most %.0f", admitted, took, most)
		}
	})
}

// rotate turns the key as the daemon does and returns the new key's name.
func rotate(t *testing.T, s *harness.Stack, r rollout.Request) string {
	t.Helper()
	var mu sync.Mutex
	var steps []rollout.Step
	result, err := rollout.Rotate(t.Context(), s.Rollout(), r, func(step rollout.Step) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, step)
	})
	if err != nil {
		t.Fatalf("rotate: %v after %+v", err, steps)
	}
	if !result.Turned || !result.Signs {
		t.Fatalf("rotate ended with %+v, want a key that signs", result)
	}
	if state := s.Watcher.Status().Head; state.Urgency == rotation.Compromise != r.Compromise {
		t.Errorf("the state's urgency is %q for compromise %v", state.Urgency, r.Compromise)
	}
	return result.To
}

func smooth(t *testing.T, before, after harness.Counts) {
	t.Helper()
	if after.Refused != before.Refused {
		t.Errorf("%d calls were answered with 401 or 403, want none", after.Refused-before.Refused)
	}
	if calls := after.Calls - before.Calls; calls < crowdSize {
		t.Errorf("only %d calls went through the rotation, want at least one a browser", calls)
	}
	if n := after.Refreshes - before.Refreshes; n != crowdSize {
		t.Errorf("%d refreshes for %d browsers, want one each", n, crowdSize)
	}
	if after.Closed != before.Closed {
		t.Errorf("%d sockets were lost, want none", after.Closed-before.Closed)
	}
}
