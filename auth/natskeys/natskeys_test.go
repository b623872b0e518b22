package natskeys

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func withConn(c Config) Config {
	c.Conn = &nats.Conn{} // never used: the feed is scripted
	return c
}

var (
	a = key("a", rotation.Current)
	b = key("b", rotation.Pending)
)

// as is a key in another stage.
func as(k rotation.Key, s rotation.Stage) rotation.Key {
	k.Stage = s
	return k
}

func until(k rotation.Key, at time.Time) rotation.Key {
	k.Stage, k.VerifyUntil = rotation.Retiring, at
	return k
}

func logged(k rotation.Key, at time.Time) rotation.Key {
	k.Logged = at
	return k
}

func TestNewWaitsUntilTheCurrentKeyIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newScript()
		w := &wire{head: state(7, a)}
		begin := time.Now()
		time.AfterFunc(3*time.Second, func() { store.put(a) })
		s, err := prepare(t.Context(), t, config(store), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 3*time.Second || waited > 6*time.Second {
			t.Errorf("got usable after %v, want soon after 3s", waited)
		}
		if got := s.Keyring().Set(); got.Rev != 7 || len(got.Held) != 1 || got.Held[0].Name != "a" {
			t.Errorf("got set %+v, want key a of rev 7", got)
		}
	})
}

func TestNewSaysWhatIsMissingWhenItsWaitEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		head rotation.State
		err  error
		look error
		want string
	}{
		{"value", state(7, a), nil, nil, "value is not there"},
		{"no current key", state(7, b), nil, nil, "value is not there"},
		{"log and labels", rotation.State{}, errors.New("no answer"), errors.New("file is missing"), "file is missing"},
		{"nothing anywhere", rotation.State{}, nil, nil, "make one current"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newScript()
				store.lookAt = c.look
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				_, err := prepare(ctx, t, config(store), &wire{head: c.head, err: c.err}, nil)
				if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got error %v, want one about %q and the deadline", err, c.want)
				}
			})
		})
	}
}

func TestACompromisedKeyIsDroppedAtOnceWhileAnotherValueHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		r.store.change(func(s *script) { s.hangs["b"] = true })
		next := state(8, as(b, rotation.Current))
		next.Urgency, next.Gone = rotation.Compromise, []rotation.Gone{{Key: "a", KID: a.KID, Version: "a", Why: rotation.WhyCompromised}}
		r.wire.push <- next
		synctest.Wait() // no time passes: the value of b hangs
		if got := r.verify(a); got != auth.CodeKeyRevoked {
			t.Errorf("got %q for a token of the compromised key, want %s", got, auth.CodeKeyRevoked)
		}
		if row := r.source.Status().Row; !reflect.DeepEqual(row.Missing, []string{"b"}) || len(row.Keys) != 0 {
			t.Errorf("got row %+v, want b missing and nothing held", row)
		}
		r.store.change(func(s *script) { s.hangs["b"] = false })
		r.store.put(b)
		pass(fetchLimit + 2*time.Second)
		if r.verify(b) != "" || r.signs() != "b" {
			t.Errorf("got b %q, signer %q, want it verified and signing once its value comes", r.verify(b), r.signs())
		}
	})
}

func TestACompromisedKeyStaysOutUnderAReusedKID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		fresh := as(b, rotation.Current)
		fresh.KID = a.KID
		next := state(8, fresh)
		next.Gone = []rotation.Gone{{Key: "a", KID: a.KID, Version: "a", Why: rotation.WhyCompromised}}
		r.store.change(func(s *script) { s.hangs["b"] = true })
		r.wire.push <- next
		synctest.Wait()
		old := token(t, a, time.Hour)
		if got := r.verifyToken(old); got == "" {
			t.Error("got a token of the compromised key verified while its successor's value hangs")
		}
		synctest.Wait() // the look of that token has ended, too
		r.store.change(func(s *script) { s.hangs["b"] = false; s.values["b"] = material(fresh) })
		if got := r.verify(fresh); got != "" {
			t.Errorf("got %q for a token of the fresh key, want a look to find it: its kid is not gone", got)
		}
		pass(fetchLimit + 2*time.Second)
		if got := r.verifyToken(old); got != auth.CodeSignatureInvalid {
			t.Errorf("got %q for a token of the compromised key, want %s", got, auth.CodeSignatureInvalid)
		}
		if got := r.verify(fresh); got != "" {
			t.Errorf("got %q for a token of the fresh key, want it verified", got)
		}
	})
}

func TestANewKeySignsOnceItHasStoodInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(nil)
		r := run(t, c, newScript(a, b), state(7, a))
		r.push(state(8, logged(as(b, rotation.Current), time.Now()), until(a, time.Now().Add(time.Hour))))
		if r.signs() != "a" || r.verify(b) != "" {
			t.Errorf("got signer %q, b %q, want a still signing while b verifies", r.signs(), r.verify(b))
		}
		pass(c.SignAfter - time.Millisecond)
		if r.signs() != "a" {
			t.Errorf("got signer %q just before signAfter, want a", r.signs())
		}
		pass(time.Millisecond)
		if r.signs() != "b" {
			t.Errorf("got signer %q after signAfter, want b", r.signs())
		}
		rows := r.board.rows()
		if last := rows[len(rows)-1]; last.Signs != "b" || !last.At.Equal(time.Now()) {
			t.Errorf("got last row %+v, want b signing, put at once", last)
		}
	})
}

func TestAKeyThatStoodPendingSignsAsSoonAsItIsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a, b), state(7, a, logged(b, time.Now())))
		at := time.Now()
		pass(time.Minute)
		r.push(state(8, logged(as(b, rotation.Current), at), until(a, time.Now().Add(time.Hour))))
		if r.signs() != "b" {
			t.Errorf("got signer %q, want b at once", r.signs())
		}
	})
}

func TestInACompromiseTheNewKeySignsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := key("c", rotation.Retiring)
		r := run(t, config(nil), newScript(a, b, c), state(7, a, until(c, time.Now().Add(time.Hour))))
		next := state(8, logged(as(b, rotation.Current), time.Now()), until(c, time.Now().Add(time.Hour)))
		next.Urgency = rotation.Compromise
		r.push(next)
		if r.signs() != "b" {
			t.Errorf("got signer %q, want b", r.signs())
		}
	})
}

func TestATokenOfAnAnnouncedKeyFetchesItAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		r.push(state(8, a, b))
		pass(9 * time.Minute) // by now the next try of itself is far
		r.store.put(b)
		begin := time.Now()
		if got := r.verify(b); got != "" {
			t.Errorf("got %q, want b verified", got)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("got an answer after %v, want it at once", waited)
		}
	})
}

func TestValuesOfDroppedKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a, b), state(7, a, b))
		r.store.change(func(s *script) { s.hangs["c"] = true })
		c := key("c", rotation.Pending)
		r.push(state(8, a, b, c))
		r.push(state(9, a))
		r.source.knowledge.took(wanted{key: c}, material(c), nil) // it comes after all
		r.source.knowledge.mu.Lock()
		defer r.source.knowledge.mu.Unlock()
		if v := r.source.knowledge.now.values; len(v) != 1 || v["a"].key.IsZero() {
			t.Errorf("got values of %d keys, want that of a alone", len(v))
		}
	})
}

func TestAStateThatIsOlderIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a, b), state(7, a, b))
		r.wire.push <- state(6, as(b, rotation.Current))
		synctest.Wait()
		if got := r.source.State(); got.Rev != 7 || r.signs() != "a" {
			t.Errorf("got rev %d, signer %q, want 7 and a", got.Rev, r.signs())
		}
	})
}

func TestANewVersionOfTheSameKeyIsReadWhileTheOldValueServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		moved := a
		moved.Version = "a2"
		r.push(state(8, moved))
		if got := r.verify(a); got != "" {
			t.Errorf("got %q, want a verified by the value that is held", got)
		}
		if row := r.source.Status().Row; len(row.Missing) != 0 {
			t.Errorf("got row %+v, want nothing missing", row)
		}
		r.store.change(func(s *script) { s.values["a2"] = material(a) })
		pass(time.Minute)
		if n := r.store.readings("a2"); n < 2 {
			t.Errorf("got %d readings of the new version, want it tried until it came", n)
		}
		if got := r.verify(a); got != "" {
			t.Errorf("got %q, want a verified", got)
		}
	})
}

func TestAValueThatDoesNotFitTheStateIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		odd := b
		odd.Algorithm = auth.RS256
		r.store.put(b)
		r.push(state(8, a, odd))
		if row := r.source.Status().Row; !reflect.DeepEqual(row.Missing, []string{"b"}) || !strings.Contains(row.Error, "does not fit") {
			t.Errorf("got row %+v, want b missing, since a secret does not fit RS256", row)
		}
	})
}

func TestRunEndsWithAnErrorWhereTheFeedDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{head: state(7, a), push: make(chan rotation.State), ends: make(chan error, 1)}
		s, err := prepare(t.Context(), t, config(newScript(a)), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.ends <- errors.New("connection closed")
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "connection closed") {
			t.Errorf("got error %v, want the feed's", err)
		}
	})
}

func TestAConfigurationThatCantWorkIsRefused(t *testing.T) {
	good := withConn(config(newScript()))
	for _, c := range []struct {
		want   string
		change func(*Config)
	}{
		{"ring name", func(c *Config) { c.Ring = "Not a ring" }},
		{"instance", func(c *Config) { c.Instance = "" }},
		{"connection", func(c *Config) { c.Conn = nil }},
		{"store", func(c *Config) { c.Store = nil }},
	} {
		bad := good
		c.change(&bad)
		if _, err := New(t.Context(), bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one about %q", err, c.want)
		}
	}
}

func TestPausesGrowAndStayBounded(t *testing.T) {
	last := time.Duration(0)
	for count := 1; count < 100; count++ {
		got := pause(count, time.Minute)
		if got < last || got > time.Minute {
			t.Fatalf("got pause %v after %v, want it to grow to a minute at most", got, last)
		}
		last = got
	}
	if last != time.Minute || pause(1, time.Minute) != firstPause {
		t.Errorf("got pauses from %v to %v, want %v to 1m", pause(1, time.Minute), last, firstPause)
	}
}
