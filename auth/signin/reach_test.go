package signin

import (
	"net/http"
	"testing"
	"time"
)

// grown lets what is known of the providers grow older.
func (r *replica) grown(by time.Duration) {
	for _, p := range r.providers {
		p.mu.Lock()
		then := *p.found
		then.at = then.at.Add(-by)
		p.found = &then
		p.mu.Unlock()
	}
}

// A browser that is sent to a provider that does not answer shows a page of its own, from which no way leads back.
func TestNobodyIsSentToAProviderThatDoesNotAnswer(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	b := newBrowser(t, r)
	b.signIn(returning(page))
	const about = "/.well-known/openid-configuration"
	down := func() { p.set(func() { p.broken[about], p.broken["/token"] = 503, 503 }) }
	framed := "/auth/login?" + returning(page, "prompt", "none", "mode", "frame").Encode()

	down()
	r.grown(answersFor)
	if got := b.do("GET", framed, frames); got.status != 503 || got.header.Get("Location") != "" || b.jar[insecureCookieName] == "" {
		t.Errorf("in a frame: %d %v %s", got.status, got.header, got.body)
	}
	want(t, "a script", b.do("GET", "/auth/login?"+returning(page).Encode(), fetches), 503, CodeProviderUnavailable)
	if got := b.refresh(); got.status != 200 {
		t.Errorf("the last claims: %d %s", got.status, got.body)
	}

	// A refresh that got no answer is a sign, too: what was found a moment ago counts no more.
	p.set(func() { clear(p.broken) })
	r.grown(answersFor)
	deadline := time.Now().Add(10 * time.Second)
	for b.do("GET", "/auth/login?"+returning(page).Encode(), navigates).status != http.StatusFound {
		if time.Now().After(deadline) {
			t.Fatal("it is not found though it is up")
		}
		<-time.After(20 * time.Millisecond)
	}
	down()
	if got := b.refresh(); got.status != 200 {
		t.Errorf("the last claims: %d %s", got.status, got.body)
	}
	want(t, "after a refresh without an answer", b.do("GET", "/auth/login?"+returning(page).Encode(), fetches), 503, CodeProviderUnavailable)
}

func TestAProviderThatIsAskedWhetherItIsThereKeepsItsKeys(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, nil)
	for range 5 {
		r1 := newBrowser(t, r)
		if got := r1.signIn(returning(page)); got.header.Get("Location") != page {
			t.Fatalf("got %d %q", got.status, got.header.Get("Location"))
		}
		r.grown(answersFor)
	}
	if n := p.called("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times, want once", n)
	}
	// Where it says something else about itself, that counts at once.
	p.set(func() { p.tells = func(m map[string]any) { m["authorization_endpoint"] = p.server.URL + "/elsewhere" } })
	if at := mustParse(t, newBrowser(t, r).begin(returning(page))); at.Path != "/elsewhere" {
		t.Errorf("sent to %s", at)
	}
}
