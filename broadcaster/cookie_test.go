package broadcaster

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/covers"
)

// inCookie is payments whose browsers hold their token in the cookie auth_token.
func inCookie(v Verifier) Config {
	c := payments(v)
	c.Rings[0].Cookie = "auth_token"
	return c
}

// bearing connects as a page of an origin with these cookie headers.
func bearing(origin string, cookies ...string) dialOption {
	o := dialOption{header: http.Header{"Origin": {origin}}}
	for _, c := range cookies {
		o.header.Add("Cookie", c)
	}
	return o
}

const authByCookie = `{"type":"auth"}`

func TestTheTokenOfTheHandshakesCookieIsWelcomedOnce(t *testing.T) {
	covers.IDs(t, "OAU-16", "SEC-01")
	ho := open(t, inCookie(newVerifier("k1")))
	ho.Apply(state(nowRev(), "k1"))
	c := ho.connect(bearing(testOrigin, "a=b; auth_token=k1.alice.600; z=k1.mallory.600"))
	c.silent()
	c.send(authByCookie)
	if w := c.next("welcome"); w["key"] != "k1" || w["stale"] != false {
		t.Errorf("got %v", w)
	}
	c.next("state")
	ho.ClaimsChanged("payments", "alice")
	c.next("claims")
	c.send(authByCookie)
	if e := c.next("error"); e["code"] != auth.CodeTokenMissing {
		t.Errorf("got %v, want token_missing: the cookie has been used", e)
	}
	c.end(closeUnauthorized)
}

func TestWhatComesWithAHandshakeIsRefusedByName(t *testing.T) {
	const bearer = "auth_token=k1.alice.600"
	two := inCookie(newVerifier("k1"))
	two.Rings = append(two.Rings, Ring{Name: "reports", Verify: newVerifier("r1")})
	for name, c := range map[string]struct {
		query   string
		cookies []string
		frame   string
		code    string // of the error frame; empty: none
		close   int    // 0: welcome
	}{
		"good":                           {"?ring=payments", []string{bearer}, authByCookie, "", 0},
		"a token in the frame":           {"?ring=payments", nil, `{"type":"auth","token":"k1.alice.600"}`, "", 0},
		"a token in the frame counts":    {"?ring=payments", []string{"auth_token=rubbish"}, `{"type":"auth","token":"k1.alice.600"}`, "", 0},
		"none":                           {"?ring=payments", nil, authByCookie, auth.CodeTokenMissing, closeUnauthorized},
		"an empty one":                   {"?ring=payments", []string{"auth_token="}, authByCookie, auth.CodeTokenMissing, closeUnauthorized},
		"another cookie":                 {"?ring=payments", []string{"token=k1.alice.600"}, authByCookie, auth.CodeTokenMissing, closeUnauthorized},
		"a name in other letters":        {"?ring=payments", []string{"Auth_Token=k1.alice.600"}, authByCookie, auth.CodeTokenMissing, closeUnauthorized},
		"no token":                       {"?ring=payments", []string{"auth_token=rubbish"}, authByCookie, auth.CodeTokenMalformed, closeUnauthorized},
		"a planted one":                  {"?ring=payments", []string{"auth_token=k1.mallory.600; " + bearer}, authByCookie, auth.CodeTokenMalformed, closeUnauthorized},
		"a planted one in another line":  {"?ring=payments", []string{bearer, "auth_token=k1.mallory.600"}, authByCookie, auth.CodeTokenMalformed, closeUnauthorized},
		"the same twice":                 {"?ring=payments", []string{bearer + "; " + bearer}, authByCookie, auth.CodeTokenMalformed, closeUnauthorized},
		"longer than a frame":            {"?ring=payments", []string{"auth_token=k1." + strings.Repeat("a", maxMessage) + ".600"}, authByCookie, auth.CodeTokenMalformed, closeUnauthorized},
		"as long as a frame":             {"?ring=payments", []string{"auth_token=k1." + strings.Repeat("a", maxMessage-7) + ".600"}, authByCookie, "", 0},
		"expired":                        {"?ring=payments", []string{"auth_token=k1.alice.-3600"}, authByCookie, auth.CodeTokenExpired, closeUnauthorized},
		"for a ring that takes none":     {"?ring=reports", []string{"auth_token=r1.alice.600"}, authByCookie, "", closeBadRequest},
		"null is no way to mean cookies": {"?ring=payments", []string{bearer}, `{"type":"auth","token":null}`, "", closeBadRequest},
		"an empty token is a token":      {"?ring=payments", []string{bearer}, `{"type":"auth","token":""}`, auth.CodeTokenMalformed, closeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			ho := open(t, two)
			o := bearing(testOrigin, c.cookies...)
			o.query = c.query
			conn := ho.connect(o)
			conn.send(c.frame)
			if c.close == 0 {
				conn.next("welcome")
				return
			}
			if c.code != "" {
				if e := conn.next("error"); e["code"] != c.code {
					t.Errorf("got %v, want %s", e, c.code)
				}
			}
			conn.end(c.close)
		})
	}
}

func TestACookieOfAnotherRingsKeyIsLookedForAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, inCookie(newVerifier("k1")))
		c := ho.connect(bearing(testOrigin, "auth_token=r1.alice.600"))
		c.send(authByCookie)
		if e := c.next("error"); e["code"] != auth.CodeKIDUnknown {
			t.Errorf("got %v", e)
		}
		c.end(closeUnauthorized)
	})
}

func TestACookieOpensNothingForPagesOfOtherOrigins(t *testing.T) {
	covers.IDs(t, "SEC-06")
	ho := open(t, inCookie(newVerifier("k1")))
	for _, origin := range []string{"https://evil.example.com", testOrigin + ".evil.example", "http://app.example.com", "null", ""} {
		_, _, resp, err := ho.try(bearing(origin, "auth_token=k1.alice.600"))
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: got %v, %v, want 403", origin, resp, err)
		}
	}
}

// The list of origins is what guards the cookie. Without an Origin there is
// nothing to compare: a program, or a proxy that drops the header.
func TestACookieWithoutAnOriginIsNotLookedAt(t *testing.T) {
	ho := open(t, inCookie(newVerifier("k1")))
	c := ho.connect(dialOption{header: http.Header{"Cookie": {"auth_token=k1.alice.600"}}})
	c.send(authByCookie)
	if e := c.next("error"); e["code"] != auth.CodeTokenMissing {
		t.Errorf("got %v, want token_missing", e)
	}
	c.end(closeUnauthorized)
	program := ho.connect(dialOption{header: http.Header{"Cookie": {"auth_token=k1.alice.600"}}})
	program.enter("k1.alice.600")
}

func TestAConnectionWithTheRefreshedCookieTakesTheOldOnesPlace(t *testing.T) {
	v := newVerifier("k1", "k2")
	ho := open(t, inCookie(v))
	ho.Apply(state(nowRev(), "k2", "k1:retiring"))
	before := ho.connect(bearing(testOrigin, "auth_token=k1.alice.600"))
	before.send(authByCookie)
	before.next("welcome")
	if row := ho.Census("payments"); row.Keys["k1"] != 1 || row.Keys["k2"] != 0 {
		t.Errorf("got %v before", row)
	}
	after := ho.connect(bearing(testOrigin, "auth_token=k2.alice.600"))
	after.send(authByCookie)
	after.next("welcome")
	after.next("state")
	before.ws.Close()
	eventually(t, "the old connection is gone", func() bool { return ho.Census("payments").Keys["k1"] == 0 })
	if row := ho.Census("payments"); row.Keys["k2"] != 1 || row.Told != 1 || row.Waiting != 0 {
		t.Errorf("got %v, want it counted as moved", row)
	}
}

// A token is kept from the handshake to the first auth frame, and no longer;
// the pointer to it fits what an idle connection takes in any case.
func TestAnIdleConnectionHoldsNoCookie(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 176 {
		t.Errorf("a session takes %d bytes, want at most 176, which is what the allocator gives for 161 to 176", size)
	}
	held := func(ho *house) (n int) {
		ho.rings["payments"].visit(func(s *session) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.handed != nil {
				n++
			}
		})
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, inCookie(newVerifier("k1")))
		byCookie, byFrame, silent := ho.connect(bearing(testOrigin, "auth_token=k1.alice.600")), ho.connect(bearing(testOrigin, "auth_token=k1.alice.600")), ho.connect(bearing(testOrigin, "auth_token=k1.alice.600"))
		synctest.Wait()
		if got := held(ho); got != 3 {
			t.Errorf("got %d cookies before anybody has presented theirs, want 3", got)
		}
		byCookie.send(authByCookie)
		byCookie.next("welcome")
		byFrame.enter("k1.alice.600")
		if got := held(ho); got != 1 {
			t.Errorf("got %d cookies, want that of the silent one", got)
		}
		synctest.Wait()
		silent.end(closeAuthTimeout)
		silent.raw.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for held(ho) != 0 {
			select {
			case <-ctx.Done():
				t.Fatal("a cookie outlives its connection")
			case <-time.After(time.Second):
			}
		}
	})
}

// A ring that anybody may follow asks nobody who they are, and reads no cookie.
func TestAPublicRingLooksAtNoCookie(t *testing.T) {
	c := inCookie(nil)
	ho := open(t, c)
	ho.Apply(state(nowRev(), "k1"))
	conn := ho.connect(bearing(testOrigin, "auth_token=x; auth_token=y"))
	conn.next("state")
	conn.send(authByCookie)
	conn.send(`{"type":"ping"}`)
	conn.next("pong")
}
