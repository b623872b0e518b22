package aws

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/test/harness"
)

// killAfter kills the daemon when AWS has done its nth write and has not
// answered yet. The channel is closed then.
func killAfter(d *daemon, n int) (killed chan struct{}, writes func() int) {
	var mu sync.Mutex
	killed = make(chan struct{})
	count := 0
	hook := func(awsfake.Call) awsfake.Outcome {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == n {
			_ = d.cmd.Process.Kill() // it runs: it is waiting for this answer
			close(killed)
			return awsfake.Lose
		}
		return awsfake.Answer
	}
	for _, op := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		d.fake.After(op, hook)
	}
	return killed, func() int { mu.Lock(); defer mu.Unlock(); return count }
}

// Whatever write is the last that a turn made before the power went: the next
// start ends the turn, once.
func TestATurnThatACrashCutsOffIsEndedOnceByTheNextStart(t *testing.T) {
	whole := 0
	t.Run("the writes of a whole turn", func(t *testing.T) {
		f := awsfake.New(t)
		f.Create(secretName, awsfake.String(text(36)))
		d := run(t, f, setup{})
		_, writes := killAfter(d, 1<<30)
		d.rotate()
		settled(d)
		whole = writes()
	})
	if whole < 3 {
		t.Fatalf("a turn made %d writes, want at least a put, a promotion and a label taken off", whole)
	}
	for n := 1; n <= whole; n++ {
		t.Run(fmt.Sprintf("after write %d of %d", n, whole), func(t *testing.T) {
			t.Parallel()
			f := awsfake.New(t)
			f.Create(secretName, awsfake.String(text(36)))
			v1 := f.Holder(secretName, awsfake.Current)
			d := run(t, f, setup{})
			old := d.token()
			killed, _ := killAfter(d, n)
			ask := d.command(t.Context(), "rotate", ring)
			if err := ask.Start(); err != nil {
				t.Fatal(err)
			}
			<-killed
			_ = ask.Process.Kill() // it would look for the daemon where that was
			_ = ask.Wait()         // says that it was killed
			_ = d.cmd.Wait()       // says that it was killed
			d.start()
			harness.Until(t, "the turn is ended", func() bool { return f.Holder(secretName, awsfake.Current) != v1 })
			v2 := f.Holder(secretName, awsfake.Current)
			d.becomes(v2)
			settled(d)
			if got := f.Versions(secretName); len(got) != 2 {
				t.Errorf("the turn left versions %v, want the old and the new", got)
			}
			if !d.verifies(old) || !d.verifies(d.token()) {
				t.Error("a token is refused")
			}
			if v3 := f.Holder(secretName, awsfake.Current); v3 != v2 {
				t.Errorf("the key was turned again, to %s", v3)
			}
		})
	}
}

// settled waits until nothing of a turn is left: no AWSPENDING, no mark of an
// intent, and one stage for each key.
func settled(d *daemon) {
	d.t.Helper()
	harness.Until(d.t, "nothing of the turn is left", func() bool {
		for _, labels := range d.fake.Labels(secretName) {
			if slices.Contains(labels, awsfake.Pending) || slices.Contains(labels, "keyturn-turn") {
				return false
			}
		}
		s := d.status().stages()
		return len(s["current"]) == 1 && len(s["retiring"]) == 1 && len(s["pending"]) == 0
	})
}
