package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

// byCookie is a request with these cookies of the token's name, as a browser sends it from a page of a site.
func byCookie(method, site, origin string, values ...string) *http.Request {
	r := httptest.NewRequest(method, "https://api.example.com/things", nil)
	for _, v := range values {
		r.AddCookie(&http.Cookie{Name: "auth_token", Value: v})
	}
	if site != "" {
		r.Header.Set("Sec-Fetch-Site", site)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return r
}

func trusting(t *testing.T, origin string) *http.CrossOriginProtection {
	t.Helper()
	p := http.NewCrossOriginProtection()
	if err := p.AddTrustedOrigin(origin); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestARequestByTheCookieComesFromAPageThatMaySendIt(t *testing.T) {
	covers.IDs(t, "OAU-16", "SEC-01")
	s := newStand(t, Config{})
	token := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	const own, app, evil = "https://api.example.com", "https://app.example.com", "https://evil.example.com"
	for _, c := range []struct {
		name, method, site, origin string
		trusted                    bool // app is on the list
		code                       string
	}{
		{"own page reads", "GET", "same-origin", "", false, ""},
		{"own page changes", "POST", "same-origin", own, false, ""},
		{"own page of an older browser", "POST", "", own, false, ""},
		{"typed into the address bar", "GET", "none", "", false, ""},
		{"no browser", "DELETE", "", "", false, ""},
		{"link from elsewhere", "GET", "cross-site", "", false, ""},
		{"form elsewhere", "POST", "cross-site", evil, false, CodeOriginRefused},
		{"form of the same site", "POST", "same-site", evil, false, CodeOriginRefused},
		{"form of an older browser", "POST", "", evil, false, CodeOriginRefused},
		{"opaque origin", "POST", "cross-site", "null", false, CodeOriginRefused},
		{"opaque origin of an older browser", "POST", "", "null", false, CodeOriginRefused},
		{"put of the same site", "PUT", "same-site", app, false, CodeOriginRefused},
		{"delete of the same site", "DELETE", "same-site", app, false, CodeOriginRefused},
		{"a method of one's own", "FROB", "same-site", app, false, CodeOriginRefused},
		{"the app", "PUT", "same-site", app, true, ""},
		{"the app in an older browser", "PUT", "", app, true, ""},
		{"another than the app", "PUT", "same-site", evil, true, CodeOriginRefused},
		{"the app's name as a beginning", "PUT", "same-site", app + ".evil.example", true, CodeOriginRefused},
	} {
		o := Options{Cookie: "auth_token"}
		if c.trusted {
			o.CrossOrigin = trusting(t, app)
		}
		protected := Middleware(s.ring, o)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		a := ask(t, protected, byCookie(c.method, c.site, c.origin, token))
		if want := map[bool]int{true: 200, false: 403}[c.code == ""]; a.status != want || (c.code != "" && a.problem["code"] != c.code) || a.challenge != nil {
			t.Errorf("%s: got %d %v %v, want %d %s", c.name, a.status, a.problem, a.challenge, want, c.code)
		}
		withHeader := byCookie(c.method, c.site, c.origin)
		withHeader.Header.Set("Authorization", "Bearer "+token)
		if a := ask(t, protected, withHeader); a.status != 200 {
			t.Errorf("%s, with a header: got %d, want 200: no page sends one for another", c.name, a.status)
		}
	}
}

func TestAWebSocketIsNotOpenedByTheCookieOfAnotherOriginsPage(t *testing.T) {
	s := newStand(t, Config{})
	token := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	protected := Middleware(s.ring, Options{Cookie: "auth_token"})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	forward := Forward(s.ring, Options{Cookie: "auth_token"})
	for site, want := range map[string]int{"same-origin": 200, "same-site": 403, "cross-site": 403} {
		for header, value := range map[string]string{"Upgrade": "WebSocket", "Sec-WebSocket-Version": "13", "Sec-Fetch-Mode": "websocket"} {
			r := byCookie("GET", site, "https://evil.example.com", token)
			r.Header.Set(header, value)
			if a := ask(t, protected, r); a.status != want {
				t.Errorf("%s, %s: got %d, want %d", site, header, a.status, want)
			}
			r.Header.Set("X-Forwarded-Method", "GET") // proxies pass on all but Upgrade (RFC 9110 §7.6.1)
			if a := ask(t, forward, r); a.status != want {
				t.Errorf("%s, %s, by a proxy: got %d, want %d", site, header, a.status, want)
			}
		}
	}
}

// A proxy that asks with a few headers only takes away what tells a form of
// another page from a program.
func TestForwardAuthByTheCookieTakesSilenceForNoProof(t *testing.T) {
	s := newStand(t, Config{})
	token := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	forward := Forward(s.ring, Options{Cookie: "auth_token"})
	for method, want := range map[string]int{"GET": 200, "POST": 403, "": 403} {
		r := byCookie("GET", "", "", token)
		if method != "" {
			r.Header.Set("X-Forwarded-Method", method)
		}
		if a := ask(t, forward, r); a.status != want {
			t.Errorf("%q: got %d %v, want %d", method, a.status, a.problem, want)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if a := ask(t, forward, r); a.status != 200 {
			t.Errorf("%q, with a header: got %d, want 200", method, a.status)
		}
	}
}

func TestTwoCookiesOfTheTokensNameAreRefused(t *testing.T) {
	s := newStand(t, Config{})
	token := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	other := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(`"sub":"mallory"`))
	protected := Middleware(s.ring, Options{Cookie: "auth_token"})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, c := range map[string]struct {
		values []string
		code   string
	}{
		"one":              {[]string{token}, ""},
		"none":             {nil, CodeTokenMissing},
		"an empty one":     {[]string{""}, CodeTokenMissing},
		"a planted one":    {[]string{other, token}, CodeTokenMalformed},
		"the same twice":   {[]string{token, token}, CodeTokenMalformed},
		"an empty planted": {[]string{"", token}, CodeTokenMalformed},
		"no token":         {[]string{"x"}, CodeTokenMalformed},
		"longer than any":  {[]string{strings.Repeat("a", maxToken+1) + ".x.y"}, CodeTokenMalformed},
	} {
		for kind, h := range map[string]http.Handler{"middleware": protected, "forward": Forward(s.ring, Options{Cookie: "auth_token"})} {
			a := ask(t, h, byCookie("GET", "same-origin", "", c.values...))
			if (c.code == "" && a.status != 200) || (c.code != "" && (a.status != 401 || a.problem["code"] != c.code)) {
				t.Errorf("%s, %s: got %d %v, want %q", name, kind, a.status, a.problem, c.code)
			}
		}
	}
}

func TestForwardAuthByTheCookieJudgesTheMethodThatTheProxyTells(t *testing.T) {
	s := newStand(t, Config{})
	token := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	for _, c := range []struct {
		name, site       string
		forwarded, nginx string
		twice            string
		want             int
		method           string
	}{
		{"a link of the same site", "same-site", "GET", "", "", 200, "GET"},
		{"a form of the same site", "same-site", "POST", "", "", 403, "GET"},
		{"a form of the page", "same-origin", "POST", "", "", 200, "GET"},
		{"another header of the kind", "same-site", "", "GET", "", 200, "GET"},
		{"another header, a form", "same-site", "", "POST", "", 403, "GET"},
		{"headers that differ", "same-site", "GET", "POST", "", 403, "GET"},
		{"a header twice", "same-site", "GET", "", "POST", 403, "GET"},
		{"nobody tells", "same-site", "", "", "", 403, "GET"},
		{"nobody tells, of the page", "same-origin", "", "", "", 200, "GET"},
		{"the proxy's own call is a POST", "same-site", "GET", "", "", 200, "POST"},
		{"lower case is no method that is known to be safe", "same-site", "get", "", "", 403, "GET"},
	} {
		r := byCookie(c.method, c.site, "https://evil.example.com", token)
		for name, value := range map[string]string{"X-Forwarded-Method": c.forwarded, "X-Original-Method": c.nginx} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if c.twice != "" {
			r.Header.Add("X-Forwarded-Method", c.twice)
		}
		a := ask(t, Forward(s.ring, Options{Cookie: "auth_token"}), r)
		if a.status != c.want || (c.want == 200) != (a.header.Get(HeaderSubject) == "alice") {
			t.Errorf("%s: got %d for %q, want %d", c.name, a.status, a.header.Get(HeaderSubject), c.want)
		}
	}
}
