package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyturn/keyturn/test/covers"
)

// answer is what a client sees.
type answer struct {
	status    int
	header    http.Header
	body      string
	problem   map[string]any
	challenge map[string]string // of WWW-Authenticate; nil: there is none
}

func ask(t *testing.T, h http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.problem); err != nil {
			t.Fatalf("got problem %q: %v", a.body, err)
		}
	}
	if c := w.Header().Get("WWW-Authenticate"); c != "" {
		scheme, params, err := readChallenge(c)
		if err != nil || scheme != "Bearer" {
			t.Fatalf("got challenge %q, scheme %q, error %v", c, scheme, err)
		}
		a.challenge = params
	}
	return a
}

// request carries these Authorization headers.
func request(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	return r
}

func TestTheMiddlewareAnswersAsRFC6750Says(t *testing.T) {
	s := newStand(t, Config{Issuer: "https://issuer.test", Audience: "api"})
	hs := func(header, payload string) string { return "Bearer " + tokenOf(t, s.hs, header, payload) }
	ours := `"iss":"https://issuer.test","aud":"api"`
	protected := Middleware(s.ring, Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := TokenFrom(r.Context())
		fmt.Fprint(w, token.Subject, ok)
	}))
	const plain = `{"alg":"HS256","kid":"hs"}`
	for _, c := range []struct {
		name    string
		headers []string
		code    string // empty: let through
		error   string // of the challenge
	}{
		{"good", []string{hs(plain, good(ours))}, "", ""},
		{"scheme in lower case", []string{"bearer" + strings.TrimPrefix(hs(plain, good(ours)), "Bearer")}, "", ""},
		{"several blanks", []string{"Bearer  " + strings.TrimPrefix(hs(plain, good(ours)), "Bearer ")}, "", ""},
		{"no header", nil, CodeTokenMissing, ""},
		{"another scheme", []string{"Basic YTpi"}, CodeTokenMissing, ""},
		{"empty header", []string{""}, CodeTokenMissing, ""},
		{"scheme alone", []string{"Bearer"}, CodeTokenMalformed, "invalid_token"},
		{"scheme and blanks", []string{"Bearer   "}, CodeTokenMalformed, "invalid_token"},
		{"two tokens", []string{"Bearer a b"}, CodeTokenMalformed, "invalid_token"},
		{"a list", []string{"Bearer a, Bearer b"}, CodeTokenMalformed, "invalid_token"},
		{"two headers", []string{hs(plain, good(ours)), hs(plain, good(ours))}, CodeTokenMalformed, "invalid_token"},
		{"no token", []string{"Bearer x"}, CodeTokenMalformed, "invalid_token"},
		{"expired", []string{hs(plain, good(ours, `"exp":1`))}, CodeTokenExpired, "invalid_token"},
		{"not yet", []string{hs(plain, good(ours, `"nbf":9e9`))}, CodeTokenNotYetValid, "invalid_token"},
		{"unknown kid", []string{hs(`{"alg":"HS256","kid":"x"}`, good(ours))}, CodeKIDUnknown, "invalid_token"},
		{"retired", []string{hs(`{"alg":"HS256","kid":"buried"}`, good(ours))}, CodeKeyRetired, "invalid_token"},
		{"revoked", []string{hs(`{"alg":"HS256","kid":"leaked"}`, good(ours))}, CodeKeyRevoked, "invalid_token"},
		{"forged", []string{"Bearer " + tokenOf(t, s.other, plain, good(ours))}, CodeSignatureInvalid, "invalid_token"},
		{"another audience", []string{hs(plain, good(`"iss":"https://issuer.test","aud":"web"`))}, CodeAudienceInvalid, "invalid_token"},
		{"another issuer", []string{hs(plain, good(`"iss":"x","aud":"api"`))}, CodeIssuerInvalid, "invalid_token"},
	} {
		a := ask(t, protected, request(c.headers...))
		if c.code == "" {
			if a.status != 200 || a.body != "alicetrue" || a.challenge != nil {
				t.Errorf("%s: got %+v, want it let through with its token", c.name, a)
			}
			continue
		}
		if a.status != 401 || a.problem["code"] != c.code || a.problem["status"] != 401.0 || a.problem["title"] != "Unauthorized" || a.problem["type"] != "about:blank" || a.problem["detail"] == "" {
			t.Errorf("%s: got status %d and problem %v, want 401 %s", c.name, a.status, a.problem, c.code)
		}
		if a.challenge["kid"] != "hs" || a.challenge["error"] != c.error || (a.challenge["error_description"] != "") != (c.error != "") {
			t.Errorf("%s: got challenge %v, want the current kid and error %q", c.name, a.challenge, c.error)
		}
		if a.header.Get("Access-Control-Expose-Headers") != "WWW-Authenticate, Retry-After" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got headers %v, want them exposed and the answer not stored", c.name, a.header)
		}
	}
}

func TestTheChallengeIsWrittenAsDocumented(t *testing.T) {
	s := newStand(t, Config{})
	protected := Middleware(s.ring, Options{})(http.NotFoundHandler())
	expired := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(`"exp":1`))
	for header, want := range map[string]string{
		"Bearer " + expired: `Bearer error="invalid_token", error_description="the token has expired", kid="hs"`,
		"":                  `Bearer kid="hs"`,
	} {
		if got := ask(t, protected, request(header)).header.Get("WWW-Authenticate"); got != want {
			t.Errorf("got challenge %q, want %q", got, want)
		}
	}
	empty := Middleware(NewKeyring(Config{}), Options{})(http.NotFoundHandler())
	if got := ask(t, empty, request()).header.Get("WWW-Authenticate"); got != `Bearer realm="api"` {
		t.Errorf("got challenge %q without any key, want a realm: a challenge needs a parameter", got)
	}
}

func TestTheCookieIsReadOnlyWhereItIsNamedAndAfterTheHeader(t *testing.T) {
	s := newStand(t, Config{})
	alice := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good())
	bob := tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(`"sub":"bob"`))
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := TokenFrom(r.Context())
		fmt.Fprint(w, token.Subject)
	})
	for _, c := range []struct{ name, cookie, header, sent, want string }{
		{"not named", "", "", "auth_token", CodeTokenMissing},
		{"named", "auth_token", "", "auth_token", "bob"},
		{"another", "auth_token", "", "other", CodeTokenMissing},
		{"header first", "auth_token", "Bearer " + alice, "auth_token", "alice"},
		{"bad header first", "auth_token", "Bearer x", "auth_token", CodeTokenMalformed},
		{"header of another scheme", "auth_token", "Basic YTpi", "auth_token", "bob"},
	} {
		r := request()
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		r.AddCookie(&http.Cookie{Name: c.sent, Value: bob})
		a := ask(t, Middleware(s.ring, Options{Cookie: c.cookie})(who), r)
		if got := a.body; got != c.want && a.problem["code"] != c.want {
			t.Errorf("%s: got %d %q, want %s", c.name, a.status, got, c.want)
		}
	}
}

func TestATokenWhoseKeyCantBeLookedForIsToBeTriedAgain(t *testing.T) {
	covers.IDs(t, "EDGE-15")
	a := mustGenerate(t, "a", HS256)
	ring := NewKeyring(Config{Look: func(context.Context, string) error { return errors.New("store is away") }})
	if err := ring.Install(Set{Held: []Held{held("1", a, Current)}}); err != nil {
		t.Fatal(err)
	}
	token := tokenOf(t, mustGenerate(t, "b", HS256), `{"alg":"HS256","kid":"b"}`, good())
	for name, h := range map[string]http.Handler{"middleware": Middleware(ring, Options{})(http.NotFoundHandler()), "forward": Forward(ring, Options{})} {
		got := ask(t, h, request("Bearer "+token))
		if got.status != 401 || got.problem["code"] != CodeKIDUnknown || got.header.Get("Retry-After") == "" || got.problem["retryAfterMs"].(float64) < 1000 || got.challenge["error"] != "invalid_token" {
			t.Errorf("%s: got %+v, want 401 kid_unknown with Retry-After, which clients wait out", name, got)
		}
	}
	if _, err := ring.Verify(t.Context(), token); codeOf(t, err) != CodeUnavailable {
		t.Errorf("got error %v, want callers of Verify to be told that nobody could look", err)
	}
	empty := Middleware(NewKeyring(Config{}), Options{})(http.NotFoundHandler())
	if got := ask(t, empty, request("Bearer "+token)); got.status != 503 || got.problem["code"] != CodeUnavailable || got.header.Get("Retry-After") != "1" || got.challenge != nil {
		t.Errorf("got %+v without any key, want 503 with Retry-After and no challenge", got)
	}
}

func TestARoleThatIsMissingIsForbidden(t *testing.T) {
	s := newStand(t, Config{})
	bearer := func(with ...string) string {
		return "Bearer " + tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(with...))
	}
	protect := Middleware(s.ring, Options{})
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, c := range []struct {
		name   string
		roles  []string
		token  string
		status int
	}{
		{"none asked", nil, bearer(), 204},
		{"in roles", []string{"admin"}, bearer(`"roles":["user","admin"]`), 204},
		{"in scope", []string{"admin"}, bearer(`"scope":"user admin"`), 204},
		{"both places", []string{"admin", "user"}, bearer(`"scope":"user","roles":["admin"]`), 204},
		{"one of two", []string{"admin", "auditor"}, bearer(`"roles":["admin"]`), 403},
		{"part of a word", []string{"admin"}, bearer(`"scope":"administrator","roles":["admins"]`), 403},
		{"roles are text", []string{"admin"}, bearer(`"roles":"admin"`), 403},
		{"roles are an object", []string{"admin"}, bearer(`"roles":{"admin":true}`), 403},
		{"scope is an array", []string{"admin"}, bearer(`"scope":["admin"]`), 403},
		{"no roles", []string{"admin"}, bearer(), 403},
		{"the empty role", []string{""}, bearer(`"roles":[""]`), 403},
	} {
		a := ask(t, protect(RequireRole(c.roles...)(ok)), request(c.token))
		if a.status != c.status {
			t.Errorf("%s: got status %d, want %d", c.name, a.status, c.status)
		}
		if a.status == 403 && (a.problem["code"] != CodeRoleMissing || a.challenge["error"] != "insufficient_scope" || a.challenge["kid"] != "hs" || strings.Contains(a.body, "admin")) {
			t.Errorf("%s: got %+v, want role_missing, which does not name the role", c.name, a)
		}
	}
	if a := ask(t, RequireRole("admin")(ok), request(bearer(`"roles":["admin"]`))); a.status != 401 || a.problem["code"] != CodeTokenMissing {
		t.Errorf("got %+v without a middleware before, want 401", a)
	}
	if _, ok := TokenFrom(t.Context()); ok {
		t.Error("got a token from a context without one")
	}
}

func TestTheContextOfARequestKeepsWhatItHad(t *testing.T) {
	type key struct{}
	type other struct{}
	s := newStand(t, Config{})
	r := request("Bearer " + tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good()))
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "kept"))
	ask(t, Middleware(s.ring, Options{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		if r.Context().Value(key{}) != "kept" || r.Context().Err() == nil {
			t.Errorf("got value %v and error %v, want those of the request", r.Context().Value(key{}), r.Context().Err())
		}
		derived := context.WithValue(r.Context(), other{}, 1)
		if token, ok := TokenFrom(derived); !ok || token.Subject != "alice" {
			t.Errorf("got token %v, want it found from a derived context", token)
		}
	})), r.WithContext(ctx))
}

func TestForwardTellsAProxyWhoAsks(t *testing.T) {
	s := newStand(t, Config{})
	sign := func(with ...string) string {
		return "Bearer " + tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(with...))
	}
	h := Forward(s.ring, Options{})
	a := ask(t, h, request(sign(`"iss":"https://issuer.test","roles":["user","two words","100%"],"scope":"read"`)))
	for name, want := range map[string]string{
		HeaderSubject: "alice", HeaderIssuer: "https://issuer.test", HeaderRoles: "user two%20words 100%25 read", HeaderKey: "1", HeaderKID: "hs", "Cache-Control": "no-store",
	} {
		if got := a.header.Get(name); a.status != 200 || got != want {
			t.Errorf("got status %d and %s %q, want 200 and %q", a.status, name, got, want)
		}
	}
	for subject, want := range map[string]string{
		`a\r\nX-Auth-Roles: admin`: "a%0D%0AX-Auth-Roles: admin", `Zoë`: "Zo%C3%AB", `100%`: "100%25", ` x `: "%20x%20", `a b`: "a b", `\u0000`: "%00",
	} {
		if got := ask(t, h, request(sign(`"sub":"`+subject+`"`))).header.Get(HeaderSubject); got != want {
			t.Errorf("got subject %q for %q, want %q", got, subject, want)
		}
	}
	r := request(sign(`"roles":["admin"]`))
	r.URL.RawQuery = "role=admin&role=auditor"
	if a := ask(t, h, r); a.status != 403 || a.problem["code"] != CodeRoleMissing {
		t.Errorf("got %+v, want the missing role refused", a)
	}
	if a := ask(t, h, request()); a.status != 401 || a.header.Get(HeaderSubject) != "" {
		t.Errorf("got %+v without a token, want 401 and no subject", a)
	}
}

func TestTheJWKSShowsPublicKeysOnly(t *testing.T) {
	ring := NewKeyring(Config{})
	h := JWKS(ring)
	if a := ask(t, h, request()); a.status != 503 || a.problem["code"] != CodeUnavailable {
		t.Errorf("got %+v without keys, want 503: no cache may learn an empty set", a)
	}
	rs, es, hs := mustGenerate(t, "rs", RS256), mustGenerate(t, "es", ES256), mustGenerate(t, "hs", HS256)
	err := ring.Install(Set{Held: []Held{
		held("1", rs, Current), held("2", es, Pending), held("3", hs, Pending),
		{Name: "4", Key: mustGenerate(t, "ed", EdDSA), Stage: Retiring, VerifyUntil: time.Now().Add(-time.Second)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, h, request())
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.body), &set); err != nil {
		t.Fatal(err)
	}
	var kids []string
	for _, k := range set.Keys {
		kids = append(kids, k.KeyID+" "+k.Algorithm+" "+k.Use)
		if !k.IsPublic() {
			t.Errorf("got key %s with its private half", k.KeyID)
		}
	}
	if got := strings.Join(kids, ", "); got != "rs RS256 sig, es ES256 sig" {
		t.Errorf("got keys %q, want the two public ones that verify", got)
	}
	for _, private := range []string{`"d"`, `"p"`, `"k"`, `"oct"`} {
		if strings.Contains(a.body, private) {
			t.Errorf("got %s in %s", private, a.body)
		}
	}
	if a.header.Get("Content-Type") != "application/jwk-set+json" || a.header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("got headers %v, want a JWK set that caches keep for a minute", a.header)
	}
	symmetric := keyringOf(t, Config{}, held("1", hs, Current))
	if a := ask(t, JWKS(symmetric), request()); a.body != `{"keys":[]}` {
		t.Errorf("got %q of shared secrets, want an empty array", a.body)
	}
}

func TestProblemsOfOthersAreWrittenToo(t *testing.T) {
	for _, c := range []struct {
		e         Error
		retry     string
		challenge string
	}{
		{Error{Status: 429, Code: "refresh_busy", Description: "wait", RetryAfter: 1001 * time.Millisecond}, "2", ""},
		{Error{Status: 429, Code: "refresh_busy", Description: "wait", RetryAfter: time.Millisecond}, "1", ""},
		{Error{Status: 401, Code: "session_missing", Description: "sign in"}, "", `Bearer realm="api"`},
		{Error{Status: 401, Code: "session_ended", Description: "sign in", KID: "k"}, "", `Bearer kid="k"`},
		{Error{Status: 403, Code: "origin_refused", Description: "no"}, "", ""},
	} {
		w := httptest.NewRecorder()
		WriteProblem(w, &c.e)
		if w.Code != c.e.Status || w.Header().Get("Retry-After") != c.retry || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: got %d, Retry-After %q, challenge %q; want %d, %q, %q", c.e.Code, w.Code, w.Header().Get("Retry-After"), w.Header().Get("WWW-Authenticate"), c.e.Status, c.retry, c.challenge)
		}
		if !strings.Contains(w.Body.String(), `"code":"`+c.e.Code+`"`) {
			t.Errorf("got body %q, want code %s", w.Body, c.e.Code)
		}
	}
}
