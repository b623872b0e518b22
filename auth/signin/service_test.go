package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

func TestLogoutEndsTheSessionForGood(t *testing.T) {
	covers.IDs(t, "SEC-07")
	s := newStand(t)
	r := s.replica(nil)
	in := r.login("alice")
	next := r.refresh(in.cookie).cookie
	got := r.call("POST", "/auth/logout", "", next)
	want(t, "logout", got, 204, "")
	if got.cookie == nil || got.cookie.MaxAge >= 0 || got.cookie.Value != "" {
		t.Errorf("cookie after logout: %v", got.cookie)
	}
	want(t, "refresh", r.refresh(next), 401, CodeSessionEnded)
	want(t, "refresh with the one before", r.refresh(in.cookie), 401, CodeSessionEnded)
	want(t, "logout again", r.call("POST", "/auth/logout", "", next), 204, "")
	want(t, "logout without a session", r.call("POST", "/auth/logout", "", nil), 204, "")
	want(t, "logout by GET", r.call("GET", "/auth/logout", "", next), 405, "")
	if n := r.counted("keyturn_sessions_ended_total", endedLogout); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

func TestALogoutOfAPageThatIsGoneEndsTheSession(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice").cookie
	r.call("POST", "/auth/logout", "", cookie, func(q *http.Request) {
		ctx, cancel := context.WithCancel(q.Context())
		cancel() // the browser has closed the tab
		*q = *q.WithContext(ctx)
	})
	want(t, "refresh", r.refresh(cookie), 401, CodeSessionEnded)
}

func TestALogoutBeatsTheRefreshesUnderWay(t *testing.T) {
	covers.IDs(t, "EDGE-02", "SEC-07")
	s := newStand(t)
	a, b := s.replica(nil), s.replica(nil)
	for range 10 {
		cookie := a.login("alice").cookie
		cred, err := parseCredential(cookie.Value)
		if err != nil {
			t.Fatal(err)
		}
		held, err := a.look(t.Context(), cred, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { b.refresh(cookie) })
		}
		wg.Go(func() { a.call("POST", "/auth/logout", "", cookie) })
		wg.Wait()
		if _, _, err := a.rotate(t.Context(), cred, held, told{}, time.Now()); !errors.Is(err, errEnded) {
			t.Fatalf("a refresh that began before the logout: got %v, want the session ended", err)
		}
		if _, _, err := a.bucket.read(t.Context(), cred.session()); !errors.Is(err, errNone) {
			t.Fatalf("after the logout: got %v, want no session", err)
		}
	}
}

func TestUserinfoTellsWhatTheTokenSays(t *testing.T) {
	covers.IDs(t, "OAU-17")
	s := newStand(t)
	r := s.replica(nil)
	token := r.login("alice", "user", "boss").grant(t).AccessToken
	for name, edit := range map[string]func(*http.Request){
		"header": bearer(token),
		"cookie": func(q *http.Request) { q.AddCookie(&http.Cookie{Name: TokenCookie, Value: token}) },
	} {
		got := r.call("GET", "/auth/userinfo", "", nil, edit)
		want(t, name, got, 200, "")
		var info map[string]any
		if err := json.Unmarshal([]byte(got.body), &info); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"sub", "email", "name", "roles", "affiliations", "aud", "exp"} {
			if _, ok := info[field]; !ok {
				t.Errorf("%s: no %s in %s", name, field, got.body)
			}
		}
		if info["sub"] != "alice" || info["aud"] != "api" || len(info["roles"].([]any)) != 2 || strings.Contains(got.body, "null") {
			t.Errorf("%s: got %s", name, got.body)
		}
		if exp, ok := info["exp"].(float64); !ok || exp != float64(int64(exp)) || int64(exp) <= time.Now().Unix() {
			t.Errorf("%s: exp %v, want whole seconds to come", name, info["exp"])
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be cached", name)
		}
	}
	none := r.call("GET", "/auth/userinfo", "", nil)
	want(t, "no token", none, 401, "token_missing")
	if none.header.Get("WWW-Authenticate") == "" {
		t.Error("no challenge")
	}
	want(t, "a bad token", r.call("GET", "/auth/userinfo", "", nil, bearer(token[:len(token)-43]+strings.Repeat("A", 43))), 401, "signature_invalid")
	want(t, "a session alone", r.call("GET", "/auth/userinfo", "", r.login("bob").cookie), 401, "token_missing")
}

func TestOnlyListedOriginsMayCall(t *testing.T) {
	covers.IDs(t, "SEC-06")
	s := newStand(t)
	r := s.replica(func(c *Config) { c.Origins = []string{"https://app.example.com", "http://localhost:5173"} })
	cookie := r.login("alice").cookie
	cross := func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }
	for _, c := range []struct {
		name   string
		edit   []func(*http.Request)
		status int
		shared bool
	}{
		{"no origin: not a browser", nil, 200, false},
		{"its own", []func(*http.Request){from("http://keyturn.test")}, 200, false},
		{"a listed one", []func(*http.Request){from("https://app.example.com"), cross}, 200, true},
		{"a listed one with a port", []func(*http.Request){from("http://localhost:5173")}, 200, true},
		{"another", []func(*http.Request){from("https://evil.example.com")}, 403, false},
		{"another scheme", []func(*http.Request){from("http://app.example.com")}, 403, false},
		{"another port", []func(*http.Request){from("https://app.example.com:444")}, 403, false},
		{"a suffix", []func(*http.Request){from("https://app.example.com.evil.com")}, 403, false},
		{"a sub-domain", []func(*http.Request){from("https://x.app.example.com")}, 403, false},
		{"null", []func(*http.Request){from("null")}, 403, false},
		{"cross-site without an origin", []func(*http.Request){cross}, 403, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/auth/refresh", "/auth/logout", "/auth/login"} {
				body, use, want := "", cookie, c.status
				switch path {
				case "/auth/login":
					body, use = "sub=alice", nil
				case "/auth/logout":
					use = nil
					if want == 200 {
						want = 204
					}
				}
				got := r.call("POST", path, body, use, append(c.edit, asForm)...)
				if got.status != want {
					t.Errorf("%s: got %d %s, want %d", path, got.status, got.body, want)
				}
				if want == 403 && got.code() != CodeOriginRefused {
					t.Errorf("%s: code %q, want %q", path, got.code(), CodeOriginRefused)
				}
				if shared := got.header.Get("Access-Control-Allow-Origin") != ""; shared != c.shared || shared != (got.header.Get("Access-Control-Allow-Credentials") == "true") {
					t.Errorf("%s: shared with the origin: %t, want %t", path, shared, c.shared)
				}
				if got.header.Get("Vary") != "Origin" {
					t.Errorf("%s: Vary %q, want Origin", path, got.header.Get("Vary"))
				}
			}
		})
	}
}

func TestPreflightsAreAnsweredForListedOriginsOnly(t *testing.T) {
	s := newStand(t)
	r := s.replica(func(c *Config) { c.Origins = []string{"https://app.example.com"} })
	for path, method := range map[string]string{"/auth/refresh": "POST", "/auth/logout": "POST", "/auth/login": "GET, POST", "/auth/callback": "GET", "/auth/userinfo": "GET"} {
		got := r.call("OPTIONS", path, "", nil, from("https://app.example.com"))
		if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || got.header.Get("Access-Control-Allow-Credentials") != "true" ||
			got.header.Get("Access-Control-Allow-Methods") != method || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s: got %d %v", path, got.status, got.header)
		}
		want(t, path, r.call("OPTIONS", path, "", nil, from("https://evil.example.com")), 403, CodeOriginRefused)
	}
}

func TestSignInByNameExistsInDevelopmentOnly(t *testing.T) {
	s := newStand(t)
	r := s.replica(func(c *Config) { c.DevLogin = false })
	if got := r.call("POST", "/auth/login", `{"sub":"alice"}`, nil, asJSON); got.status != 405 {
		t.Errorf("got %d, want 405", got.status)
	}
}

func TestSignInByNameReadsJSONAndForms(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	roles := func(got reply) []string {
		t.Helper()
		token, err := s.keyring.Verify(t.Context(), got.grant(t).AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return token.Roles()
	}
	for name, got := range map[string]reply{
		"json":         r.call("POST", "/auth/login", `{"sub":"alice","roles":["user","boss"]}`, nil, asJSON),
		"form":         r.call("POST", "/auth/login", "sub=alice&roles=user&roles=boss", nil, asForm),
		"form, spaces": r.call("POST", "/auth/login", "sub=alice&roles=user+boss", nil, asForm),
		"form, commas": r.call("POST", "/auth/login", "sub=alice&roles=user,%20boss", nil, asForm),
	} {
		if have := roles(got); len(have) != 2 || have[0] != "user" || have[1] != "boss" {
			t.Errorf("%s: roles %v, want user and boss", name, have)
		}
	}
	many := strings.Repeat(`"r",`, maxRoles) + `"r"`
	for name, c := range map[string]struct {
		body string
		as   func(*http.Request)
	}{
		"no sub":             {`{"roles":["user"]}`, asJSON},
		"empty sub":          {`{"sub":""}`, asJSON},
		"long sub":           {`{"sub":"` + strings.Repeat("a", maxSubject+1) + `"}`, asJSON},
		"control characters": {`{"sub":"a\u0000"}`, asJSON},
		"a line break":       {`{"sub":"a\nb"}`, asJSON},
		"not UTF-8":          {"sub=%ff", asForm},
		"unknown member":     {`{"sub":"alice","admin":true}`, asJSON},
		"sub is a number":    {`{"sub":7}`, asJSON},
		"roles is a string":  {`{"sub":"alice","roles":"user"}`, asJSON},
		"empty role":         {`{"sub":"alice","roles":[""]}`, asJSON},
		"many roles":         {`{"sub":"alice","roles":[` + many + `]}`, asJSON},
		"a long role":        {`{"sub":"alice","roles":["` + strings.Repeat("a", maxRole+1) + `"]}`, asJSON},
		"two objects":        {`{"sub":"alice"}{}`, asJSON},
		"not JSON":           {`sub=alice`, asJSON},
		"huge":               {`{"sub":"` + strings.Repeat("a", maxLogin) + `"}`, asJSON},
		"huge form":          {"sub=" + strings.Repeat("a", maxLogin), asForm},
		"no type":            {`{"sub":"alice"}`, func(*http.Request) {}},
		"plain text":         {`{"sub":"alice"}`, func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }},
	} {
		got := r.call("POST", "/auth/login", c.body, nil, c.as)
		want(t, name, got, 400, CodeBadRequest)
		if got.cookie != nil {
			t.Errorf("%s: a session was made", name)
		}
	}
}

func TestSigningInAgainEndsTheSessionBefore(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	old := r.login("alice").cookie
	got := r.call("POST", "/auth/login", `{"sub":"bob","roles":[]}`, old, asJSON)
	want(t, "login", got, 200, "")
	want(t, "the session before", r.refresh(old), 401, CodeSessionEnded)
	want(t, "the new one", r.refresh(got.cookie), 200, "")
}
