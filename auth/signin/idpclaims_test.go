package signin

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// asks makes a replica whose claims come from the provider.
func asks(c *Config) { c.Claims, c.ClaimsMaxAge = ProviderClaims(), 15*time.Minute }

func (b *browser) roles(got reply) []string {
	b.t.Helper()
	token, err := b.r.config.Keyring.Verify(b.t.Context(), got.grant(b.t).AccessToken)
	if err != nil {
		b.t.Fatal(err)
	}
	return token.Roles()
}

func TestARoleGrantedAtTheProviderIsInTheNextToken(t *testing.T) {
	covers.IDs(t, "SIL-01", "FUT-3")
	for name, inToken := range map[string]bool{"in the ID token": true, "in userinfo": false} {
		t.Run(name, func(t *testing.T) {
			s, p := newStand(t), newIDP(t)
			p.inToken = inToken
			b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
			b.signIn(returning(page))
			if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
				t.Fatalf("roles %v", got)
			}
			p.set(func() { p.people["ann"]["roles"] = []string{"user", "analyst"} })
			for range 3 { // each refresh uses up a token of the provider
				if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user", "analyst"}) {
					t.Errorf("roles %v", got)
				}
			}
		})
	}
}

func TestTabsAndReplicasUseTheProvidersTokenOnce(t *testing.T) {
	covers.IDs(t, "REF-14")
	s, p := newStand(t), newIDP(t)
	settings := []Provider{p.settings("corp")}
	b := newBrowser(t, s.signs(settings, asks))
	other := s.signs(settings, asks)
	b.signIn(returning(page))
	p.set(func() { p.people["ann"]["roles"] = []string{"analyst"} })
	for range 5 {
		before := p.called("/token")
		tabs := make([]*browser, 8)
		replies := make([]reply, len(tabs))
		var wg sync.WaitGroup
		for i := range tabs {
			r := b.r
			if i%2 == 1 {
				r = other
			}
			tabs[i] = &browser{t: t, r: r, jar: map[string]string{}}
			for k, v := range b.jar {
				tabs[i].jar[k] = v
			}
			wg.Go(func() { replies[i] = tabs[i].refresh() })
		}
		wg.Wait()
		for i, got := range replies {
			if roles := tabs[i].roles(got); !slices.Equal(roles, []string{"analyst"}) {
				t.Errorf("tab %d: roles %v", i, roles)
			}
			if tabs[i].jar[insecureCookieName] != tabs[0].jar[insecureCookieName] {
				t.Errorf("tab %d has another credential", i)
			}
		}
		if n := p.called("/token") - before; n != 1 {
			t.Errorf("the provider was asked %d times, want once", n)
		}
		b.jar = tabs[0].jar
	}
}

func TestAProviderThatIsDownLeavesTheLastClaimsForTheirAge(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	p.set(func() { p.people["ann"]["roles"] = []string{"analyst"}; p.broken["/token"] = http.StatusBadGateway })
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
		t.Errorf("roles %v, want those of before", got)
	}
	age := func(by time.Duration) {
		b.r.age(&http.Cookie{Value: b.jar[insecureCookieName]}, func(rec *record) { rec.ClaimsAt = rec.ClaimsAt.Add(-by) })
	}
	age(16 * time.Minute)
	want(t, "after a quarter of an hour", b.refresh(), 503, CodeClaims)
	p.set(func() { p.broken["/token"] = http.StatusTooManyRequests })
	want(t, "overloaded", b.refresh(), 503, CodeClaims)
	p.set(func() { clear(p.broken) })
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"analyst"}) {
		t.Errorf("roles %v, want those of now: its token was never used up", got)
	}
	// It answers, but not who the user is: the token that it gave is kept.
	p.set(func() { p.inToken = false; p.broken["/me"] = 500; p.people["ann"]["roles"] = []string{"boss"} })
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"analyst"}) {
		t.Errorf("roles %v, want those of before", got)
	}
	p.set(func() { clear(p.broken) })
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"boss"}) {
		t.Errorf("roles %v, want those of now", got)
	}
}

func TestASlowProviderDoesNotLoseItsNewToken(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	stall := make(chan struct{})
	p.set(func() { p.stall = stall })
	before := p.called("/token")
	first := make(chan reply)
	go func() { first <- b.refresh() }()
	deadline := time.Now().Add(10 * time.Second)
	for p.called("/token") == before {
		if time.Now().After(deadline) {
			t.Fatal("the provider was not asked")
		}
		<-time.After(time.Millisecond)
	}
	p.set(func() { p.stall = nil; p.people["ann"]["roles"] = []string{"late"} })
	close(stall)
	if got := b.roles(<-first); !slices.Equal(got, []string{"late"}) {
		t.Errorf("roles %v", got)
	}
	if got := b.refresh(); got.status != 200 {
		t.Errorf("the refresh after it: %d %s", got.status, got.body)
	}
}

func TestAUserWhomTheProviderDropsIsSignedOut(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	p.set(func() { delete(p.people, "ann") })
	want(t, "dropped", b.refresh(), 401, CodeSessionEnded)
	want(t, "again", b.refresh(), 401, CodeSessionEnded)
	if n := b.r.counted("keyturn_sessions_ended_total", endedGone); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

func TestAProviderThatNamesAnotherPersonEndsTheSession(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	p.set(func() { p.forge = func(c map[string]any) { c["sub"] = "bob" } })
	want(t, "another person", b.refresh(), 401, CodeSessionEnded)
}

func TestClientSettingsThatTurnBadSignNobodyOut(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	settings := p.settings("corp")
	settings.ClientSecret = func() (string, error) { return p.secret, nil }
	b := newBrowser(t, s.signs([]Provider{settings}, asks))
	b.signIn(returning(page))
	p.set(func() { p.broken["/token"] = http.StatusUnauthorized })
	if got := b.refresh(); got.status != 200 {
		t.Errorf("got %d %s, want the last claims", got.status, got.body)
	}
}

func TestAProviderTurnsItsOwnKeys(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	b := newBrowser(t, r)
	b.signIn(returning(page))
	p.turn("k2")
	if got := b.refresh(); got.status != 200 {
		t.Fatalf("refresh: %d %s", got.status, got.body)
	}
	p.turn("k3")
	if got := newBrowser(t, r).signIn(returning(page)); got.header.Get("Location") != page {
		t.Errorf("sign-in: %d %q", got.status, got.header.Get("Location"))
	}
	p.turn("k3") // another key under the same name
	if got := newBrowser(t, r).signIn(returning(page)); got.header.Get("Location") != page {
		t.Errorf("sign-in with a key name used again: %d %q", got.status, got.header.Get("Location"))
	}
}

func TestWithoutARefreshTokenClaimsStayAsAtSignIn(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	p.noTokens = true
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	p.set(func() { p.people["ann"]["roles"] = []string{"analyst"} })
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
		t.Errorf("roles %v", got)
	}
	if s.logs.FilterMessage("provider_gives_no_refresh_token").Len() != 1 {
		t.Error("nobody is told")
	}
}

func TestWhoReadsTheBucketOpensNoTokenOfTheProvider(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	cred, err := parseCredential(b.jar[insecureCookieName])
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := b.r.bucket.read(t.Context(), cred.session())
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.open(rec.Sealed)
	if err != nil || p.tokens[token] != "ann" {
		t.Fatalf("the credential does not open what was sealed for it: %v", err)
	}
	data, err := rec.encode()
	if err != nil || strings.Contains(string(data), token) {
		t.Error("the record holds the token in the clear")
	}
	old := rec
	rec = rec.rotated(cred, b.r.bucket.serverKey(), told{rec.Claims, rec.ClaimsAt}, time.Now())
	if _, err := cred.open(rec.Sealed); err == nil {
		t.Error("a credential that was replaced still opens the token")
	}
	if again, err := cred.successor(b.r.bucket.serverKey()).open(rec.Sealed); err != nil || again != token {
		t.Errorf("the successor does not open it: %v", err)
	}
	old.Sealed[len(old.Sealed)-1] ^= 1
	if _, err := cred.open(old.Sealed); err == nil {
		t.Error("a changed seal opens")
	}
	if r := old.rotated(cred, b.r.bucket.serverKey(), told{}, time.Now()); r.Sealed != nil {
		t.Error("what nobody can open is kept")
	}
}
