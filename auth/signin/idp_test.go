package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// idp is an identity provider: discovery, code flow with PKCE, refresh tokens
// that are good once, userinfo, keys that turn. Whoever stands in user is
// signed in there; nobody is asked for a password.
type idp struct {
	t      testing.TB
	server *httptest.Server
	secret string

	mu       sync.Mutex
	user     string // "" : nobody is signed in
	people   map[string]map[string]any
	key      *ecdsa.PrivateKey
	kid      string
	codes    map[string]codeGrant
	tokens   map[string]string // refresh token → user
	used     map[string]bool   // refresh tokens that were used
	access   map[string]string // access token → user
	calls    map[string]int    // path → number
	asked    []url.Values      // of /authorize
	broken   map[string]int    // path → status to answer
	stall    chan struct{}     // not nil: /token waits for it
	forge    func(claims map[string]any)
	answer   func(map[string]any) // changes the answer of /token
	inToken  bool                 // roles stand in the ID token; else in userinfo
	tellsIss bool
	tells    func(map[string]any)        // changes what discovery says
	anyCode  bool                        // does not look at the code's verifier: PKCE is not done
	serves   map[string]http.HandlerFunc // path → what answers instead
	noTokens bool                        // gives no refresh tokens
	meAs     string
	client   string
}

type codeGrant struct{ user, nonce, challenge, redirect, client string }

func newIDP(t testing.TB) *idp {
	p := &idp{
		t: t, secret: "top secret of the client", client: "keyturn-test", user: "ann",
		people: map[string]map[string]any{"ann": {"email": "ann@example.com", "name": "Ann", "roles": []string{"user"}, "affiliations": []string{"lab"}, "shoe_size": 38}, "bob": {"roles": []string{"boss"}}},
		codes:  map[string]codeGrant{}, tokens: map[string]string{}, used: map[string]bool{}, access: map[string]string{}, calls: map[string]int{}, broken: map[string]int{},
		serves: map[string]http.HandlerFunc{}, inToken: true, tellsIss: true,
	}
	p.turn("k1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /me", p.me)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.calls[r.URL.Path]++
		status, instead := p.broken[r.URL.Path], p.serves[r.URL.Path]
		p.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		if status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<b>out of order</b>")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

// set changes the provider under its lock.
func (p *idp) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *idp) called(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

// turn gives the provider another key, and forgets the one before.
func (p *idp) turn(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.set(func() { p.key, p.kid = key, kid })
}

// settings are how a service would be told of this provider.
func (p *idp) settings(name string) Provider {
	return Provider{Name: name, Issuer: p.server.URL, ClientID: p.client, ClientSecret: func() (string, error) { return p.secret, nil }}
}

func (p *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.server.URL
	about := map[string]any{
		"issuer": u, "authorization_endpoint": u + "/authorize", "token_endpoint": u + "/token", "jwks_uri": u + "/keys",
		"userinfo_endpoint": u + "/me", "end_session_endpoint": u + "/bye?x=1", "id_token_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "authorization_response_iss_parameter_supported": p.tellsIss,
	}
	if p.tells != nil {
		p.tells(about)
	}
	reply200(w, about)
}

func (p *idp) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reply200(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.kid, Algorithm: "ES256", Use: "sig"}}})
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	p.asked = append(p.asked, q)
	back := url.Values{"state": {q.Get("state")}}
	if p.tellsIss {
		back.Set("iss", p.server.URL)
	}
	switch {
	case q.Get("client_id") != p.client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "":
		w.WriteHeader(http.StatusBadRequest)
		return
	case p.user == "" && q.Get("prompt") == "none":
		back.Set("error", "login_required")
	case p.user == "":
		back.Set("error", "access_denied")
	default:
		code := rand.Text()
		p.codes[code] = codeGrant{p.user, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri"), q.Get("client_id")}
		back.Set("code", code)
	}
	w.Header().Set("Location", q.Get("redirect_uri")+"?"+back.Encode())
	w.WriteHeader(http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	stall := p.stall
	p.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-r.Context().Done():
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if s, err := url.QueryUnescape(secret); err != nil || id != p.client || s != p.secret {
		refuse400(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	var user, nonce string
	switch r.FormValue("grant_type") {
	case "authorization_code":
		c, ok := p.codes[r.FormValue("code")]
		delete(p.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if p.anyCode {
			c.challenge = base64.RawURLEncoding.EncodeToString(sum[:])
		}
		if !ok || c.client != p.client || base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge || r.FormValue("redirect_uri") != c.redirect {
			refuse400(w, http.StatusBadRequest, "invalid_grant")
			return
		}
		user, nonce = c.user, c.nonce
	case "refresh_token":
		old := r.FormValue("refresh_token")
		user = p.tokens[old]
		if p.used[old] || user == "" || p.people[user] == nil {
			if p.used[old] { // theft: the whole family ends
				clear(p.tokens)
			}
			refuse400(w, http.StatusBadRequest, "invalid_grant")
			return
		}
		p.used[old] = true
	default:
		refuse400(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	access := rand.Text()
	p.access[access] = user
	out := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": p.idTokenLocked(user, nonce)}
	if !p.noTokens {
		refresh := rand.Text()
		p.tokens[refresh] = user
		out["refresh_token"] = refresh
	}
	if p.answer != nil {
		p.answer(out)
	}
	reply200(w, out)
}

func (p *idp) idTokenLocked(user, nonce string) string {
	claims := map[string]any{"iss": p.server.URL, "sub": user, "aud": p.client, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if p.inToken {
		maps.Copy(claims, p.people[user])
	}
	if p.forge != nil {
		p.forge(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.kid}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	return raw
}

func (p *idp) me(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user, ok := p.access[r.Header.Get("Authorization")[len("Bearer "):]]
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	out := maps.Clone(p.people[user])
	out["sub"] = user
	if p.meAs != "" {
		out["sub"] = p.meAs
	}
	reply200(w, out)
}

func reply200(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse400(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "<script>alert(1)</script>"})
}
