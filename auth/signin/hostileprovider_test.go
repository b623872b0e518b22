package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/keyturn/keyturn/test/covers"
)

// wrongly signs the claims of an ID token with a key that is not the provider's.
func wrongly(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnIDTokenThatSomebodyElseSignedIsRefused(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	p.tells = func(about map[string]any) { // what it names, too, must not let a shared secret in
		about["id_token_signing_alg_values_supported"] = []string{"none", "HS256", "ES256"}
	}
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	if got := b.signIn(returning(page)); got.header.Get("Location") != page {
		t.Fatalf("its own: %d %q", got.status, got.header.Get("Location"))
	}
	strange, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("top secret of the client", 2))
	published, err := p.key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	// The provider lists a shared secret among its keys, for whomever it may concern.
	p.serves["/keys"] = func(w http.ResponseWriter, _ *http.Request) {
		reply200(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: secret, KeyID: "k0"}, {Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256"}}})
	}
	for name, sign := range map[string]func(map[string]any) string{
		"a secret that the provider publishes":      func(c map[string]any) string { return wrongly(t, jose.HS256, secret, "k0", c) },
		"a stranger's key under the provider's kid": func(c map[string]any) string { return wrongly(t, jose.ES256, strange, "k1", c) },
		"a stranger's key under a kid of its own":   func(c map[string]any) string { return wrongly(t, jose.ES256, strange, "k7", c) },
		"a secret": func(c map[string]any) string { return wrongly(t, jose.HS256, secret, "k1", c) },
		"the provider's public key taken as secret": func(c map[string]any) string { return wrongly(t, jose.HS256, published.Bytes(), "k1", c) },
		"nobody":           func(map[string]any) string { return "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ." },
		"what is no token": func(map[string]any) string { return strings.Repeat("a.", 50_000) },
	} {
		var claims map[string]any
		p.set(func() {
			p.forge = func(c map[string]any) { claims = maps.Clone(c) }
			p.answer = func(a map[string]any) { a["id_token"] = sign(claims) }
		})
		want(t, name, b.do("GET", b.visit(b.begin(returning(page))), fetches), 502, CodeIDTokenInvalid)
	}
	if b.refresh().status != 200 {
		t.Error("the session has ended")
	}
}

// A nonce is that of one sign-in: what the provider said in an earlier one, to the same browser, is nothing now.
func TestAnIDTokenOfAnEarlierSignInIsRefused(t *testing.T) {
	covers.IDs(t, "OAU-04")
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	var earlier any
	p.set(func() { p.answer = func(a map[string]any) { earlier = a["id_token"] } })
	b.signIn(returning(page))
	p.set(func() { p.answer = func(a map[string]any) { a["id_token"] = earlier } })
	want(t, "an earlier one", b.do("GET", b.visit(b.begin(returning(page))), fetches), 502, CodeIDTokenInvalid)
}

// Whoever got hold of a code of somebody else and puts it into a sign-in of their own gets nothing (RFC 9700 §4.5).
func TestACodeOfAnotherSignInIsRefused(t *testing.T) {
	covers.IDs(t, "OAU-04")
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	victim, thief := newBrowser(t, r), newBrowser(t, r)
	inject := func(code string) reply {
		back := mustParse(t, thief.visit(thief.begin(returning(page))))
		q := back.Query()
		q.Set("code", code)
		return thief.do("GET", "/auth/callback?"+q.Encode(), fetches)
	}
	stolen := func() string { return mustParse(t, victim.visit(victim.begin(returning(page)))).Query().Get("code") }
	want(t, "another browser's", inject(stolen()), 400, CodeCodeRefused)
	// A provider that does not look at the verifier, or is made not to by an
	// authorization request without a challenge (RFC 9700 §4.8.2): the nonce is not that of this sign-in.
	p.set(func() { p.anyCode = true })
	want(t, "another browser's, without PKCE", inject(stolen()), 502, CodeIDTokenInvalid)
	p.set(func() { p.anyCode = false })
	used := mustParse(t, thief.visit(thief.begin(returning(page))))
	thief.do("GET", "/auth/callback?"+used.RawQuery, fetches)
	want(t, "one that was used", inject(used.Query().Get("code")), 400, CodeCodeRefused)
	p.set(func() {
		p.codes["foreign"] = codeGrant{user: "ann", client: "another client", redirect: here + "/auth/callback"}
	})
	want(t, "one of another client", inject("foreign"), 400, CodeCodeRefused)
	for _, q := range p.asked {
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
			t.Errorf("asked with %v", q)
		}
	}
	for _, param := range []string{"code_challenge_method=plain", "code_challenge=x", "nonce=x", "state=x", "redirect_uri=https://evil.example", "response_type=token", "response_mode=query", "request=x"} {
		settings := p.settings("corp")
		settings.Params = []string{param}
		if err := settings.Check(); err == nil || !strings.Contains(err.Error(), "is set by keyturn") {
			t.Errorf("%s: got %v", param, err)
		}
	}
}

// The mix-up (RFC 9700 §4.4): a provider that is evil, or was taken over, sends
// the browser on to an honest one, and wants the code which that one gives.
func TestAProviderGetsNoCodeOfAnother(t *testing.T) {
	for _, c := range []struct {
		name             string
		tells            bool // the honest one puts its name to its answers
		honestAt, evilAt string
		safe             bool
	}{
		{name: "the honest one names itself", tells: true, safe: true},
		{name: "the honest one has a callback of its own", honestAt: "/auth/callback/corp", safe: true},
		{name: "the evil one has a callback of its own", evilAt: "/auth/callback/evil", safe: true},
		{name: "nothing tells them apart", safe: false}, // which is said, with the remedy
	} {
		t.Run(c.name, func(t *testing.T) {
			s, honest, evil := newStand(t), newIDP(t), newIDP(t)
			honest.tellsIss, evil.tellsIss = c.tells, false
			corp, other := honest.settings("corp"), evil.settings("evil")
			if c.honestAt != "" {
				corp.RedirectURL = here + c.honestAt
			}
			if c.evilAt != "" {
				other.RedirectURL = here + c.evilAt
			}
			r := s.signs([]Provider{corp, other}, nil)
			b := newBrowser(t, r)
			// A sign-in with each by itself works.
			for _, name := range []string{"corp", "evil"} {
				if got := b.signIn(returning(page, "provider", name)); got.header.Get("Location") != page {
					t.Fatalf("%s: %d %q", name, got.status, got.header.Get("Location"))
				}
			}
			before := evil.called("/token")
			// The evil one's page sends the browser to the honest one, with the state that it was given.
			toEvil := mustParse(t, b.begin(returning(page, "provider", "evil")))
			q := toEvil.Query()
			registered := corp.RedirectURL
			if registered == "" {
				registered = here + "/auth/callback"
			}
			q.Set("redirect_uri", registered) // the honest one takes no other
			back := b.visit(honest.server.URL + "/authorize?" + q.Encode())
			got := b.do("GET", back, fetches)
			if !c.safe {
				if r.logs.FilterMessage("provider_answers_look_alike").Len() != 2 {
					t.Error("nobody is told that nothing tells the providers apart")
				}
				return
			}
			want(t, "mixed up", got, 400, CodeIssuerMismatch)
			if n := evil.called("/token") - before; n != 0 {
				t.Errorf("the evil one got the code: %d calls", n)
			}
			if r.logs.FilterMessage("provider_answers_look_alike").Len() != 0 && c.tells == false && c.honestAt+c.evilAt != "" {
				t.Error("a warning though they can be told apart")
			}
		})
	}
}

func TestWhatAProviderSaysAboutItselfIsNotTakenOnTrust(t *testing.T) {
	p := newIDP(t)
	for name, tells := range map[string]func(map[string]any){
		"another issuer":             func(m map[string]any) { m["issuer"] = "https://id.example.com" },
		"no issuer":                  func(m map[string]any) { delete(m, "issuer") },
		"an issuer with a slash":     func(m map[string]any) { m["issuer"] = p.server.URL + "/" },
		"a login page over http":     func(m map[string]any) { m["authorization_endpoint"] = "http://id.example.com/authorize" },
		"a login page that is code":  func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"a login page with a user":   func(m map[string]any) { m["authorization_endpoint"] = "https://id.example.com@evil.example/" },
		"no login page":              func(m map[string]any) { delete(m, "authorization_endpoint") },
		"a token address over http":  func(m map[string]any) { m["token_endpoint"] = "http://id.example.com/token" },
		"a token address of a file":  func(m map[string]any) { m["token_endpoint"] = "file:///etc/passwd" },
		"keys over http":             func(m map[string]any) { m["jwks_uri"] = "http://id.example.com/keys" },
		"no keys":                    func(m map[string]any) { delete(m, "jwks_uri") },
		"userinfo over http":         func(m map[string]any) { m["userinfo_endpoint"] = "http://id.example.com/me" },
		"a logout over http":         func(m map[string]any) { m["end_session_endpoint"] = "http://id.example.com/bye" },
		"a logout that is code":      func(m map[string]any) { m["end_session_endpoint"] = "javascript:alert(1)" },
		"addresses that are numbers": func(m map[string]any) { m["token_endpoint"] = 7 },
		"more than a mebibyte":       func(m map[string]any) { m["x"] = strings.Repeat("x", 2<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			p.set(func() { p.tells = tells })
			b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
			got := b.do("GET", "/auth/login?"+returning(page).Encode(), fetches)
			want(t, name, got, 503, CodeProviderUnavailable)
			if got.header.Get("Location") != "" || len(b.jar) > 0 || strings.Contains(got.body, "example.com") {
				t.Errorf("got %v %s with %v", got.header, got.body, b.jar)
			}
		})
	}
}

// endless writes until whoever reads has gone.
func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"x":"`)
	line := strings.Repeat("x", 64<<10)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, line); err != nil {
			return
		}
	}
}

// mute takes the request and says nothing.
func mute(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the caller goes
	<-r.Context().Done()
}

// drips says a byte now and then, for ever: never silent for long, and never done.
func drips(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush() // the caller is gone if this fails
		}
	}
}

// Whatever a provider does to an answer, it is over in its time and size, and the callback says by name what was wrong.
func TestAnAnswerWithoutAnEndIsGivenUp(t *testing.T) {
	s := newStand(t)
	for how, serve := range map[string]http.HandlerFunc{"endless": endless, "mute": mute, "dripping": drips} {
		for _, path := range []string{"/.well-known/openid-configuration", "/token", "/keys", "/me"} {
			t.Run(how+" "+path, func(t *testing.T) {
				p := newIDP(t)
				p.inToken = false // so that userinfo is asked
				r := s.signs([]Provider{p.settings("corp")}, nil)
				r.providers[0].client.Timeout = 2 * time.Second // of each exchange, and those before the hostile one are good
				b := newBrowser(t, r)
				t.Parallel() // they wait together
				if path != "/.well-known/openid-configuration" {
					back := b.visit(b.begin(returning(page)))
					p.set(func() { p.serves[path] = serve })
					want(t, path, b.do("GET", back, fetches), 503, CodeProviderUnavailable)
				} else {
					p.set(func() { p.serves[path] = serve })
					want(t, path, b.do("GET", "/auth/login?"+returning(page).Encode(), fetches), 503, CodeProviderUnavailable)
				}
				if b.jar[insecureCookieName] != "" {
					t.Error("a session began")
				}
				if p.called(path) == 0 {
					t.Error("it was not asked")
				}
			})
		}
	}
	if providerTimeout > 5*time.Second || callbackTimeout > 15*time.Second {
		t.Errorf("a provider is given %s, a callback %s", providerTimeout, callbackTimeout)
	}
}

// The keys are fetched when a token names one that is not known, once for all who wait, and not for each token of a
// provider that names keys which it does not publish.
func TestTheProvidersKeysAreFetchedWhenTheyTurnAndSeldomOtherwise(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	begin := time.Now()
	people := make([]*browser, 8)
	for i := range people {
		people[i] = newBrowser(t, r)
		people[i].signIn(returning(page))
	}
	if n := p.called("/keys"); n != 1 {
		t.Errorf("fetched %d times for %d sign-ins, want once", n, len(people))
	}
	p.turn("k2")
	// Whoever needs the keys while they are fetched waits for that fetch: it is held until all have asked for their
	// tokens. One who is slow to look may start another afterwards, but never one beside it.
	var fetching, beside atomic.Int32
	tokens := p.called("/token") + len(people)
	p.set(func() {
		p.serves["/keys"] = func(w http.ResponseWriter, r *http.Request) {
			if fetching.Add(1) > 1 {
				beside.Add(1)
			}
			for p.called("/token") < tokens && r.Context().Err() == nil {
				<-time.After(time.Millisecond)
			}
			fetching.Add(-1)
			p.keys(w, r)
		}
	})
	var wg sync.WaitGroup
	for _, b := range people {
		wg.Go(func() {
			if got := b.refresh(); got.status != 200 {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	wg.Wait()
	p.set(func() { delete(p.serves, "/keys") })
	if n := p.called("/keys"); n < 2 || beside.Load() != 0 {
		t.Errorf("fetched %d times when they turned once, %d of them beside another", n, beside.Load())
	}
	strange, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	p.set(func() {
		p.forge = func(c map[string]any) { claims = maps.Clone(c) }
		p.answer = func(a map[string]any) { a["id_token"] = wrongly(t, jose.ES256, strange, rand.Text(), claims) }
	})
	for range 5 * keysBurst {
		want(t, "an unknown key", b0(people).do("GET", b0(people).visit(b0(people).begin(returning(page))), fetches), 502, CodeIDTokenInvalid)
	}
	if n, most := p.called("/keys"), keysBurst+int(time.Since(begin)/keysEvery); n > most {
		t.Errorf("fetched %d times, want at most %d", n, most)
	}
	// Those who are signed in keep their claims, and their sessions.
	for _, b := range people {
		if got := b.refresh(); got.status != 200 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
}

func b0(people []*browser) *browser { return people[0] }

// Keys that can't be had are a provider that is down: nothing is known of the token, and it passes.
func TestKeysThatCanNotBeHadAreAProviderThatIsDown(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	p.set(func() { p.broken["/keys"] = 503 })
	got := b.do("GET", b.visit(b.begin(returning(page))), fetches)
	want(t, "keys", got, 503, CodeProviderUnavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	p.set(func() { clear(p.broken) })
	if got := b.signIn(returning(page)); got.header.Get("Location") != page {
		t.Errorf("back again: %d %q", got.status, got.header.Get("Location"))
	}
}

// Both callbacks of a double click arrive; one is the sign-in, the other is told so, and neither breaks the other.
func TestACallbackThatComesTwiceAtOnceIsOneSignIn(t *testing.T) {
	covers.IDs(t, "OAU-05")
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	other := s.signs([]Provider{p.settings("corp")}, nil)
	b := newBrowser(t, r)
	back := b.visit(b.begin(returning(page)))
	replies := make([]reply, 8)
	tabs := make([]*browser, len(replies))
	var wg sync.WaitGroup
	for i := range replies {
		at := r
		if i%2 == 1 {
			at = other
		}
		tabs[i] = &browser{t: t, r: at, jar: maps.Clone(b.jar)}
		wg.Go(func() { replies[i] = tabs[i].do("GET", back, fetches) })
	}
	wg.Wait()
	won := -1
	for i, got := range replies {
		if got.status == 200 && won < 0 {
			won = i
			continue
		}
		want(t, "one that came too late", got, 400, CodeStateInvalid)
	}
	if won < 0 || p.called("/token") != 1 {
		t.Fatalf("%d exchanges, won by %d", p.called("/token"), won)
	}
	if tabs[won].refresh().status != 200 {
		t.Error("the session does not stand")
	}
}

func TestACallbackWithTooMuchIsRefused(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, nil))
	back := mustParse(t, b.visit(b.begin(returning(page))))
	for _, more := range []string{"&code=" + url.QueryEscape(back.Query().Get("code")), "&x=" + strings.Repeat("x", maxQuery), "&%zz", "&iss=x"} {
		want(t, more[:4], b.do("GET", "/auth/callback?"+back.RawQuery+more, fetches), 400, CodeBadRequest)
	}
	if got := b.do("GET", "/auth/callback?"+back.RawQuery, navigates); got.header.Get("Location") != page {
		t.Errorf("the good one after them: %d %q", got.status, got.header.Get("Location"))
	}
}
