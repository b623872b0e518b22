package signin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

func TestPagesOfNoAllowedOriginAreNotComeBackTo(t *testing.T) {
	covers.IDs(t, "SEC-02")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	for _, address := range []string{
		"javascript:alert(1)", "data:text/html,x", "//evil.example", "https://evil.example/", "https://app.example.com.evil.example/",
		"https://app.example.com@evil.example/", "https://user:pw@app.example.com/", "https://app.example.com:444/", "http://app.example.com/",
		"https://APP.example.com/", "https://app.example.com\\@evil.example/", `https:\\app.example.com/`, "https:/app.example.com/", " https://app.example.com/",
		"https://app.example.com/\r\nSet-Cookie: a=b", "https://app.example.com/\x00", "https://app.example.com/#frag", "https://app.example.com/ x", "https://app.example.comx/",
		"https://app.example.com/\"><script>", "/callback", "", "https://app.example.com/" + strings.Repeat("a", 2048), "https://app.example.com/ü",
		here + "/auth/callback", here + "/AUTH/login", here + "/%61uth/login", here + "//auth/callback?code=c", here + "/x/../auth/login", here + "/auth/callback/corp", here + "/auth", "http://127.0.0.1:8081/", "null", "https://xn--app-example.com/", "http://localhost:51730/",
	} {
		for path, method := range map[string]string{"/auth/login?redirect_uri=": "GET", "/auth/logout?post_logout_redirect_uri=": "POST"} {
			if address == "" && method == "POST" {
				continue // nothing is asked for
			}
			got := b.do(method, path+url.QueryEscape(address))
			want(t, method+" "+address, got, 400, CodeReturnRefused)
			if got.header.Get("Location") != "" || len(b.jar) > 0 {
				t.Errorf("%q: goes to %q with %v", address, got.header.Get("Location"), b.jar)
			}
		}
	}
	if p.called("/authorize") != 0 || len(p.asked) != 0 {
		t.Error("the provider was asked")
	}
	for _, address := range []string{"https://app.example.com", "https://app.example.com/?a=1&a=2", "https://app.example.com?x", here + "/", here + "/ui/callback?to=%2F%2Fevil.example", "http://localhost:5173/a/../b"} {
		if got := b.do("GET", "/auth/login?redirect_uri="+url.QueryEscape(address), navigates); got.status != 302 {
			t.Errorf("%s: got %d %s", address, got.status, got.body)
		}
	}
}

func TestAStateIsGoodOnceInTheBrowserThatBeganIt(t *testing.T) {
	covers.IDs(t, "OAU-05")
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	b := newBrowser(t, r)
	back := b.visit(b.begin(returning(page)))
	with := func(change func(url.Values)) string {
		u := mustParse(t, back)
		q := u.Query()
		change(q)
		return "/auth/callback?" + q.Encode()
	}
	fails := func(name string, got reply, code, text string) {
		t.Helper()
		want(t, name, got, 400, code)
		if !strings.Contains(got.body, text) {
			t.Errorf("%s: %s, want %q", name, got.body, text)
		}
	}
	fails("no state", b.do("GET", with(func(q url.Values) { q.Del("state") }), fetches), CodeStateMissing, "Missing state parameter")
	for _, bad := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 42) + "_", strings.Repeat("A", 5000), "' or 1=1", newState().text()} {
		fails("state "+bad, b.do("GET", with(func(q url.Values) { q.Set("state", bad) }), fetches), CodeStateInvalid, "Invalid or expired state")
	}
	fails("two states", b.do("GET", with(func(q url.Values) { q.Add("state", "x") }), fetches), CodeBadRequest, "twice")
	victim := newBrowser(t, r)
	fails("another browser", victim.do("GET", back, fetches), CodeBrowserMismatch, "another browser")
	victim.jar[insecureCookieName+"-login-"+first(t, back).hash()[:8]] = "tossed"
	fails("another browser with a cookie of that name", victim.do("GET", back, fetches), CodeBrowserMismatch, "another browser")
	if shown := victim.do("GET", back, navigates); shown.status != 400 || shown.header.Get("Location") != "" || !strings.Contains(shown.header.Get("Content-Type"), "text/html") {
		t.Errorf("a person sees %d %v", shown.status, shown.header)
	}
	jar := map[string]string{}
	for k, v := range b.jar {
		jar[k] = v
	}
	if got := b.do("GET", back, navigates); got.header.Get("Location") != page {
		t.Fatalf("its own browser: %d %q", got.status, got.header.Get("Location"))
	}
	fails("again", b.do("GET", back, fetches), CodeStateInvalid, "Invalid or expired state")
	session := b.jar[insecureCookieName]
	b.jar = jar // as if the cookie were still there
	fails("again with the cookie of before", b.do("GET", back, fetches), CodeStateInvalid, "Invalid or expired state")
	b.jar[insecureCookieName] = session
	if b.refresh().status != 200 {
		t.Error("a replayed callback has ended the session")
	}
}

func TestOneOfManyCallbacksAtOnceGetsTheSignIn(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	for range 20 {
		of := newState()
		if err := r.keepAttempt(t.Context(), of, attempt{Provider: "corp", Begun: time.Now()}); err != nil {
			t.Fatal(err)
		}
		var got atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch _, err := r.takeAttempt(t.Context(), of, time.Now()); {
				case err == nil:
					got.Add(1)
				case !errors.Is(err, errNone):
					t.Errorf("got %v, want no such sign-in", err)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Fatalf("%d got it, want one", got.Load())
		}
	}
}

func TestUserinfoOfAnotherPersonIsRefused(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	p.inToken = false
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	p.set(func() { p.meAs = "bob" })
	if got := b.signIn(returning(page)); got.header.Get("Location") != page+"?error="+CodeIDTokenInvalid {
		t.Errorf("got %d %q", got.status, got.header.Get("Location"))
	}
	if len(b.jar) != 0 {
		t.Errorf("cookies %v", b.jar)
	}
}

func first(t *testing.T, address string) state {
	t.Helper()
	of, ok := parseState(mustParse(t, address).Query().Get("state"))
	if !ok {
		t.Fatalf("%s has no state", address)
	}
	return of
}

func TestASignInThatTakesTenMinutesIsOver(t *testing.T) {
	covers.IDs(t, "OAU-05", "OAU-12")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	b.begin(returning(page)) // and never comes back
	back := b.visit(b.begin(returning(page)))
	a, err := b.r.takeAttempt(t.Context(), first(t, back), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	of := newState()
	a.Begun = a.Begun.Add(-attemptLife - time.Second)
	if err := b.r.keepAttempt(t.Context(), of, a); err != nil {
		t.Fatal(err)
	}
	b.jar[insecureCookieName+"-login-"+of.hash()[:8]] = of.derive(b.r.bucket.serverKey(), forBrowser)
	want(t, "late", b.do("GET", "/auth/callback?code=c&state="+of.text(), fetches), 400, CodeStateInvalid)
	if _, err := b.r.takeAttempt(t.Context(), of, time.Now()); !errors.Is(err, errNone) {
		t.Errorf("it is still there: %v", err)
	}
	if got := b.signIn(returning(page)); got.header.Get("Location") != page {
		t.Errorf("the next sign-in: %d %q", got.status, got.header.Get("Location"))
	}
}

func TestAnswersThatDoNotHoldAreRefusedByName(t *testing.T) {
	covers.IDs(t, "OAU-04", "OAU-09")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp"), {Name: "other", Issuer: "https://other.example.com", ClientID: "x"}}, nil))
	b.signIn(returning(page))
	for _, c := range []struct {
		name   string
		change func(url.Values)
		forge  func(map[string]any)
		answer func(map[string]any)
		code   string
		status int
	}{
		{name: "another provider's iss", change: func(q url.Values) { q.Set("iss", "https://other.example.com") }, code: CodeIssuerMismatch, status: 400},
		{name: "no iss", change: func(q url.Values) { q.Del("iss") }, code: CodeIssuerMismatch, status: 400},
		{name: "an error of another provider", change: func(q url.Values) { q.Set("iss", "https://other.example.com"); q.Set("error", "login_required") }, code: CodeIssuerMismatch, status: 400},
		{name: "nobody signed in", change: func(q url.Values) { q.Set("error", "login_required") }, code: "login_required", status: 400},
		{name: "nobody may be asked", change: func(q url.Values) { q.Set("error", "interaction_required") }, code: "interaction_required", status: 400},
		{name: "declined", change: func(q url.Values) { q.Set("error", "access_denied") }, code: "access_denied", status: 400},
		{name: "an error with markup", change: func(q url.Values) { q.Set("error", "<script>alert(1)</script>"); q.Set("error_description", "<b>") }, code: "provider_error", status: 400},
		{name: "an endless error", change: func(q url.Values) { q.Set("error", strings.Repeat("a", 500)) }, code: "provider_error", status: 400},
		{name: "no code", change: func(q url.Values) { q.Del("code") }, code: CodeCodeMissing, status: 400},
		{name: "another code", change: func(q url.Values) { q.Set("code", "stolen") }, code: CodeCodeRefused, status: 400},
		{name: "an endless code", change: func(q url.Values) { q.Set("code", strings.Repeat("c", 5000)) }, code: CodeCodeRefused, status: 400},
		{name: "another nonce", forge: func(c map[string]any) { c["nonce"] = "x" }, code: CodeIDTokenInvalid, status: 502},
		{name: "no nonce", forge: func(c map[string]any) { delete(c, "nonce") }, code: CodeIDTokenInvalid, status: 502},
		{name: "another client", forge: func(c map[string]any) { c["aud"] = "somebody" }, code: CodeIDTokenInvalid, status: 502},
		{name: "made for another of several clients", forge: func(c map[string]any) { c["aud"] = []string{"keyturn-test", "x"}; c["azp"] = "x" }, code: CodeIDTokenInvalid, status: 502},
		{name: "several clients and none named", forge: func(c map[string]any) { c["aud"] = []string{"keyturn-test", "x"} }, code: CodeIDTokenInvalid, status: 502},
		{name: "another issuer", forge: func(c map[string]any) { c["iss"] = "https://other.example.com" }, code: CodeIDTokenInvalid, status: 502},
		{name: "expired", forge: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, code: CodeIDTokenInvalid, status: 502},
		{name: "nobody", forge: func(c map[string]any) { c["sub"] = "" }, code: CodeIDTokenInvalid, status: 502},
		{name: "an endless name", forge: func(c map[string]any) { c["sub"] = strings.Repeat("a", 300) }, code: CodeIDTokenInvalid, status: 502},
		{name: "a name with a line break", forge: func(c map[string]any) { c["sub"] = "a\nb" }, code: CodeIDTokenInvalid, status: 502},
		{name: "another access token", forge: func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, code: CodeIDTokenInvalid, status: 502},
		{name: "no ID token", answer: func(a map[string]any) { delete(a, "id_token") }, code: CodeIDTokenInvalid, status: 502},
		{name: "an unsigned one", answer: func(a map[string]any) { a["id_token"] = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ." }, code: CodeIDTokenInvalid, status: 502},
		{name: "too large", answer: func(a map[string]any) { a["x"] = strings.Repeat("x", 2<<20) }, code: CodeProviderUnavailable, status: 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.set(func() { p.forge, p.answer = c.forge, c.answer })
			defer p.set(func() { p.forge, p.answer = nil, nil })
			for _, script := range []bool{true, false} {
				q := mustParse(t, b.visit(b.begin(returning(page+"?refresh=true")))).Query()
				if c.change != nil {
					c.change(q)
				}
				address := "/auth/callback?" + q.Encode()
				if script {
					want(t, "to a script", b.do("GET", address, fetches), c.status, c.code)
					continue
				}
				got := b.do("GET", address, navigates)
				if got.status != 303 || got.header.Get("Location") != page+"?error="+c.code+"&refresh=true" {
					t.Errorf("to a person: got %d %q", got.status, got.header.Get("Location"))
				}
			}
			if got := b.refresh(); got.status == 401 {
				t.Error("it has ended the session")
			}
		})
	}
}

func TestSignInsThatOtherSitesBeginAreRefused(t *testing.T) {
	covers.IDs(t, "SEC-06")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	b.signIn(returning(page))
	session := b.jar[insecureCookieName]
	site := func(where string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", where) }
	}
	silent := "/auth/login?" + returning(page, "prompt", "none", "mode", "frame").Encode()
	for name, got := range map[string]reply{
		"a link":           b.do("GET", "/auth/login?"+returning(page).Encode(), navigates, site("cross-site")),
		"a frame":          b.do("GET", silent, frames, site("cross-site")),
		"a frame as asked": b.do("GET", "/auth/login?"+returning(page).Encode(), frames, site("same-site")),
	} {
		if got.status != 403 || got.header.Get("Location") != "" {
			t.Errorf("%s: got %d %v", name, got.status, got.header)
		}
		if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "frame-ancestors *") || !strings.Contains(policy, "frame-ancestors ") {
			t.Errorf("%s: policy %q", name, policy)
		}
	}
	for _, dest := range []string{"iframe", "frame", "object", "embed", "fencedframe"} {
		within := func(q *http.Request) { q.Header.Set("Sec-Fetch-Dest", dest) }
		if got := b.do("GET", "/auth/login?"+returning(page).Encode(), frames, within, site("same-site")); got.status != 403 || got.header.Get("Location") != "" {
			t.Errorf("in a page as %s: got %d %v", dest, got.status, got.header)
		}
	}
	// A neighbour of the same site, whose requests carry even strict cookies.
	for _, mode := range []string{"no-cors", "cors", "websocket"} {
		near := func(q *http.Request) {
			q.Header.Set("Sec-Fetch-Site", "same-site")
			q.Header.Set("Sec-Fetch-Mode", mode)
			q.Header.Set("Sec-Fetch-Dest", "image")
		}
		back := b.visit(b.begin(returning(page)))
		for _, address := range []string{"/auth/login?" + returning(page).Encode(), back} {
			if got := b.do("GET", address, near); got.status != 403 || got.code() != CodeOriginRefused || got.header.Get("Location") != "" {
				t.Errorf("%s of a neighbour: %d %s", mode, got.status, got.body)
			}
		}
	}
	want(t, "a callback from a script of elsewhere", b.do("GET", "/auth/callback?code=c&state="+newState().text(), from("https://evil.example")), 403, CodeOriginRefused)
	if b.jar[insecureCookieName] != session || b.refresh().status != 200 {
		t.Error("the session is not what it was")
	}
	for _, q := range []url.Values{returning(page, "mode", "frame"), returning(page, "mode", "popup"), returning(page, "prompt", "consent<"), {"mode": {"frame"}, "prompt": {"none"}}, returning(page, "aud", "a\nb"), returning(page, "aud", strings.Repeat("a", 300))} {
		want(t, q.Encode(), b.do("GET", "/auth/login?"+q.Encode(), fetches), 400, CodeBadRequest)
	}
	want(t, "too much", b.do("GET", "/auth/login?x="+strings.Repeat("a", maxQuery)), 400, CodeBadRequest)
}

// Ten minutes are soon over, and then nothing is known of the page that somebody came from.
func TestAPersonWhoseSignInIsOverFindsTheWayBack(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	for want, origins := range map[string][]string{
		`<a href="https://app.example.com/">`:  {"https://app.example.com"},
		`<a href="` + here + `/">`:             {"https://app.example.com", here},
		"Go back to the app and sign in there": {"https://app.example.com", "https://other.example.com"},
	} {
		b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, func(c *Config) { c.Origins = origins }))
		got := b.do("GET", "/auth/callback?code=c&state="+newState().text(), navigates)
		if got.status != 400 || !strings.Contains(got.body, "Invalid or expired state") || !strings.Contains(got.body, want) || strings.Count(got.body, "href") > 1 {
			t.Errorf("got %d %s, want %s", got.status, got.body, want)
		}
	}
}

func TestASignInGivesACredentialOfItsOwn(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	b, thief := newBrowser(t, r), newBrowser(t, r)
	thief.signIn(returning(page))
	planted := thief.jar[insecureCookieName]
	b.jar[insecureCookieName] = planted // fixation
	b.signIn(returning(page))
	if b.jar[insecureCookieName] == planted {
		t.Fatal("the planted credential was taken over")
	}
	want(t, "the planter", thief.refresh(), 401, CodeSessionEnded)
	if b.refresh().status != 200 {
		t.Error("the owner is out too")
	}
}

// The provider's redirect is another site's, so a strict cookie stays at home.
func TestTheSessionBeforeEndsThoughItsCookieDidNotComeAlong(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	b := newBrowser(t, r)
	b.signIn(returning(page))
	old := &browser{t: t, r: r, jar: map[string]string{insecureCookieName: b.jar[insecureCookieName]}}
	back := b.visit(b.begin(returning(page)))
	delete(b.jar, insecureCookieName)
	b.do("GET", back, navigates)
	want(t, "the one before", old.refresh(), 401, CodeSessionEnded)
	if b.refresh().status != 200 {
		t.Error("the new one does not work")
	}
	if n := r.counted("keyturn_sessions_ended_total", endedReplaced); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

func TestASilentSignInDoesNotChangeTheAccount(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	b.signIn(returning(page))
	p.set(func() { p.user = "bob" })
	got := b.do("GET", b.visit(b.begin(returning(page, "prompt", "none", "mode", "frame"), frames)), frames)
	if !strings.Contains(got.body, `data-error="account_changed"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	token, err := s.keyring.Verify(t.Context(), b.refresh().grant(t).AccessToken)
	if err != nil || token.Subject != "corp|ann" {
		t.Errorf("the session is %v's (%v)", token, err)
	}
}

func TestSignInsThatWereLeftDoNotFillTheBrowser(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	for range 3 * maxBinders {
		b.begin(returning(page))
		if len(b.jar) > maxBinders {
			t.Fatalf("%d cookies", len(b.jar))
		}
	}
	if got := b.signIn(returning(page)); got.header.Get("Location") != page {
		t.Errorf("got %d %q", got.status, got.header.Get("Location"))
	}
}

func TestMoreSignInsThanArePlannedForWait(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, func(c *Config) { c.PerSecond = 0.1 }))
	busy := 0
	for range 20 {
		got := b.do("GET", "/auth/login?"+returning(page).Encode())
		if got.status == 429 {
			busy++
			want(t, "busy", got, 429, CodeSigninBusy)
			if got.header.Get("Retry-After") == "" {
				t.Error("it does not say when to come back")
			}
		}
	}
	if busy == 0 {
		t.Error("each was let in")
	}
}
