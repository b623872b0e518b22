package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestARequestIsRefusedForItsReason is the table of hostile and wrong requests.
func TestARequestIsRefusedForItsReason(t *testing.T) {
	for _, c := range []struct {
		name, method, path, token, body string
		change                          func(*http.Request)
		status                          int
		code                            string
	}{
		{name: "no token", method: "GET", path: "/v1/rings", status: 401, code: "admin_token_missing"},
		{name: "another scheme", method: "GET", path: "/v1/rings", status: 401, code: "admin_token_missing",
			change: func(r *http.Request) { r.SetBasicAuth("view", "kta_view") }},
		{name: "an unknown token", method: "GET", path: "/v1/rings", token: "kta_vieW", status: 401, code: "admin_token_unknown"},
		{name: "the hash as token", method: "GET", path: "/v1/rings", token: hexOf("kta_view"), status: 401, code: "admin_token_unknown"},
		{name: "a token of a ring", method: "GET", path: "/v1/rings", token: "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", status: 401, code: "admin_token_unknown"},
		{name: "a huge token", method: "GET", path: "/v1/rings", token: strings.Repeat("k", 9000), status: 401, code: "admin_token_missing"},
		{name: "a prefix of a token", method: "GET", path: "/v1/rings", token: "kta_vie", status: 401, code: "admin_token_unknown"},
		{name: "a stranger asking for nothing there is", method: "GET", path: "/nothing", status: 401, code: "admin_token_missing"},
		{name: "nothing there is", method: "GET", path: "/nothing", token: "kta_view", status: 404, code: "no_such_route"},
		{name: "a ring there is not", method: "GET", path: "/v1/rings/demo2", token: "kta_view", status: 404, code: "no_such_ring"},
		{name: "a path for a ring", method: "GET", path: "/v1/rings/..%2Fdemo/check", token: "kta_view", status: 404, code: "no_such_ring"},
		{name: "deleting a ring", method: "DELETE", path: "/v1/rings/demo", token: "kta_view", status: 404, code: "no_such_route"},
		{name: "turning without the right", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_view", body: "{}", status: 403, code: "right_missing"},
		{name: "dropping with the right to turn", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"compromise":true}`, status: 403, code: "right_missing"},
		{name: "turning with the right to drop", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_compromise", body: `{}`, status: 403, code: "right_missing"},
		{name: "looking with the right to mint", method: "GET", path: "/v1/rings", token: "kta_mint", status: 403, code: "right_missing"},
		{name: "minting without the right", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_rotate", body: `{"subject":"a"}`, status: 403, code: "right_missing"},
		{name: "a misspelt member", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_compromise", body: `{"compromised":true}`, status: 400, code: "bad_request"},
		{name: "two objects", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{}{"compromise":true}`, status: 400, code: "bad_request"},
		{name: "a list", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `[]`, status: 400, code: "bad_request"},
		{name: "broken JSON", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"dryRun":`, status: 400, code: "bad_request"},
		{name: "a word for a number", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"verifierWaitMs":"10s"}`, status: 400, code: "bad_request"},
		{name: "a key that is no name", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"key":"a\nb"}`, status: 400, code: "bad_request"},
		{name: "a wait below nothing", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"verifierWaitMs":-1}`, status: 400, code: "bad_request"},
		{name: "a wait of a day", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"verifierWaitMs":86400000}`, status: 400, code: "bad_request"},
		{name: "a wait that overflows", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"verifierWaitMs":9223372036854775807}`, status: 400, code: "bad_request"},
		{name: "too large a body", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: `{"dryRun":false` + strings.Repeat(" ", 20<<10) + `}`, status: 413, code: "bad_request"},
		{name: "a form", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: "dryRun=1", status: 415, code: "bad_request",
			change: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }},
		{name: "a strange request id", method: "POST", path: "/v1/rings/demo/rotations", token: "kta_rotate", body: "{}", status: 400, code: "bad_request",
			change: func(r *http.Request) { r.Header.Set("Idempotency-Key", "a b\"") }},
		{name: "telling claims without the right", method: "POST", path: "/v1/rings/demo/subjects/alice/refresh", token: "kta_rotate", status: 403, code: "right_missing"},
		{name: "telling claims of a subject of two lines", method: "POST", path: "/v1/rings/demo/subjects/a%0Ab/refresh", token: "kta_claims", status: 400, code: "bad_request"},
		{name: "telling claims of a subject that is too long", method: "POST", path: "/v1/rings/demo/subjects/" + strings.Repeat("a", 257) + "/refresh", token: "kta_claims", status: 400, code: "bad_request"},
		{name: "nobody", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_mint", body: `{}`, status: 400, code: "bad_request"},
		{name: "a subject of two lines", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_mint", body: `{"subject":"a\nb"}`, status: 400, code: "bad_request"},
		{name: "a role of nothing", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_mint", body: `{"subject":"a","roles":[""]}`, status: 400, code: "bad_request"},
		{name: "a token for a day", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_mint", body: `{"subject":"a","lifetimeMs":86400000}`, status: 400, code: "bad_request"},
		{name: "a life that overflows", method: "POST", path: "/v1/rings/demo/tokens", token: "kta_mint", body: `{"subject":"a","lifetimeMs":9223372036854775807}`, status: 400, code: "bad_request"},
		{name: "a rev that is none", method: "GET", path: "/v1/rings/demo/states?after=x", token: "kta_view", status: 400, code: "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &daemon{}
			s, _ := newTest(t, d, tokens())
			r := request(c.method, c.path, c.token, c.body)
			if c.change != nil {
				c.change(r)
			}
			w := ask(s, r)
			if p := problemIn(t, w); w.Code != c.status || p.Code != c.code {
				t.Errorf("got %d %s (%s), want %d %s", w.Code, p.Code, p.Detail, c.status, c.code)
			}
			if got := w.Header().Get("WWW-Authenticate"); (c.status == 401) != (got != "") {
				t.Errorf("got challenge %q under status %d", got, c.status)
			}
			if c.token != "" && strings.Contains(w.Body.String(), c.token) {
				t.Error("the answer repeats the token")
			}
			if d.rotated != 0 || d.lastMint != nil {
				t.Error("the daemon acted")
			}
		})
	}
}

func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestAWebPageCannotReachTheListener(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	guarded := Guard([]string{"keyturn.internal"}, inner)
	for _, c := range []struct {
		method, host, origin, site string
		status                     int
	}{
		{"GET", "127.0.0.1:8081", "", "", 204},
		{"GET", "localhost:8081", "", "", 204},
		{"GET", "LOCALHOST.:8081", "", "", 204},
		{"GET", "[::1]:8081", "", "", 204},
		{"GET", "10.1.2.3", "", "", 204},
		{"GET", "keyturn.internal:8081", "", "", 204},
		{"GET", "rebound.example.com:8081", "", "", 421},
		{"GET", "127.0.0.1.example.com", "", "", 421},
		{"GET", "localhost.example.com", "", "", 421},
		{"GET", "", "", "", 421},
		{"GET", "keyturn.internal@evil.example", "", "", 421},
		{"POST", "127.0.0.1:8081", "", "", 204},
		{"POST", "127.0.0.1:8081", "http://127.0.0.1:8081", "", 204},
		{"POST", "127.0.0.1:8081", "http://127.0.0.1:3000", "", 403},
		{"POST", "127.0.0.1:8081", "https://evil.example", "", 403},
		{"POST", "127.0.0.1:8081", "null", "", 403},
		{"POST", "127.0.0.1:8081", "", "cross-site", 403},
		{"POST", "127.0.0.1:8081", "", "same-origin", 204},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if w := ask(guarded, r); w.Code != c.status {
			t.Errorf("%s host %q origin %q site %q: got %d, want %d", c.method, c.host, c.origin, c.site, w.Code, c.status)
		}
	}
}

// FuzzRequest: whatever the header and the body hold, the answer is a problem
// document, or lines; nothing panics, and no daemon acts without its right.
func FuzzRequest(f *testing.F) {
	f.Add("Bearer kta_view", "id", `{"compromise":true}`)
	f.Add("Bearer kta_rotate", "", `{"dryRun":true,"verifierWaitMs":1}`)
	f.Add("Basic x", "a b", "")
	f.Fuzz(func(t *testing.T, authorization, id, body string) {
		d := &daemon{}
		s, _ := newTest(t, d, tokens())
		r := request("POST", "/v1/rings/demo/rotations", "", body)
		r.Header["Authorization"] = []string{authorization}
		r.Header["Idempotency-Key"] = []string{id}
		r.Header.Set("Content-Type", "application/json")
		w := ask(s, r)
		if w.Code != 200 {
			problemIn(t, w)
		}
		if d.rotated > 0 && !strings.Contains(authorization, "kta_") {
			t.Fatalf("turned for %q", authorization)
		}
	})
}
