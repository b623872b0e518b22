package signin

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// late makes the provider do what it is asked at once, and answer when release
// is called; or never, with lost. came is closed when it has done the first.
func (p *idp) late(lost bool) (came <-chan struct{}, release func()) {
	done, gate := make(chan struct{}), make(chan struct{})
	first := true
	p.set(func() {
		p.serves["/token"] = func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // before the recorder: the body is the connection's
			rec := httptest.NewRecorder()
			p.token(rec, r)
			p.set(func() {
				if first {
					close(done)
				}
				first = false
			})
			if lost {
				panic(http.ErrAbortHandler) // the connection breaks
			}
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			_, _ = io.Copy(w, rec.Body)
		}
	})
	return done, func() {
		p.set(func() { delete(p.serves, "/token") })
		close(gate)
	}
}

// A refresh token is used up when the provider has answered, heard or not. The caller is not kept waiting, and the next token is kept all the same.
func TestAnAnswerThatComesLateIsForTheNextRefresh(t *testing.T) {
	covers.IDs(t, "SIL-01")
	s, p := newStand(t), newIDP(t)
	settings := []Provider{p.settings("corp")}
	r, other := s.signs(settings, asks), s.signs(settings, asks)
	r.promptly, other.promptly = 50*time.Millisecond, 50*time.Millisecond
	b := newBrowser(t, r)
	b.signIn(returning(page))
	p.set(func() { p.people["ann"]["roles"] = []string{"late"} })
	came, release := p.late(false)
	before := p.called("/token")
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
		t.Errorf("roles %v, want the last", got)
	}
	<-came
	// Meanwhile other refreshes of the session, on this and another replica, use no token twice, however many they are:
	// somebody who waits loads the page again and again.
	for range 3 {
		for _, at := range []*replica{r, other, other, r} {
			b.r = at
			if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
				t.Errorf("roles %v, want the last", got)
			}
		}
	}
	if n := p.called("/token") - before; n != 1 {
		t.Errorf("the provider was asked %d times, want once", n)
	}
	release()
	r.Wait()
	got := b.refresh()
	if got.status != 200 {
		t.Fatalf("got %d %s: the token was used twice", got.status, got.body)
	}
	if roles := b.roles(got); !slices.Equal(roles, []string{"late"}) {
		t.Errorf("roles %v, want what the provider said", roles)
	}
	if got := b.refresh(); got.status != 200 {
		t.Errorf("the one after it: %d %s", got.status, got.body)
	}
}

// Whoever stops the process waits for the answer: the token that it brings is the session's only one.
func TestALateAnswerIsWaitedForAtTheEnd(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	r.promptly = 50 * time.Millisecond
	b := newBrowser(t, r)
	b.signIn(returning(page))
	p.set(func() { p.people["ann"]["roles"] = []string{"late"} })
	came, release := p.late(false)
	if got := b.refresh(); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	<-came
	over := make(chan struct{})
	go func() {
		r.Wait()
		close(over)
	}()
	select {
	case <-over:
		t.Error("it did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	release()
	<-over
	cred, err := parseCredential(b.jar[insecureCookieName])
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := r.bucket.read(t.Context(), cred.session())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := rec.Claims["roles"].([]any); len(got) != 1 || got[0] != "late" {
		t.Errorf("got %v, want what the provider said", rec.Claims)
	}
}

// Revoked meanwhile: who was answered with the last claims is out as soon as the provider has said so.
func TestALateNoEndsTheSession(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp")}, asks)
	r.promptly = 50 * time.Millisecond
	b := newBrowser(t, r)
	b.signIn(returning(page))
	p.set(func() { delete(p.people, "ann") })
	came, release := p.late(false)
	if got := b.refresh(); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	<-came
	release()
	deadline := time.Now().Add(10 * time.Second)
	for r.counted("keyturn_sessions_ended_total", endedGone) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the session goes on")
		}
		<-time.After(5 * time.Millisecond)
	}
	want(t, "dropped", b.refresh(), 401, CodeSessionEnded)
}

// An answer that is lost for good takes the provider's next token with it: the
// claims stay for now, and where tokens are good once the next refresh ends the session by name. A sign-in without a page brings it back.
func TestALostAnswerLeavesTheClaimsAndThenEndsTheSessionByName(t *testing.T) {
	s, p := newStand(t), newIDP(t)
	b := newBrowser(t, s.signs([]Provider{p.settings("corp")}, asks))
	b.signIn(returning(page))
	_, release := p.late(true)
	if got := b.roles(b.refresh()); !slices.Equal(got, []string{"user"}) {
		t.Errorf("roles %v, want the last", got)
	}
	release()
	want(t, "the next", b.refresh(), 401, CodeSessionEnded)
	b.do("GET", b.visit(b.begin(returning(page, "prompt", "none", "mode", "frame"), frames)), frames)
	if got := b.refresh(); got.status != 200 {
		t.Errorf("after the frame: %d %s", got.status, got.body)
	}
}

func TestAProviderThatHangsHoldsUpNobodyElse(t *testing.T) {
	s, p, q := newStand(t), newIDP(t), newIDP(t)
	r := s.signs([]Provider{p.settings("corp"), q.settings("other")}, asks)
	r.promptly = 50 * time.Millisecond
	ann, bob := newBrowser(t, r), newBrowser(t, r)
	ann.signIn(returning(page))
	bob.signIn(returning(page, "provider", "other"))
	came, release := p.late(false)
	if got := ann.refresh(); got.status != 200 {
		t.Errorf("whoever waits: %d %s", got.status, got.body)
	}
	<-came
	if got := bob.refresh(); got.status != 200 {
		t.Errorf("another provider's: %d %s", got.status, got.body)
	}
	// Bob may have been answered before; that provider is asked while the first still hangs.
	deadline := time.Now().Add(10 * time.Second)
	for q.called("/token") != 2 {
		if time.Now().After(deadline) {
			t.Fatalf("another provider was asked %d times, want twice", q.called("/token"))
		}
		<-time.After(5 * time.Millisecond)
	}
	// Past the age of the last claims there is nothing to go on with, and the session stays.
	r.age(&http.Cookie{Value: ann.jar[insecureCookieName]}, func(rec *record) { rec.ClaimsAt = rec.ClaimsAt.Add(-time.Hour) })
	got := ann.refresh()
	want(t, "too old", got, 503, CodeClaims)
	if got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	release()
	r.Wait()
	if got := ann.refresh(); got.status != 200 {
		t.Errorf("the session has not come back: %d %s", got.status, got.body)
	}
}
