package main

import (
	"net/http"
	"testing"
)

// Whoever asks /auth/verify on behalf of a request with the cookie tells its
// method; what changes something passes only from pages of a listed origin.
func TestForwardAuthTakesTheCookieFromPagesOfListedOrigins(t *testing.T) {
	d := startDev(t, t.TempDir(), "--token-cookie")
	alice := signIn(t, d, "alice", "user")
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"a read from a link":       {http.Header{"X-Forwarded-Method": {"GET"}, "Sec-Fetch-Site": {"same-site"}}, 200},
		"a change of the page":     {http.Header{"X-Forwarded-Method": {"POST"}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"a change of a listed one": {http.Header{"X-Forwarded-Method": {"POST"}, "Sec-Fetch-Site": {"same-site"}, "Origin": {d.public}}, 200},
		"a change of another":      {http.Header{"X-Forwarded-Method": {"POST"}, "Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.example"}}, 403},
		"nobody tells the method":  {http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.example"}}, 403},
	} {
		got := alice.do(t, "GET", "/auth/verify", "", c.header)
		if got.status != c.want {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	plain := startDev(t, t.TempDir())
	bob := signIn(t, plain, "bob", "user")
	bob.token = ""
	if got := bob.do(t, "GET", "/auth/verify", "", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Cookie": {"auth_token=x"}}); got.status != 401 {
		t.Errorf("without the option: got %d", got.status)
	}
}
