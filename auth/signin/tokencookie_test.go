package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/covers"
)

// inCookies starts a replica that keeps tokens from scripts.
func (s *stand) inCookies() *replica {
	return s.replica(func(c *Config) { c.TokenCookie = true })
}

// given returns the token cookie that an answer sets; nil: none.
func given(t *testing.T, r reply) *http.Cookie {
	t.Helper()
	for _, line := range r.header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name == TokenCookie {
			return c
		}
	}
	return nil
}

func with(cookies ...string) func(*http.Request) {
	return func(q *http.Request) {
		for _, c := range cookies {
			q.AddCookie(&http.Cookie{Name: TokenCookie, Value: c})
		}
	}
}

func TestAnAnswerTellsWhatTheTokenInTheCookieSays(t *testing.T) {
	covers.IDs(t, "SEC-01", "API-12")
	r := newStand(t).inCookies()
	login := r.login("alice", "analyst")
	for what, got := range map[string]reply{"login": login, "refresh": r.refresh(login.cookie)} {
		c := given(t, got)
		if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
			t.Fatalf("%s: got cookie %v", what, c)
		}
		header, payload, _ := strings.Cut(c.Value, ".")
		payload, signature, _ := strings.Cut(payload, ".")
		for _, part := range []string{header, payload, signature} {
			if strings.Contains(got.body, part) {
				t.Errorf("%s: a part of the token is in the body: %s", what, got.body)
			}
		}
		raw, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		g := got.grant(t)
		var says, told map[string]any
		if json.Unmarshal(raw, &says) != nil || json.Unmarshal(g.Claims, &told) != nil {
			t.Fatalf("%s: got claims %s", what, g.Claims)
		}
		if g.Length != len(c.Value) || g.KID != "one" || g.Key != "v1" || string(g.Claims) != string(raw) || told["sub"] != "alice" || says["jti"] != told["jti"] {
			t.Errorf("%s: got %s, want what %s says", what, got.body, raw)
		}
	}
	if g := newStand(t).replica(nil).login("alice").grant(t); g.Claims != nil || g.Length != 0 || g.AccessToken == "" {
		t.Errorf("without the cookie: got %+v, want the token alone", g)
	}
}

func TestATokenThatNoCookieHoldsIsRefusedByName(t *testing.T) {
	r := newStand(t).inCookies()
	most := maxCookie - len(TokenCookie)
	role := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ roles, status int }{{32, http.StatusOK}, {64, http.StatusUnprocessableEntity}} {
		var roles []any
		for range c.roles {
			roles = append(roles, role(80))
		}
		cookie := r.login("alice").cookie
		r.age(cookie, func(rec *record) { rec.Claims = map[string]any{"roles": roles} })
		got := r.refresh(cookie)
		token := given(t, got)
		if c.status == http.StatusOK {
			if got.status != 200 || len(token.Value) > most {
				t.Errorf("%d roles: got %d and %d bytes", c.roles, got.status, len(token.Value))
			}
			continue
		}
		want(t, "too long", got, c.status, CodeTokenTooLong)
		if token == nil || token.MaxAge >= 0 {
			t.Errorf("got cookie %v, want the old one forgotten", token)
		}
		if got.cookie == nil {
			t.Error("the session's next credential is lost with the token")
		}
		if r.logs.FilterMessage("token_too_long").Len() != 1 {
			t.Error("the log does not say it")
		}
	}
}

// What is in the cookie may have been planted. The session alone authorises, and the answer replaces what it can.
func TestABadTokenCookieKeepsNobodyFromTheRefresh(t *testing.T) {
	r := newStand(t).inCookies()
	cookie := r.login("alice").cookie
	good := given(t, r.refresh(cookie)).Value
	for name, values := range map[string][]string{
		"good": {good}, "rubbish": {"rubbish"}, "empty": {""}, "no claims": {fakeToken(`{}`)}, "two": {good, good}, "planted": {"rubbish", good},
	} {
		cookie := r.login("alice").cookie
		got := r.refresh(cookie, with(values...))
		want(t, name, got, 200, "")
		if c := given(t, got); c == nil || c.Value == "" {
			t.Errorf("%s: got no token", name)
		}
	}
	want(t, "a bad header", r.refresh(r.login("alice").cookie, bearer("rubbish"), with(good)), 400, CodeBadRequest)
	want(t, "userinfo with one", r.call("GET", "/auth/userinfo", "", nil, with(good)), 200, "")
	want(t, "userinfo with two", r.call("GET", "/auth/userinfo", "", nil, with(good, good)), 401, auth.CodeTokenMalformed)
}

func TestTheTokenCookieGoesWithTheSession(t *testing.T) {
	covers.IDs(t, "SEC-07")
	s := newStand(t)
	r := s.inCookies()
	cookie := r.login("alice").cookie
	forgotten := func(what string, got reply, status int, code string) {
		t.Helper()
		want(t, what, got, status, code)
		if c := given(t, got); c == nil || c.MaxAge >= 0 || c.Value != "" {
			t.Errorf("%s: got cookie %v, want it forgotten", what, c)
		}
	}
	forgotten("no session", r.refresh(nil), 401, CodeSessionMissing)
	forgotten("logout", r.call("POST", "/auth/logout", "", cookie), 204, "")
	forgotten("a session that is over", r.refresh(cookie), 401, CodeSessionEnded)
	forgotten("logout without a session", r.call("POST", "/auth/logout", "", nil), 204, "")
}
