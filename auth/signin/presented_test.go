package signin

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// tossed sends cookies in front of the browser's own, as those with a longer path are.
func tossed(name string, values ...string) func(*http.Request) {
	return func(q *http.Request) {
		own := q.Header.Get("Cookie")
		q.Header.Del("Cookie")
		for _, v := range values {
			q.AddCookie(&http.Cookie{Name: name, Value: v})
		}
		if own != "" {
			q.Header.Set("Cookie", q.Header.Get("Cookie")+"; "+own)
		}
	}
}

func TestATossedCookieNeitherTakesTheSessionsPlaceNorEndsIt(t *testing.T) {
	covers.IDs(t, "SEC-02")
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	b, thief := newBrowser(t, r), newBrowser(t, r)
	b.signIn(returning(page))
	thief.signIn(returning(page))
	over := newBrowser(t, r)
	over.signIn(returning(page))
	ended := over.jar[insecureCookieName]
	over.do("POST", "/auth/logout")
	nobodys := newCredential().encode()

	for name, values := range map[string][]string{
		"what is no credential": {"abc", ""}, "nobody's": {nobodys}, "one of a session that is over": {ended}, "several": {"x", nobodys, ended},
		"its own again": {b.jar[insecureCookieName]},
	} {
		got := b.do("POST", "/auth/refresh", fetches, tossed(insecureCookieName, values...))
		if token, err := s.keyring.Verify(t.Context(), got.grant(t).AccessToken); err != nil || token.Subject != "corp|ann" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}

	planted := tossed(insecureCookieName, thief.jar[insecureCookieName])
	before := b.jar[insecureCookieName]
	want(t, "another's session in front", b.do("POST", "/auth/refresh", fetches, planted), 400, CodeSessionAmbiguous)
	many := []string{}
	for range 2 * maxPresented {
		many = append(many, newCredential().encode())
	}
	want(t, "more than anybody has", b.do("POST", "/auth/refresh", fetches, tossed(insecureCookieName, many...)), 400, CodeSessionAmbiguous)
	if b.jar[insecureCookieName] != before || b.refresh().status != 200 || thief.refresh().status != 200 {
		t.Error("a session has ended or changed")
	}
	if n := r.counted("keyturn_refresh_total", resultAmbiguous); n != 2 {
		t.Errorf("counted %v, want 2", n)
	}

	// The way out: a new sign-in ends what came along, the planted one too, though the callback brings no strict cookie.
	back := b.visit(b.begin(returning(page), navigates, planted))
	delete(b.jar, insecureCookieName)
	if got := b.do("GET", back, navigates); got.header.Get("Location") != page {
		t.Fatalf("sign-in: %d %q", got.status, got.header.Get("Location"))
	}
	want(t, "the planted one", thief.refresh(), 401, CodeSessionEnded)
	if got := b.do("POST", "/auth/refresh", fetches, planted); got.status != 200 {
		t.Errorf("its own, with the planted cookie still there: %d %s", got.status, got.body)
	}
}

func TestALogoutEndsThePlantedSessionToo(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	b, thief := newBrowser(t, r), newBrowser(t, r)
	b.signIn(returning(page))
	thief.signIn(returning(page))
	mine := &browser{t: t, r: r, jar: map[string]string{insecureCookieName: b.jar[insecureCookieName]}}
	if got := b.do("POST", "/auth/logout", fetches, tossed(insecureCookieName, thief.jar[insecureCookieName])); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	want(t, "its own", mine.refresh(), 401, CodeSessionEnded)
	want(t, "the planted one", thief.refresh(), 401, CodeSessionEnded)
}

// Both the binder of a sign-in and its neighbour of that name come along: one of them is right.
func TestATossedBinderStopsNoSignIn(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	back := b.visit(b.begin(returning(page)))
	name := insecureCookieName + "-login-" + first(t, back).hash()[:8]
	if got := b.do("GET", back, navigates, tossed(name, "", "x", newState().text())); got.header.Get("Location") != page {
		t.Errorf("got %d %q", got.status, got.header.Get("Location"))
	}
	// A binder of another sign-in under this one's name is none.
	back, other := b.visit(b.begin(returning(page))), b.visit(b.begin(returning(page)))
	jar := b.jar
	b.jar = map[string]string{insecureCookieName + "-login-" + first(t, back).hash()[:8]: jar[insecureCookieName+"-login-"+first(t, other).hash()[:8]]}
	want(t, "a binder of another sign-in", b.do("GET", back, fetches), 400, CodeBrowserMismatch)
	b.jar = jar
	if got := b.do("GET", back, navigates); got.header.Get("Location") != page {
		t.Errorf("its own: %d %q", got.status, got.header.Get("Location"))
	}
}

func TestOverTLSTheCookiesAreThoseThatNoOtherServerCanSet(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, func(c *Config) { c.Insecure = false }))
	login := b.do("GET", "/auth/login?"+returning(page).Encode(), navigates)
	done := b.do("GET", b.visit(login.header.Get("Location")), navigates)
	for _, got := range []reply{login, done} {
		for _, line := range got.header["Set-Cookie"] {
			c, err := http.ParseSetCookie(line)
			if err != nil || c.Name[:len(cookieName)] != cookieName || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite == http.SameSiteNoneMode {
				t.Errorf("%q (%v)", line, err)
			}
		}
	}
	// A cookie of the plain name, as any server of the domain may set it, is none.
	plain := fmt.Sprintf("%s=%s", insecureCookieName, b.jar[cookieName])
	got := b.do("POST", "/auth/refresh", fetches, func(q *http.Request) { q.Header.Set("Cookie", plain) })
	want(t, "the plain name", got, 401, CodeSessionMissing)
}

func TestACredentialOfTheSameSessionIsTheNewestThatCameAlong(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	session := r.login("alice")
	old := session.cookie
	current := r.refresh(old).cookie
	for _, values := range [][]string{{old.Value, current.Value}, {current.Value, old.Value}} {
		req := func(q *http.Request) {
			q.Header.Del("Cookie")
			for _, v := range values {
				q.AddCookie(&http.Cookie{Name: insecureCookieName, Value: v})
			}
		}
		cred, ok, err := presentedBy(t, r, req)
		if err != nil || !ok || cred.encode() != current.Value {
			t.Errorf("got ok %v, %v", ok, err)
		}
	}
	// Past its grace the old one alone would be a theft; beside the current one it is nothing.
	r.age(current, func(rec *record) { rec.RotatedAt = time.Now().Add(-2 * Grace) })
	if got := r.call("POST", "/auth/refresh", "", old, func(q *http.Request) {
		q.AddCookie(&http.Cookie{Name: insecureCookieName, Value: current.Value})
	}); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func presentedBy(t *testing.T, r *replica, edit func(*http.Request)) (credential, bool, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "/auth/refresh", nil)
	if err != nil {
		t.Fatal(err)
	}
	edit(req)
	return r.presented(t.Context(), req, time.Now())
}
