package signin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func TestASignInEndsOnTheAppsPageWithASession(t *testing.T) {
	covers.IDs(t, "OAU-03", "OAU-04")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	address := b.begin(returning(page + "?x=1&refresh=true&y=2"))
	q := mustParse(t, address).Query()
	if q.Get("redirect_uri") != here+"/auth/callback" {
		t.Errorf("redirect_uri %q, want the one that is registered", q.Get("redirect_uri"))
	}
	if len(q.Get("state")) != 43 || q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) != 43 || q.Get("scope") != "openid profile email" {
		t.Errorf("asked with %v", q)
	}
	if strings.Contains(address, "refresh") {
		t.Error("the provider sees the app's marker")
	}
	got := b.do("GET", b.visit(address), navigates)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != page+"?x=1&y=2&refresh=true" {
		t.Errorf("got %d %q", got.status, got.header.Get("Location"))
	}
	if got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	token, err := s.keyring.Verify(t.Context(), b.refresh().grant(t).AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if token.Subject != "corp|ann" || !slices.Equal(token.Roles(), []string{"user"}) || token.Claims["email"] != "ann@example.com" || token.Claims["shoe_size"] != nil {
		t.Errorf("token of %s with %v", token.Subject, token.Claims)
	}
	for name := range b.jar {
		if strings.Contains(name, "login") {
			t.Errorf("cookie %s is left", name)
		}
	}
}

func TestAScriptThatPassesOnTheCodeGetsTheGrant(t *testing.T) {
	covers.IDs(t, "OAU-07")
	s, p := newStand(t), newIDP(t)
	settings := p.settings("corp")
	settings.RedirectURL = page
	b := newBrowser(t, s.signs([]Provider{settings}, nil))
	back := b.visit(b.begin(returning(page + "?refresh=true")))
	if !strings.HasPrefix(back, page+"?") {
		t.Fatalf("the provider sends to %q, want the app's page", back)
	}
	got := b.do("GET", "/auth/callback?"+mustParse(t, back).RawQuery, fetches)
	var a arrival
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if a.AccessToken == "" || !a.Refresh || a.ReturnTo != page+"?refresh=true" || got.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("got %s, %v", got.body, got.header)
	}
}

func TestASignInInAFrameTellsItsParentAndNobodyElse(t *testing.T) {
	covers.IDs(t, "SIL-03")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	silent := returning("https://app.example.com/", "prompt", "none", "mode", "frame")
	for user, wants := range map[string]string{"ann": `data-error=""`, "": `data-error="login_required"`} {
		p.set(func() { p.user = user })
		got := b.do("GET", b.visit(b.begin(silent, frames)), frames)
		csp := got.header.Get("Content-Security-Policy")
		if !strings.Contains(got.body, wants) || !strings.Contains(got.body, `data-origin="https://app.example.com"`) {
			t.Errorf("user %q: got %d %s", user, got.status, got.body)
		}
		if !strings.Contains(csp, "frame-ancestors https://app.example.com") || !strings.Contains(csp, "default-src 'none'; script-src 'sha256-") {
			t.Errorf("policy %q", csp)
		}
		if strings.Contains(got.body, "eyJ") {
			t.Error("the page holds a token")
		}
	}
	if b.refresh().status != http.StatusOK {
		t.Error("the silent sign-in that failed has ended the session")
	}
}

func mustParse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
