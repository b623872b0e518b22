package broadcaster

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAnAuthenticatedClientIsWelcomedAndToldTheState(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	rev := nowRev()
	ho.Apply(state(rev, "k1", "k2:pending", "k0:retiring"))
	c := ho.connect()
	w := c.enter("k1.alice.600")
	if w["key"] != "k1" || w["kid"] != "kid-k1" || w["stale"] != false || len(w["session"].(string)) != 16 {
		t.Errorf("got welcome %v", w)
	}
	if ttl := num(t, w, "ttlMs"); ttl < 500_000 || ttl > 600_000 {
		t.Errorf("got ttlMs %d, want about 600000", ttl)
	}
	if got := num(t, w, "beaconMs"); got != 25000 {
		t.Errorf("got beaconMs %d, want 25000", got)
	}
	if now := num(t, w, "nowMs"); now < rev || now > nowRev() {
		t.Errorf("got nowMs %d, want the present", now)
	}
	s := c.next("state")
	if s["ring"] != "payments" || num(t, s, "rev") != rev || s["key"] != "k1" || s["kid"] != "kid-k1" || s["live"] != true || s["urgency"] != "planned" {
		t.Errorf("got state %v", s)
	}
	if p := fmt.Sprint(s["pending"]); p != "[map[key:k2 kid:kid-k2]]" {
		t.Errorf("got pending %s", p)
	}
	retiring := s["retiring"].([]any)[0].(map[string]any)
	if forMs := num(t, retiring, "forMs"); retiring["key"] != "k0" || forMs < 800_000 || forMs > 900_000 {
		t.Errorf("got retiring %v", retiring)
	}
}

func TestAClientThatComesBeforeTheFirstStateIsWelcomedAndToldLater(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.enter("k1.alice.600")
	c.silent()
	ho.Apply(state(nowRev(), "k1"))
	c.next("state")
}

func TestANewStateReachesEveryAuthenticatedClientAndNobodyElse(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	ho.Apply(state(nowRev(), "k1"))
	stranger := ho.connect()
	clients := make([]*client, 20)
	for i := range clients {
		clients[i] = ho.connect()
		clients[i].enter(fmt.Sprintf("k1.user%d.600", i))
		clients[i].next("state")
	}
	rev := nowRev() + 1
	ho.Apply(state(rev, "k2", "k1:retiring"))
	for _, c := range clients {
		if s := c.next("state"); num(t, s, "rev") != rev || s["key"] != "k2" {
			t.Errorf("got state %v, want rev %d under k2", s, rev)
		}
	}
	eventually(t, "all are told", func() bool { return ho.Census("payments").Told == 20 })
	stranger.silent()
	for _, c := range clients {
		c.silent()
	}
}

func TestAnOlderStateChangesNothing(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	c := ho.connect()
	c.enter("k1.alice.600")
	c.next("state")
	ho.Apply(state(rev-1, "k0"))
	ho.Apply(state(rev, "k0"))
	ho.Apply(rotation.State{Ring: "unknown", Rev: rev + 1})
	if f := string(text(ho.rings["payments"].fresh().data)); !strings.Contains(f, `"key":"k1"`) {
		t.Errorf("got %s, want the state under k1", f)
	}
	ho.Apply(state(rev+1, "k1"))
	if s := c.next("state"); num(t, s, "rev") != rev+1 {
		t.Errorf("got rev %d, want %d", num(t, s, "rev"), rev+1)
	}
}

func TestOfManyStatesInQuickSuccessionTheLastOneHolds(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	clients := make([]*client, 10)
	for i := range clients {
		clients[i] = ho.connect()
		clients[i].enter("k1.alice.600")
		clients[i].next("state")
	}
	last := rev + 500
	for r := rev + 1; r <= last; r++ {
		ho.Apply(state(r, "k1"))
	}
	for _, c := range clients {
		for seen := rev; seen != last; {
			s := c.next("state")
			if got := num(t, s, "rev"); got <= seen {
				t.Fatalf("got rev %d after %d", got, seen)
			} else {
				seen = got
			}
		}
		c.silent()
	}
}

func TestARefreshedTokenIsTakenInPlace(t *testing.T) {
	v := newVerifier("k1", "k2")
	ho := open(t, payments(v))
	ho.Apply(state(nowRev(), "k2", "k1:retiring"))
	c := ho.connect()
	if w := c.enter("k1.alice.600"); w["stale"] != true {
		t.Errorf("got %v, want stale: its key is retiring", w)
	}
	c.next("state")
	if row := ho.Census("payments"); row.Keys["k1"] != 1 || row.Keys["k2"] != 0 {
		t.Errorf("got census %v", row)
	}
	if w := c.enter("k2.alice.600"); w["stale"] != false || w["key"] != "k2" {
		t.Errorf("got %v", w)
	}
	if row := ho.Census("payments"); row.Keys["k1"] != 0 || row.Keys["k2"] != 1 || row.Told != 1 {
		t.Errorf("got census %v", row)
	}
	c.silent()
}

func TestATokenOfAnotherSubjectEndsTheConnection(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.enter("k1.alice.600")
	c.auth("k1.bob.600")
	c.end(closeForbidden)
}

func TestARefusedTokenIsNamedAndClosesWith4401(t *testing.T) {
	covers.IDs(t, "SEC-09")
	v := newVerifier("k1")
	ho := open(t, payments(v))
	s := state(nowRev(), "k1")
	s.Gone = []rotation.Gone{{Key: "dead", Why: rotation.WhyRetired}, {Key: "leaked", Why: rotation.WhyCompromised}}
	ho.Apply(s)
	v.add("dead", auth.Current) // this verifier is behind
	v.add("leaked", auth.Current)
	for _, c := range []struct {
		token, code string
	}{
		{"nonsense", "token_malformed"},
		{"", "token_malformed"},
		{"k1.alice.-61", "token_expired"},
		{"dead.alice.600", "key_retired"},
		{"leaked.alice.600", "key_revoked"},
	} {
		t.Run(c.code, func(t *testing.T) {
			cl := ho.connect()
			cl.auth(c.token)
			e := cl.next("error")
			if e["code"] != c.code || e["message"] != errorTexts[c.code] {
				t.Errorf("got %v, want code %s", e, c.code)
			}
			if wait := num(t, e, "retryAfterMs"); wait < 0 || wait > 125_000 {
				t.Errorf("got retryAfterMs %d", wait)
			}
			cl.end(closeUnauthorized)
		})
	}
	eventually(t, "all have left", func() bool { return ho.Connections("payments") == 0 })
}

func TestAnExpiredTokenIsWelcomeAsStaleWithinTheGrace(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	if w := c.enter("k1.alice.-5"); w["stale"] != true || num(t, w, "ttlMs") != 0 {
		t.Errorf("got %v, want stale with no time left", w)
	}
}

func TestAVerifierThatCannotAnswerClosesWith1013(t *testing.T) {
	v := newVerifier()
	v.set(func() { v.down = true })
	ho := open(t, payments(v))
	c := ho.connect()
	c.auth("k9.alice.600")
	e := c.next("error")
	if e["code"] != "try_again_later" || num(t, e, "retryAfterMs") < 10_000 {
		t.Errorf("got %v", e)
	}
	c.end(closeTryAgainLater)
}

// A forged token waits five seconds at most, which a bubble's time makes long enough for all of them.
func TestTokensWithForgedKidsDoNotDelayAGoodOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier("k1")
		ho := openPipes(t, payments(v))
		forged := make([]*client, 64) // many more than there are workers
		for i := range forged {
			forged[i] = ho.connect()
			forged[i].auth(fmt.Sprintf("forged%d.mallory.600", i))
		}
		synctest.Wait()
		v.set(func() {
			if v.waiting != len(forged) {
				t.Errorf("%d forged tokens wait, want %d", v.waiting, len(forged))
			}
		})
		begin := time.Now()
		ho.connect().enter("k1.alice.600")
		if took := time.Since(begin); took != 0 {
			t.Errorf("the good token waited %s", took)
		}
		v.add("forged0", auth.Current) // its key arrives after all
		forged[0].next("welcome")
	})
}

func TestAConnectionUnderACompromisedKeyIsToldAndClosedAtOnce(t *testing.T) {
	v := newVerifier("k1", "k2")
	ho := open(t, payments(v))
	rev := nowRev()
	ho.Apply(state(rev, "k1", "k2:pending"))
	var leaked []*client
	for range 20 {
		c := ho.connect()
		c.enter("k1.alice.600")
		c.next("state")
		leaked = append(leaked, c)
	}
	safe := ho.connect()
	safe.enter("k2.bob.600")
	safe.next("state")

	s := state(rev+1, "k2")
	s.Urgency, s.Refresh = rotation.Compromise, rotation.Plan{WindowMs: 60_000}
	s.Gone = []rotation.Gone{{Key: "k1", Why: rotation.WhyCompromised}}
	ho.Apply(s)
	waits := map[int64]bool{}
	for _, c := range leaked {
		e := c.next("error")
		if e["code"] != "key_revoked" {
			t.Errorf("got %v, want key_revoked", e)
		}
		wait := num(t, e, "retryAfterMs")
		if wait < 0 || wait >= 60_000 {
			t.Errorf("got retryAfterMs %d, want it inside the window", wait)
		}
		waits[wait] = true
		c.end(closeUnauthorized)
	}
	if len(waits) < 10 {
		t.Errorf("got %d different waits for 20 clients: they would come back together", len(waits))
	}
	if f := safe.next("state"); f["urgency"] != "compromise" {
		t.Errorf("got %v", f)
	}
	safe.silent()
}

func TestAConnectionGoesWithItsRetiredKey(t *testing.T) {
	v := newVerifier("k1", "k2")
	ho := open(t, payments(v))
	rev := nowRev()
	ho.Apply(state(rev, "k2", "k1:retiring"))
	c := ho.connect()
	c.enter("k1.alice.600")
	c.next("state")
	ho.Apply(state(rev+1, "k2")) // not even named among the gone: a long gap
	if e := c.next("error"); e["code"] != "key_retired" {
		t.Errorf("got %v", e)
	}
	c.end(closeUnauthorized)
}

func TestAKeyThatNoStateHasNamedYetIsLeftAlone(t *testing.T) {
	v := newVerifier("k1", "k9")
	ho := open(t, payments(v))
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	c := ho.connect()
	c.enter("k9.alice.600") // the verifier is ahead of the feed
	c.next("state")
	ho.Apply(state(rev+1, "k1"))
	c.next("state")
	ho.Apply(state(rev+2, "k9", "k1:retiring"))
	if s := c.next("state"); s["key"] != "k9" {
		t.Errorf("got %v", s)
	}
}

func TestAPublicRingAsksNobodyAndTellsEverybody(t *testing.T) {
	ho := open(t, payments(nil))
	ho.Apply(state(nowRev(), "k1"))
	c := ho.connect()
	c.next("state")
	c.auth("whatever")
	c.send(`{"type":"ping"}`)
	c.next("pong")
	if row := ho.Census("payments"); row.Waiting != 1 || row.Told != 1 || len(row.Keys) != 0 {
		t.Errorf("got census %+v", row)
	}
}

func TestARingThatIsMissingOrUnknownClosesWith4400(t *testing.T) {
	c := payments(newVerifier("k1"))
	c.Rings = append(c.Rings, Ring{Name: "other"})
	ho := open(t, c)
	for _, q := range []string{"", "?ring=", "?ring=nobody", "?ring=PAYMENTS", "?rings=payments"} {
		ho.connect(dialOption{query: q}).end(closeBadRequest)
	}
	ho.connect(dialOption{query: "?ring=payments"}).enter("k1.alice.600")
	single := open(t, payments(newVerifier("k1")))
	single.connect(dialOption{query: "?ring=other"}).end(closeBadRequest)
}

func TestTheSeventhAuthInAMinuteIsTooMany(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	for range 6 {
		c.enter("k1.alice.600")
	}
	c.auth("k1.alice.600")
	c.end(closeTooMany)
}

func TestAFloodOfFramesIsTooMany(t *testing.T) {
	for name, flood := range map[string]func(c *client) error{
		"ping frames":    func(c *client) error { return c.ws.WriteMessage(1, []byte(`{"type":"ping"}`)) },
		"unknown frames": func(c *client) error { return c.ws.WriteMessage(1, []byte(`{"type":"hello"}`)) },
		"protocol pings": func(c *client) error { return c.ws.WriteControl(9, []byte("x"), time.Now().Add(patience)) },
	} {
		t.Run(name, func(t *testing.T) {
			ho := open(t, payments(newVerifier("k1")))
			c := ho.connect()
			c.enter("k1.alice.600")
			for range 1000 {
				if flood(c) != nil {
					break
				}
			}
			c.end(closeTooMany)
		})
	}
}

func TestFramesOfUnknownTypeAreIgnored(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.send(`{"type":"hello","code":5,"token":[],"nested":{"type":"auth","deep":[[[{}]]]}}`)
	c.send(` {"future":1,"type":"state","x":"\"}{"} `)
	c.enter("k1.alice.600")
	c.send(`{"type":"claims"}`)
	c.send(`{"type":"ping"}`)
	c.next("pong")
}

func TestAFailedRefreshIsCountedUntilTheNextWelcome(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.send(`{"type":"failed","code":"early"}`) // says nothing before authentication
	c.enter("k1.alice.600")
	if row := ho.Census("payments"); row.Failed != 0 {
		t.Errorf("got %d failed, want 0", row.Failed)
	}
	c.send(`{"type":"failed","code":"session_missing"}`)
	eventually(t, "the failure is counted", func() bool { return ho.Census("payments").Failed == 1 })
	c.enter("k1.alice.600")
	if row := ho.Census("payments"); row.Failed != 0 {
		t.Errorf("got %d failed, want 0", row.Failed)
	}
}

func TestTheCensusSaysWhoWaitsAndWhoMoved(t *testing.T) {
	covers.IDs(t, "STAT-07")
	ho := open(t, payments(newVerifier("k1", "k2")))
	rev := nowRev()
	ho.Apply(state(rev, "k2", "k1:retiring"))
	ho.connect()
	for _, token := range []string{"k1.a.600", "k1.b.600", "k2.c.600"} {
		c := ho.connect()
		c.enter(token)
		c.next("state")
	}
	eventually(t, "all connections stand", func() bool { return ho.Connections("payments") == 4 })
	row := ho.Census("payments")
	if row.Ring != "payments" || row.Instance != "replica-1" || row.Rev != rev || row.Told != 3 ||
		row.Waiting != 1 || row.Keys["k1"] != 2 || row.Keys["k2"] != 1 || row.At.IsZero() {
		t.Errorf("got %+v", row)
	}
	if row := ho.Census("unknown"); row.Told+row.Waiting+len(row.Keys) != 0 {
		t.Errorf("got %+v, want nothing", row)
	}
	select {
	case <-ho.Changed():
	case <-time.After(patience):
		t.Error("Changed is silent after four connections")
	}
}

func TestAClientsCloseIsAnsweredWithItsOwnCode(t *testing.T) {
	for _, useTLS := range [][]bool{nil, {true}} {
		ho := open(t, payments(newVerifier("k1")), useTLS...)
		for _, code := range []int{1000, 1001, 4999} {
			c := ho.connect()
			c.enter("k1.alice.600")
			c.ws.WriteMessage(8, closeFrame(code, "")[2:])
			c.end(code)
		}
		c := ho.connect()
		c.ws.WriteMessage(8, nil)
		c.end(1005)
		eventually(t, "all have left", func() bool { return ho.Connections("payments") == 0 })
	}
}

func TestTheHubSpeaksThroughTLS(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")), true)
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	var clients []*client
	for range 5 {
		c := ho.connect()
		c.enter("k1.alice.600")
		c.next("state")
		clients = append(clients, c)
	}
	ho.Apply(state(rev+1, "k1"))
	for _, c := range clients {
		c.next("state")
		c.send(`{"type":"ping"}`)
		c.next("pong")
		c.send(`{`)
		c.end(closeBadRequest)
	}
}

func TestAPeerThatDoesNotReadDelaysNobodyAndIsClosed(t *testing.T) {
	reg := prometheus.NewRegistry()
	config := payments(newVerifier("k1"))
	config.Registerer = reg
	ho := open(t, config)
	rev := nowRev()
	s := state(rev, "k1")
	for i := range 400 { // a long frame fills the peer's buffers soon
		s.Keys = append(s.Keys, rotation.Key{Name: fmt.Sprintf("key-%0100d", i), KID: "k", Stage: rotation.Pending})
	}
	ho.Apply(s)
	deaf := ho.connect(dialOption{deaf: true})
	deaf.auth("k1.mallory.600")
	hearing := ho.connect()
	hearing.enter("k1.alice.600")
	hearing.next("state")
	eventually(t, "both stand", func() bool { return ho.Census("payments").Keys["k1"] == 2 })
	for ho.Connections("payments") == 2 {
		s.Rev++
		ho.Apply(s)
		for seen := int64(0); seen < s.Rev; { // beacons of the one before may come between
			seen = num(t, hearing.next("state"), "rev")
		}
	}
	if row := ho.Census("payments"); row.Told != 1 || row.Keys["k1"] != 1 {
		t.Errorf("got %+v, want the deaf peer gone", row)
	}
	if n := gather(t, reg)["keyturn_hub_slow_total"]; n != 1 {
		t.Errorf("got %v connections ended as slow, want 1: the kernel gave up first", n)
	}
}

func TestALostConnectionLeavesTheCensus(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.enter("k1.alice.600")
	c.raw.Close()
	eventually(t, "it has left", func() bool { return ho.Connections("payments") == 0 })
}

func TestAHubRunsOnce(t *testing.T) {
	ho := open(t, payments(nil))
	ho.stop()
	if err := ho.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "make a new one") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}

func TestAStoppedHubTakesNobody(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.connect()
	c.enter("k1.alice.600")
	ho.stop()
	c.end(closeServiceRestart)
	_, _, resp, err := ho.try(dialOption{})
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, %v, want 503 with Retry-After", resp, err)
	}
}
