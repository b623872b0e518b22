package broadcaster

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// In these stories time is that of a synctest bubble: it stands still while
// anybody has work, so every moment can be named exactly.

// within checks that d is not before least and at most a tick and a bit later.
func within(t *testing.T, what string, d, least time.Duration) {
	t.Helper()
	if d < least || d > least+time.Second+100*time.Millisecond {
		t.Errorf("%s after %s, want it within a tick after %s", what, d, least)
	}
}

func TestAClientThatDoesNotAuthenticateIsClosedAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.Apply(state(nowRev(), "k1"))
		begin := time.Now()
		c := ho.connect()
		c.send(`{"type":"ping"}`) // is no auth
		c.next("pong")
		c.end(closeAuthTimeout)
		within(t, "close", time.Since(begin), 10*time.Second)
		c.silent() // it was told nothing
	})
}

func TestEachConnectionGetsTheStateAgainEveryBeacon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		rev := nowRev()
		ho.Apply(state(rev, "k1", "k0:retiring"))
		seconds := map[int64]bool{}
		var clients []*client
		for i := range 60 {
			c := ho.connect()
			c.enter(fmt.Sprintf("k1.user%d.86400", i))
			c.next("state")
			clients = append(clients, c)
		}
		begin := time.Now()
		for range 3 {
			for _, c := range clients {
				s := c.next("state")
				if num(t, s, "rev") != rev {
					t.Errorf("got rev %d, want %d", num(t, s, "rev"), rev)
				}
				seconds[num(t, s, "sinceMs")/1000] = true
			}
		}
		if took := time.Since(begin); took > 76*time.Second {
			t.Errorf("three beacons took %s, want at most 75 s", took)
		}
		if len(seconds) < 40 { // of the 75 seconds; 60 connections stand in about 22 of 25 slots
			t.Errorf("beacons went out in %d different seconds: they are not spread", len(seconds))
		}
	})
}

func TestABeaconCarriesWhatIsLeftOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k2")))
		rev := nowRev()
		ho.Apply(state(rev, "k2", "k1:retiring"))
		c := ho.connect()
		c.enter("k2.alice.86400")
		before := c.next("state")
		for range 8 {
			s := c.next("state")
			elapsed := time.Now().UnixMilli() - rev
			plan, was := s["refresh"].(map[string]any), before["refresh"].(map[string]any)
			if got, want := num(t, plan, "afterMs"), max(0, 5000-elapsed); got < want-10 || got > want+1010 {
				t.Errorf("after %d ms: got afterMs %d, want about %d", elapsed, got, want)
			}
			wantWindow := int64(120000)
			if elapsed > 5000 {
				wantWindow = max(10000, 125000-elapsed)
			}
			if got := num(t, plan, "windowMs"); got < wantWindow-10 || got > wantWindow+1010 {
				t.Errorf("after %d ms: got windowMs %d, want about %d", elapsed, got, wantWindow)
			}
			if num(t, plan, "windowMs") > num(t, was, "windowMs") {
				t.Errorf("the window grew from %v to %v", was, plan)
			}
			retiring := s["retiring"].([]any)[0].(map[string]any)
			if got, want := num(t, retiring, "forMs"), 900_000-elapsed; got < want-10 || got > want+1010 {
				t.Errorf("got forMs %d, want about %d", got, want)
			}
			before = s
		}
	})
}

func TestAConnectionDoesNotOutliveItsTokenByMoreThanTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		begin := time.Now()
		short, long, renewed := ho.connect(), ho.connect(), ho.connect()
		short.enter("k1.alice.3")
		long.enter("k1.alice.100")
		renewed.enter("k1.alice.3")
		renewed.enter("k1.alice.200")
		for _, c := range []struct {
			*client
			end time.Duration
		}{{short, 62 * time.Second}, {long, 159 * time.Second}, {renewed, 259 * time.Second}} {
			if e := c.next("error"); e["code"] != "token_expired" || num(t, e, "retryAfterMs") > 2000 {
				t.Errorf("got %v", e)
			}
			c.client.end(closeUnauthorized)
			within(t, "close", time.Since(begin), c.end) // and so within the 60 s of grace
		}
	})
}

func TestAConnectionEndsWithItsRetiringKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier("k2")
		v.add("k1", auth.Retiring)
		ho := openPipes(t, payments(v))
		rev := nowRev()
		begin := time.Now()
		ho.Apply(state(rev, "k1", "k2:pending"))
		c := ho.connect()
		c.enter("k1.alice.86400")
		c.next("state")
		s := state(rev+1, "k2", "k1:retiring")
		s.Keys[1].VerifyUntil = begin.Add(40 * time.Second)
		ho.Apply(s)
		again := ho.connect()
		if w := again.enter("k1.bob.86400"); w["stale"] != true || num(t, w, "ttlMs") > 40_000 {
			t.Errorf("got %v, want stale for at most 40 s", w)
		}
		for _, c := range []*client{c, again} {
			for f := range frames(c) {
				if f["type"] == "error" {
					if f["code"] != "key_retired" {
						t.Errorf("got %v", f)
					}
					break
				}
			}
			c.end(closeUnauthorized)
			within(t, "close", time.Since(begin), 40*time.Second)
		}
	})
}

// frames yields a client's frames as they come.
func frames(c *client) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		for f := range c.frames {
			if !yield(f) {
				return
			}
		}
	}
}

func TestAKeyKeptLongerKeepsItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1", "k2")))
		rev, begin := nowRev(), time.Now()
		c := ho.connect()
		c.enter("k1.alice.86400")
		for i, until := range []time.Duration{20 * time.Second, 90 * time.Second} {
			s := state(rev+int64(i), "k2", "k1:retiring")
			s.Keys[1].VerifyUntil = begin.Add(until)
			ho.Apply(s)
			synctest.Wait()
		}
		c.end(closeUnauthorized)
		within(t, "close", time.Since(begin), 90*time.Second)
	})
}

func TestLivenessIsToldByTheNextBeaconsAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.Apply(state(nowRev(), "k1"))
		c := ho.connect()
		c.enter("k1.alice.86400")
		if s := c.next("state"); s["live"] != true {
			t.Errorf("got %v", s)
		}
		ho.SetLive("payments", false)
		ho.SetLive("unknown", false)
		synctest.Wait()
		c.silent()
		if s := c.next("state"); s["live"] != false {
			t.Errorf("got %v, want live false", s)
		}
		ho.SetLive("payments", true)
		if s := c.next("state"); s["live"] != true {
			t.Errorf("got %v, want live true", s)
		}
	})
}

func TestAPeerThatCannotBeWrittenForTwoSecondsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		deaf := ho.connect(dialOption{deaf: true}) // a pipe holds nothing: the welcome waits for a reader
		deaf.auth("k1.mallory.600")
		begin := time.Now()
		hearing := ho.connect()
		hearing.enter("k1.alice.600")
		ho.Apply(state(nowRev(), "k1"))
		hearing.next("state")
		if took := time.Since(begin); took != 0 {
			t.Errorf("the hearing one waited %s for the deaf one", took)
		}
		for ho.Connections("payments") == 2 {
			time.Sleep(100 * time.Millisecond)
		}
		within(t, "close", time.Since(begin), 2*time.Second)
	})
}

func TestAPeerThatDoesNotAnswerOurCloseIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect(dialOption{deaf: true})
		c.send(`[]`)
		begin := time.Now()
		// It takes the close frame and says nothing.
		var frame [64]byte
		n, err := c.raw.Read(frame[:])
		if err != nil || frame[0] != finalBit|opClose {
			t.Fatalf("got %x, %v, want a close frame", frame[:n], err)
		}
		if _, err := c.raw.Read(frame[:]); err == nil {
			t.Error("got more after the close frame")
		}
		within(t, "cut", time.Since(begin), 2*time.Second)
	})
}

func TestAMessageThatDoesNotEndIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect()
		c.enter("k1.alice.600")
		begin := time.Now()
		c.raw.Write(maskedText(`{"type":"ping"}`)[:10])
		c.end(1006)
		within(t, "end", time.Since(begin), readLimit)
	})
}

func TestAnUnknownKidIsLookedForFiveSecondsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		begin := time.Now()
		var waiting []*client
		for range 3 {
			c := ho.connect()
			c.auth("k9.alice.600")
			waiting = append(waiting, c)
		}
		for _, c := range waiting {
			if e := c.next("error"); e["code"] != "kid_unknown" {
				t.Errorf("got %v", e)
			}
			c.end(closeUnauthorized)
		}
		if took := time.Since(begin); took != lookDeadline {
			t.Errorf("refused after %s, want %s", took, lookDeadline)
		}
	})
}

func TestAnAuthFrameThatWaitsForItsKeyIsNotTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier("k1")
		ho := openPipes(t, payments(v))
		c := ho.connect()
		time.Sleep(8 * time.Second)
		c.auth("k9.alice.600") // and its verification takes past the tenth second
		time.Sleep(4 * time.Second)
		v.add("k9", auth.Current)
		c.next("welcome")
	})
}

func TestTheSeventhAuthAfterAMinuteIsFine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect()
		for range 3 {
			for range maxAuths {
				c.enter("k1.alice.86400")
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestDrainSendsEverybodyAwayAndClosesWhoStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		var stay, leave []*client
		for i := range 10 {
			c := ho.connect()
			c.enter("k1.alice.600")
			if i%2 == 0 {
				stay = append(stay, c)
			} else {
				leave = append(leave, c)
			}
		}
		begin := time.Now()
		drained := make(chan time.Duration, 1)
		go func() {
			ho.Drain(context.Background(), 30*time.Second)
			drained <- time.Since(begin)
		}()
		synctest.Wait()
		if _, _, resp, err := ho.try(dialOption{}); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("got %v, %v, want 503 while draining", resp, err)
		}
		for _, c := range leave {
			if f := c.next("drain"); num(t, f, "withinMs") != 30_000 {
				t.Errorf("got %v", f)
			}
			c.ws.WriteMessage(8, closeFrame(1000, "")[2:])
			c.end(1000)
		}
		synctest.Wait()
		if n := ho.Connections("payments"); n != len(stay) {
			t.Errorf("got %d connections, want %d", n, len(stay))
		}
		for _, c := range stay {
			c.next("drain")
			c.end(closeServiceRestart)
		}
		if took := <-drained; took != 30*time.Second {
			t.Errorf("drained in %s, want 30s", took)
		}
	})
}

func TestDrainReturnsAsSoonAsAllHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect()
		c.enter("k1.alice.600")
		begin := time.Now()
		go func() {
			time.Sleep(7 * time.Second)
			c.raw.Close()
		}()
		ho.Drain(context.Background(), 30*time.Second)
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("drained in %s, want 7s", took)
		}
	})
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect()
		c.enter("k1.alice.600")
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		ho.Drain(ctx, 30*time.Second)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("gave up after %s, want 1s", took)
		}
		c.next("drain")
		c.end(closeServiceRestart) // still closed in order, not cut
	})
}

func TestRunEndsThoughADeafPeerDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.connect(dialOption{deaf: true})
		ho.connect(dialOption{deaf: true}).auth("forged.mallory.600")
		synctest.Wait()
		begin := time.Now()
		ho.stop()
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("Run took %s to end, want at most 4 s", took)
		}
	})
}

func TestChangedComesAtOnceAndThenOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		c := ho.connect()
		<-ho.Changed()
		begin := time.Now()
		for range 20 {
			c.send(`{"type":"ping"}`)
			c.next("pong")
		}
		c.enter("k1.alice.600")
		<-ho.Changed()
		if took := time.Since(begin); took > 1100*time.Millisecond {
			t.Errorf("told after %s, want at most a second", took)
		}
		time.Sleep(3 * time.Second)
		select {
		case <-ho.Changed():
			t.Error("told without a change")
		default:
		}
	})
}

func TestAWheelGivesMemoryBackAfterAStorm(t *testing.T) {
	var sl slot
	var all []*session
	for range 1000 {
		s := new(session)
		sl.join(s)
		all = append(all, s)
	}
	for _, s := range all[10:] {
		sl.leave(s)
	}
	if c := cap(sl.members); c > 80 {
		t.Errorf("got room for %d of 10 members", c)
	}
	seen := map[*session]bool{}
	for _, s := range sl.copyMembers(nil) {
		seen[s] = true
	}
	for i, s := range all {
		if seen[s] != (i < 10) {
			t.Errorf("session %d: member %v", i, seen[s])
		}
	}
}

func TestATakenTickTakesNoMoreAlarms(t *testing.T) {
	var sl slot
	s := new(session)
	if !sl.alarm(7, s) {
		t.Error("got no alarm for a tick to come")
	}
	if got := sl.takeAlarms(7, nil); len(got) != 1 || got[0] != s {
		t.Errorf("got %v", got)
	}
	if sl.alarm(7, s) {
		t.Error("got an alarm for a tick that is over")
	}
}

func TestADeadlineIsMindedThoughItsTickWasMadeUpForLater(t *testing.T) {
	hub, err := New(payments(newVerifier("k1")))
	if err != nil {
		t.Fatal(err)
	}
	r := hub.only
	s := &session{ring: r, fd: noDescriptor, open: true, until: hub.clock() + authDeadline.Milliseconds()}
	s.mu.Lock()
	s.attendLocked()
	s.mu.Unlock()
	missed := s.armed
	if missed == 0 {
		t.Fatal("not armed")
	}
	// The process stood still for a round and more: the slot's turn comes under a later tick.
	r.tick(missed+int64(len(r.slots)), new(visitor))
	if s.armed == 0 || s.armed == missed {
		t.Fatalf("armed for tick %d, want one to come", s.armed)
	}
	sl := &r.slots[s.armed%int64(len(r.slots))]
	if got := sl.takeAlarms(s.armed, nil); len(got) != 1 || got[0] != s {
		t.Errorf("got alarms %v in tick %d", got, s.armed)
	}
}
