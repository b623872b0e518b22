package signin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// hintOf is a token that says whatever a test wants, signed by nobody.
func hintOf(t *testing.T, claims map[string]any) string {
	t.Helper()
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(b) + ".c2ln"
}

func TestTheProviderIsTheOneNamedThenTheSessionsThenTheTokensThenTheFirst(t *testing.T) {
	covers.IDs(t, "OAU-13", "OAU-14")
	s, p, q := newStand(t), newIDP(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp"), q.settings("google")}, nil)
	asked := func(b *browser, ask url.Values) (*idp, url.Values) {
		t.Helper()
		u := mustParse(t, b.begin(ask))
		for _, provider := range []*idp{p, q} {
			if strings.HasPrefix(provider.server.URL, "http://"+u.Host) {
				return provider, u.Query()
			}
		}
		t.Fatalf("sent to %s", u)
		return nil, nil
	}
	fresh := newBrowser(t, r)
	if to, query := asked(fresh, returning(page)); to != p || query.Has("audience") {
		t.Errorf("nothing known: %v, want the first and no audience", query)
	}
	if to, _ := asked(fresh, returning(page, "provider", "google")); to != q {
		t.Error("named: want that one")
	}
	for sub, wants := range map[string]*idp{"google|1": q, "google:1": q, "1": p, "github|1": p, "urn:google:1": p, "|google": p} {
		b := newBrowser(t, r)
		b.jar[TokenCookie] = hintOf(t, map[string]any{"sub": sub, "aud": []string{"reports", "x"}})
		to, query := asked(b, returning(page))
		if to != wants || query.Get("audience") != "reports" {
			t.Errorf("token of %q: audience %q, or the wrong provider", sub, query.Get("audience"))
		}
	}
	b := newBrowser(t, r)
	b.signIn(returning(page, "provider", "google", "aud", "sales"))
	b.jar[TokenCookie] = hintOf(t, map[string]any{"sub": "corp|1", "aud": "reports"})
	if to, query := asked(b, returning(page)); to != q || query.Get("audience") != "sales" {
		t.Errorf("with a session: audience %q, want the session's, and its provider", query.Get("audience"))
	}
	if _, query := asked(b, returning(page, "aud", "api")); query.Has("audience") {
		t.Error("the provider is asked for the audience of keyturn's own tokens")
	}
	got := b.do("GET", "/auth/login?"+returning(page, "provider", "github").Encode(), fetches)
	want(t, "unknown", got, 400, CodeProviderUnknown)
	if !strings.Contains(got.body, "Provider 'github' not configured") {
		t.Errorf("got %s", got.body)
	}
	shown := b.do("GET", "/auth/login?"+returning(page, "provider", "<b>x").Encode(), navigates)
	if shown.status != 400 || strings.Contains(shown.body, "<b>") || !strings.Contains(shown.body, `href="`+page+`"`) {
		t.Errorf("a person sees %d %s", shown.status, shown.body)
	}
	none := newBrowser(t, s.replica(nil))
	want(t, "none", none.do("GET", "/auth/login?provider=x"), 503, CodeProviderMissing)
	want(t, "none, callback", none.do("GET", "/auth/callback?code=x&state=y"), 503, CodeProviderMissing)
	framed := newBrowser(t, s.signs(nil, nil)).do("GET", "/auth/login?"+returning(page, "prompt", "none", "mode", "frame").Encode(), navigates)
	if !strings.Contains(framed.body, CodeProviderMissing) || !strings.Contains(framed.body, "postMessage") {
		t.Errorf("a hidden frame hears %d %s", framed.status, framed.body)
	}
}

func TestAProviderThatIsDownIsAskedAgain(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	p.set(func() { p.broken["/.well-known/openid-configuration"] = 503 })
	got := b.do("GET", "/auth/login?"+returning(page).Encode(), fetches)
	want(t, "down", got, 503, CodeProviderUnavailable)
	if got.header.Get("Retry-After") == "" || strings.Contains(got.body, "order") {
		t.Errorf("got %v %s", got.header, got.body)
	}
	p.set(func() { clear(p.broken) })
	deadline := time.Now().Add(10 * time.Second)
	for b.do("GET", "/auth/login?"+returning(page).Encode()).status != 302 {
		if time.Now().After(deadline) {
			t.Fatal("it is not found though it is up")
		}
		<-time.After(20 * time.Millisecond)
	}
	if n := p.called("/.well-known/openid-configuration"); n > 3 {
		t.Errorf("asked %d times", n)
	}
	// Down between: the code can't be taken to it.
	back := b.visit(b.begin(returning(page)))
	p.set(func() { p.broken["/token"] = 500 })
	if got := b.do("GET", back, navigates); got.header.Get("Location") != page+"?error="+CodeProviderUnavailable {
		t.Errorf("got %d %q", got.status, got.header.Get("Location"))
	}
	if got := b.refresh(); got.code() != CodeSessionMissing {
		t.Errorf("got %d %s, want no session", got.status, got.body)
	}
}

func TestDiscoveryTakesNothingThatDoesNotFit(t *testing.T) {
	p := newIDP(t)
	for name, change := range map[string]func(*Provider){
		"another spelling of the issuer": func(x *Provider) { x.Issuer += "/" },
		"nothing there":                  func(x *Provider) { x.Issuer += "/nowhere" },
		"no name":                        func(x *Provider) { x.Name = "" },
	} {
		settings := p.settings("corp")
		change(&settings)
		if _, err := settings.Discover(t.Context()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	found, err := p.settings("corp").Discover(t.Context())
	if err != nil || !found.Logout || found.OfflineAccess {
		t.Errorf("got %+v %v", found, err)
	}
	p.set(func() { p.broken["/.well-known/openid-configuration"] = http.StatusFound })
	if _, err := p.settings("corp").Discover(t.Context()); err == nil {
		t.Error("a redirect is followed")
	}
}

func TestLogoutTellsWhereTheProviderSignsOut(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	settings := p.settings("corp")
	settings.PostLogoutURL = "https://app.example.com/bye"
	r := s.signs([]Provider{settings}, nil)
	b := newBrowser(t, r)
	for query, wants := range map[string]string{"": settings.PostLogoutURL, "?post_logout_redirect_uri=" + url.QueryEscape("https://app.example.com/out?x=1"): "https://app.example.com/out?x=1"} {
		b.signIn(returning(page))
		want(t, "a bad page", b.do("POST", "/auth/logout?post_logout_redirect_uri=https://evil.example", fetches), 400, CodeReturnRefused)
		if b.refresh().status != 200 {
			t.Fatal("a logout that was refused has ended the session")
		}
		got := b.do("POST", "/auth/logout"+query, fetches)
		var to farewell
		if err := json.Unmarshal([]byte(got.body), &to); err != nil || got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		u := mustParse(t, to.LogoutURL)
		if q := u.Query(); u.Path != "/bye" || q.Get("client_id") != p.client || q.Get("post_logout_redirect_uri") != wants || q.Get("x") != "1" {
			t.Errorf("sent to %s", to.LogoutURL)
		}
		if len(b.jar) != 0 {
			t.Errorf("cookies %v are left", b.jar)
		}
		want(t, "again", b.do("POST", "/auth/logout", fetches), 204, "")
	}
}

func TestASigninThatWasBegunBeforeALogoutCanNotBeFinished(t *testing.T) {
	covers.IDs(t, "EDGE-02")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	b.signIn(returning(page))
	back := b.visit(b.begin(returning(page)))
	if got := b.do("POST", "/auth/logout", fetches); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if len(b.jar) != 0 {
		t.Errorf("cookies %v are left", b.jar)
	}
	want(t, "the callback of before", b.do("GET", back, fetches), 400, CodeBrowserMismatch)
	if b.refresh().status != 401 {
		t.Error("signed in after the logout")
	}
}

func TestInCookieModeNoScriptSeesAToken(t *testing.T) {
	covers.IDs(t, "SEC-01", "OAU-16")
	s, p := newStand(t), newIDP(t)
	for _, insecure := range []bool{true, false} {
		r := s.signs([]Provider{p.settings("corp")}, func(c *Config) { c.TokenCookie, c.Insecure = true, insecure })
		b := newBrowser(t, r)
		b.signIn(returning(page))
		if b.jar[TokenCookie] == "" {
			t.Fatal("no token after the sign-in")
		}
		got := b.refresh()
		if g := got.grant(t); g.AccessToken != "" || strings.Contains(got.body, "access_token") || g.ExpiresIn != 600 || g.KID != "one" {
			t.Errorf("got %s", got.body)
		}
		i := slices.IndexFunc(got.header["Set-Cookie"], func(c string) bool { return strings.HasPrefix(c, TokenCookie+"=") })
		if i < 0 {
			t.Fatal("no token cookie")
		}
		c, err := http.ParseSetCookie(got.header["Set-Cookie"][i])
		if err != nil || !c.HttpOnly || c.Secure == insecure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
			t.Errorf("cookie %v %v", c, err)
		}
		if got := b.do("GET", "/auth/userinfo"); got.status != 200 || !strings.Contains(got.body, "corp|ann") {
			t.Errorf("userinfo: %d %s", got.status, got.body)
		}
		script := b.do("GET", "/auth/callback?"+mustParse(t, b.visit(b.begin(returning(page)))).RawQuery, fetches)
		if script.status != 200 || strings.Contains(script.body, "access_token") {
			t.Errorf("callback: %d %s", script.status, script.body)
		}
		b.do("POST", "/auth/logout", fetches)
		if len(b.jar) != 0 {
			t.Errorf("after the logout: %v", b.jar)
		}
	}
}

func TestClaimsAreMappedByPath(t *testing.T) {
	for _, c := range []struct {
		path   string
		claims string
		roles  []any
	}{
		{"roles", `{"roles":["a","b","a"]}`, []any{"a", "b"}},
		{"roles", `{"roles":"a"}`, []any{"a"}},
		{"roles", `{"roles":[1,null,{"x":1},"a"]}`, []any{"a"}},
		{"roles", `{}`, []any{}},
		{"groups", `{"groups":["g"],"roles":["r"]}`, []any{"g"}},
		{"realm_access.roles", `{"realm_access":{"roles":["k"]}}`, []any{"k"}},
		{"realm_access.roles", `{"realm_access":["roles"]}`, []any{}},
		{"https://app.example.com/roles", `{"https://app.example.com/roles":["n"]}`, []any{"n"}},
		{"resource_access.app.roles", `{"resource_access":{"app":{"roles":["d"]}}}`, []any{"d"}},
	} {
		var claims map[string]any
		if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
			t.Fatal(err)
		}
		p := &provider{Provider: Provider{Roles: c.path}}
		if got := p.mapped(claims)["roles"].([]any); !slices.Equal(got, c.roles) {
			t.Errorf("%s of %s: got %v, want %v", c.path, c.claims, got, c.roles)
		}
	}
}

// All that a sign-in and its failures say is searched for what they must not say.
func TestNothingSecretReachesALogOrAnAnswer(t *testing.T) {
	covers.IDs(t, "SEC-04")
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	b := newBrowser(t, r)
	var said bytes.Buffer
	secrets := []string{p.secret, url.QueryEscape(p.secret)}
	try := func(change func(url.Values)) {
		q := mustParse(t, b.visit(b.begin(returning(page)))).Query()
		secrets = append(secrets, q.Get("state"), q.Get("code"))
		if change != nil {
			change(q)
			secrets = append(secrets, q.Get("code"))
		}
		got := b.do("GET", "/auth/callback?"+q.Encode(), navigates)
		said.WriteString(got.body + got.header.Get("Location") + "\n")
	}
	try(nil)
	try(func(q url.Values) { q.Set("code", "canary-code-1") })
	try(func(q url.Values) { q.Set("state", newState().text()) })
	p.set(func() { p.answer = func(a map[string]any) { a["id_token"] = "canary.id.token" } })
	try(nil)
	p.set(func() { p.answer = nil; p.inToken = false; p.broken["/me"] = 500 })
	try(nil)
	p.set(func() { p.inToken = true; p.broken["/keys"] = 500 })
	p.turn("k9")
	try(nil)
	p.set(func() { p.broken["/keys"] = 0; p.broken["/token"] = 401 })
	try(nil)
	p.set(func() { p.broken["/token"] = 0; delete(p.people, "ann") })
	said.WriteString(b.refresh().body)
	for token := range p.tokens {
		secrets = append(secrets, token)
	}
	for token := range p.access {
		secrets = append(secrets, token)
	}
	for _, v := range b.jar {
		secrets = append(secrets, v)
	}
	secrets = append(secrets, "canary.id.token", "out of order", "ann@example.com")
	for _, line := range r.logs.All() {
		said.WriteString(line.Message)
		for k, v := range line.ContextMap() {
			j, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			said.WriteString(" " + k + "=" + string(j))
		}
		said.WriteString("\n")
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(said.String(), secret) {
			t.Errorf("%q is said in\n%s", secret, said.String())
		}
	}
	if r.logs.Len() < 4 {
		t.Errorf("only %d lines: nothing was tried", r.logs.Len())
	}
}

func FuzzReadReturn(f *testing.F) {
	for _, seed := range []string{page, page + "?refresh=true", "https://app.example.com@evil/", "javascript:alert(1)", `https://app.example.com\x`, "https://app.example.com?a&refresh=true&b"} {
		f.Add(seed)
	}
	allowed := []string{here, "https://app.example.com"}
	f.Fuzz(func(t *testing.T, address string) {
		origin, to, _, ok := readReturn(address, allowed, here)
		if !ok {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Scheme+"://"+u.Host != origin || !slices.Contains(allowed, origin) || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q leads to %q (%v)", address, to, err)
		}
		if strings.ContainsAny(to, " \r\n\t\\#\"<>") {
			t.Fatalf("%q has what does not belong into an address", to)
		}
		origin2, again, refresh, ok := readReturn(comeBackTo(to, true, "error=x"), allowed, here)
		if len(to) < maxReturn-32 && (!ok || origin2 != origin || !refresh || !strings.HasPrefix(again, to)) {
			t.Fatalf("%q does not come back as it went: %q", to, again)
		}
	})
}

func FuzzReadQuery(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a=1&a=2", "%zz", "a;b", "=", "a=%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, ok := readQuery(raw)
		if !ok {
			return
		}
		all, err := url.ParseQuery(raw)
		if err != nil || len(all) != len(q) {
			t.Fatalf("%q: %v", raw, err)
		}
		for name, values := range all {
			if len(values) != 1 || q[name] != values[0] {
				t.Fatalf("%q: %s is %q, want %q", raw, name, q[name], values)
			}
		}
		if c := errorCode(q["error"]); strings.ContainsFunc(c, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) || c == "" {
			t.Fatalf("code %q", c)
		}
	})
}
