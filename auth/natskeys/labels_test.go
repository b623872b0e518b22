package natskeys

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestWithoutAStateTheLabelsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a, as(b, rotation.Retiring)), rotation.State{})
		if r.verify(a) != "" || r.verify(b) != "" || r.signs() != "b" {
			t.Errorf("got a %q, b %q, signer %q, want both verified, and the previous key signing until others have looked", r.verify(a), r.verify(b), r.signs())
		}
		if rev := r.source.Keyring().Set().Rev; rev != 0 {
			t.Errorf("got rev %d of a set made of labels, want 0: the log's must win whatever it is", rev)
		}
		if !r.source.Status().Labels {
			t.Error("got a status that hides that the state is made of labels")
		}
		r.store.change(func(s *script) { s.labels.Keys = []rotation.Seen{seen(as(b, rotation.Current))} })
		r.push(state(3, as(b, rotation.Current)))
		if r.verify(b) != "" || r.verify(a) == "" || r.signs() != "b" {
			t.Errorf("got b %q, a %q, signer %q, want the log's word, which knows b alone", r.verify(b), r.verify(a), r.signs())
		}
	})
}

func TestALogThatDoesNotAnswerIsGivenSomeTimeBeforeTheLabelsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{err: errors.New("no answer")}
		begin := time.Now()
		s, err := prepare(t.Context(), t, config(newScript(a)), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < logPatience {
			t.Errorf("got labels after %v, want the log to be waited for %v", waited, logPatience)
		}
		if _, labels := s.knowledge.state(); !labels {
			t.Error("got a state of the log, want one of labels")
		}
	})
}

func TestLabelsThatMoveWhileNoLogHasSpokenAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(nil)
		r := run(t, c, newScript(a), rotation.State{})
		r.store.put(b)
		r.store.change(func(s *script) {
			s.labels.Seen = "2"
			s.labels.Keys = []rotation.Seen{seen(as(b, rotation.Current)), seen(as(a, rotation.Retiring))}
		})
		pass(c.Poll * 12 / 10)
		if r.verify(a) != "" || r.verify(b) != "" {
			t.Errorf("got a %q, b %q, want both verified", r.verify(a), r.verify(b))
		}
		if r.signs() != "a" {
			t.Errorf("got signer %q, want a until the others have looked too", r.signs())
		}
		pass(2*c.Poll + c.SignAfter)
		if r.signs() != "b" {
			t.Errorf("got signer %q, want b", r.signs())
		}
	})
}

func TestAnUnknownKIDIsLookedForInTheLogAndThenInTheLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		r.store.put(b)
		r.wire.set(state(8, a, b), nil) // appended, but its push was lost
		if got := r.verify(b); got != "" {
			t.Errorf("got %q, want b found in the log", got)
		}
		if r.store.looks != 0 {
			t.Errorf("got %d looks at the labels, want none: the log knew", r.store.looks)
		}
		pass(time.Minute)
		c := key("c", rotation.Current)
		r.store.put(c)
		r.store.change(func(s *script) {
			s.labels.Seen = "2"
			s.labels.Keys = []rotation.Seen{seen(c), seen(as(a, rotation.Retiring))}
		})
		if got := r.verify(c); got != "" {
			t.Errorf("got %q, want c found in the labels", got)
		}
		if r.signs() != "a" {
			t.Errorf("got signer %q, want a: labels alone make nothing sign", r.signs())
		}
		if got := r.verify(a); got != "" {
			t.Errorf("got %q, want a still verified: labels alone drop nothing", got)
		}
		pass(time.Minute)
		if got := r.verify(key("forged", rotation.Current)); got != auth.CodeKIDUnknown {
			t.Errorf("got %q for a forged kid, want %s", got, auth.CodeKIDUnknown)
		}
		r.wire.set(rotation.State{}, errors.New("no answer"))
		pass(time.Minute)
		if got := r.verify(key("forged2", rotation.Current)); got != auth.CodeUnavailable {
			t.Errorf("got %q while the log does not answer, want %s", got, auth.CodeUnavailable)
		}
	})
}

func TestWhileTheLogIsSilentLabelsAddKeysAndDropNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(nil)
		r := run(t, c, newScript(a), state(7, a))
		r.wire.live(ring, false)
		fresh := as(b, rotation.Current)
		r.store.put(fresh)
		r.store.change(func(s *script) { s.labels.Seen = "2"; s.labels.Keys = []rotation.Seen{seen(fresh)} })
		pass(c.Poll * 12 / 10)
		if r.verify(a) != "" || r.verify(fresh) != "" || r.signs() != "a" {
			t.Errorf("got a %q, b %q, signer %q, want both verified and a signing", r.verify(a), r.verify(fresh), r.signs())
		}
		r.store.change(func(s *script) { s.lookAt = errors.New("store is away") })
		pass(c.overlap() + 20*time.Second)
		if got := r.verify(fresh); got == "" {
			t.Error("got b verified long after the labels showed it last and no log knew it")
		}
		if got := r.verify(a); got != "" {
			t.Errorf("got %q, want a, which the log knows, still verified", got)
		}
	})
}

func TestLabelsDoNotBringBackWhatTheLogHasBuried(t *testing.T) {
	for _, why := range []string{rotation.WhyCompromised, rotation.WhyRetired} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config(nil)
				head := state(7, a)
				head.Gone = []rotation.Gone{{Key: "b", KID: b.KID, Version: "b", Why: why}}
				r := run(t, c, newScript(a, as(b, rotation.Retiring)), head)
				r.wire.live(ring, false)
				pass(2 * c.Poll)
				want := map[string]string{rotation.WhyCompromised: auth.CodeKeyRevoked, rotation.WhyRetired: auth.CodeKeyRetired}[why]
				if got := r.verify(b); got != want {
					t.Errorf("got %q for a token of the buried key, want %s", got, want)
				}
			})
		})
	}
}

func TestALoneKeyOfTheLabelsSignsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), rotation.State{})
		if r.signs() != "a" {
			t.Errorf("got signer %q, want a: there is no other", r.signs())
		}
	})
}
