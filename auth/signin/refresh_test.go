package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/nats-io/nats.go/jetstream"
)

func TestARefreshGivesAFreshTokenAndANewCredential(t *testing.T) {
	covers.IDs(t, "REF-01", "STAT-05", "FUT-3")
	s := newStand(t)
	r := s.replica(nil)
	in := r.login("alice", "user")
	got := r.refresh(in.cookie)
	g := got.grant(t)
	if g.TokenType != "Bearer" || g.Key != "v1" || g.KID != "one" || g.ExpiresIn != 600 {
		t.Errorf("got %s %s %s %d, want Bearer v1 one 600", g.TokenType, g.Key, g.KID, g.ExpiresIn)
	}
	token, err := s.keyring.Verify(t.Context(), g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if token.Subject != "alice" || token.Issuer != "https://issuer.test" || !token.HasRole("user") {
		t.Errorf("token of %s by %s with roles %v", token.Subject, token.Issuer, token.Roles())
	}
	if life := token.Expiry.Sub(token.IssuedAt); life != 10*time.Minute {
		t.Errorf("the token lives %s, want 10m", life)
	}
	if token.Claims["jti"] == "" || g.AccessToken == in.grant(t).AccessToken {
		t.Error("the token is the one given before")
	}
	if got.cookie == nil || got.cookie.Value == in.cookie.Value {
		t.Error("the credential did not change")
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("cache control %q, want no-store", got.header.Get("Cache-Control"))
	}
	if n := r.counted("keyturn_refresh_total", resultOK); n != 1 {
		t.Errorf("counted %v refreshes, want 1", n)
	}
}

func TestTheCookieIsForThisHostAndNoScript(t *testing.T) {
	covers.IDs(t, "SEC-01")
	s := newStand(t)
	for _, insecure := range []bool{false, true} {
		r := s.replica(func(c *Config) { c.Insecure = insecure })
		c := r.login("alice").cookie
		name := cookieName
		if insecure {
			name = insecureCookieName
		}
		if c.Name != name || c.Secure == insecure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("insecure %t: got %s", insecure, c.Raw)
		}
		if c.MaxAge < 3590 || c.MaxAge > 3600 {
			t.Errorf("insecure %t: max age %d, want the session's hour", insecure, c.MaxAge)
		}
	}
}

func TestTabsAndReplicasInARaceGetTheSameSuccessor(t *testing.T) {
	covers.IDs(t, "REF-14", "FUT-3")
	s := newStand(t)
	replicas := []*replica{s.replica(nil), s.replica(nil)}
	cookie := replicas[0].login("alice").cookie
	for round := range 5 {
		const tabs = 12
		replies := make([]reply, tabs)
		var wg sync.WaitGroup
		for i := range tabs {
			wg.Go(func() { replies[i] = replicas[i%2].patient(cookie) })
		}
		wg.Wait()
		for i, got := range replies {
			if got.status != http.StatusOK || got.cookie == nil {
				t.Fatalf("round %d, tab %d: got %d %s", round, i, got.status, got.body)
			}
			if got.cookie.Value != replies[0].cookie.Value {
				t.Fatalf("round %d, tab %d: got another successor than tab 0", round, i)
			}
		}
		cookie = replies[0].cookie
	}
	if got := replicas[0].counted("keyturn_refresh_total", resultOK) + replicas[1].counted("keyturn_refresh_total", resultOK); got != 5 {
		t.Errorf("changes of the credential: got %v, want one a round, 5", got)
	}
}

func TestAnOldCredentialEndsTheSession(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	t.Run("the one just replaced, after the grace", func(t *testing.T) {
		first := r.login("alice").cookie
		second := r.refresh(first).cookie
		want(t, "within the grace", r.refresh(first), 200, "")
		r.age(second, func(rec *record) { rec.RotatedAt = rec.RotatedAt.Add(-Grace) })
		want(t, "after the grace", r.refresh(first), 401, CodeSessionEnded)
		want(t, "the other holder", r.refresh(second), 401, CodeSessionEnded)
	})
	t.Run("one replaced long ago", func(t *testing.T) {
		first := r.login("alice").cookie
		third := r.refresh(r.refresh(first).cookie).cookie
		want(t, "the thief", r.refresh(first), 401, CodeSessionEnded)
		want(t, "the owner", r.refresh(third), 401, CodeSessionEnded)
	})
	if got := r.counted("keyturn_sessions_ended_total", endedReused); got != 2 {
		t.Errorf("alarms: got %v, want 2", got)
	}
}

func TestAMadeUpCredentialHarmsNobody(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice").cookie
	cred, err := parseCredential(cookie.Value)
	if err != nil {
		t.Fatal(err)
	}
	cred.secret[0]++
	want(t, "forged", r.refresh(&http.Cookie{Name: cookie.Name, Value: cred.encode()}), 401, CodeSessionEnded)
	want(t, "unreadable", r.refresh(&http.Cookie{Name: cookie.Name, Value: "rubbish"}), 401, CodeSessionMissing)
	want(t, "unknown session", r.refresh(&http.Cookie{Name: cookie.Name, Value: newCredential().encode()}), 401, CodeSessionEnded)
	want(t, "the owner", r.refresh(cookie), 200, "")
}

func TestWithoutASessionNothingIsRefreshed(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	token := r.login("alice").grant(t).AccessToken
	got := r.refresh(nil)
	want(t, "nothing at all", got, 401, CodeSessionMissing)
	if !strings.Contains(got.body, "No token found to refresh") {
		t.Errorf("got %s", got.body)
	}
	want(t, "a good token alone", r.refresh(nil, bearer(token)), 401, CodeSessionMissing)
	want(t, "a good token in a cookie", r.refresh(nil, func(q *http.Request) { q.AddCookie(&http.Cookie{Name: TokenCookie, Value: token}) }), 401, CodeSessionMissing)
	want(t, "by GET", r.call("GET", "/auth/refresh", "", nil), 405, "")
}

func TestABadHintIs400AndNeverEndsTheSession(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice").cookie
	for token, text := range map[string]string{
		"abc": "Invalid token format", "a.!.c": "Malformed token", fakeToken(`[]`): "Invalid token payload", fakeToken(`{}`): "Missing or invalid 'sub' claim in token",
	} {
		got := r.refresh(cookie, bearer(token))
		want(t, text, got, 400, CodeBadRequest)
		var p struct{ Detail string }
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Detail != text {
			t.Errorf("got detail %q, want %q", p.Detail, text)
		}
	}
	want(t, "a token nobody signed", r.refresh(cookie, bearer(fakeToken(`{"sub":"mallory"}`))), 200, "")
}

func TestAHintUnderAnUnknownKeyDoesNotDelay(t *testing.T) {
	s := newStand(t)
	over := make(chan struct{})
	defer close(over)
	looking := auth.NewKeyring(auth.Config{Issuer: "https://issuer.test", Audience: "api", Look: func(ctx context.Context, _ string) error {
		select { // a store that does not answer
		case <-ctx.Done():
		case <-over:
		}
		return errors.New("no answer")
	}})
	if err := looking.Install(s.keyring.Set()); err != nil {
		t.Fatal(err)
	}
	r := s.replica(func(c *Config) { c.Keyring = looking })
	cookie := r.login("alice").cookie
	start := time.Now()
	unknown := segment(`{"alg":"HS256","kid":"forged"}`) + "." + segment(`{"sub":"alice"}`) + "." + strings.Repeat("A", 43)
	want(t, "unknown kid", r.refresh(cookie, bearer(unknown)), 200, "")
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %s: the refresh waited for a key", took)
	}
}

func TestASessionEndsAtItsTime(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice").cookie
	r.age(cookie, func(rec *record) { rec.Ends = time.Now().Add(90 * time.Second) })
	got := r.refresh(cookie)
	if life := got.grant(t).ExpiresIn; life > 90 {
		t.Errorf("the token outlives the session: %d s, want at most 90", life)
	}
	if got.cookie.MaxAge > 90 {
		t.Errorf("the cookie outlives the session: %d s, want at most 90", got.cookie.MaxAge)
	}
	r.age(got.cookie, func(rec *record) { rec.Ends = time.Now() })
	want(t, "at the end", r.refresh(got.cookie), 401, CodeSessionEnded)
}

func TestClaimsAreReadAtEachRefresh(t *testing.T) {
	covers.IDs(t, "REF-02")
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice", "user").cookie
	s.say(func(_ context.Context, who Subject) (map[string]any, error) {
		if who.ID != "alice" || fmt.Sprint(who.Last["roles"]) != "[user]" || who.Session == "" {
			t.Errorf("asked for %+v", who)
		}
		return map[string]any{
			"roles": []any{"user", "boss"}, "email": "alice@example.com",
			"sub": "mallory", "iss": "evil", "aud": "evil", "exp": 1, "iat": 1, "nbf": float64(time.Now().Add(time.Hour).Unix()), "jti": "evil",
		}, nil
	})
	got := r.refresh(cookie)
	token, err := s.keyring.Verify(t.Context(), got.grant(t).AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if !token.HasRole("boss") || token.Subject != "alice" || token.Claims["jti"] == "evil" {
		t.Errorf("got %v", token.Claims)
	}

	s.say(func(context.Context, Subject) (map[string]any, error) { return nil, errors.New("directory is down") })
	out := r.refresh(got.cookie)
	want(t, "claims can't be read", out, 503, CodeClaims)
	if out.header.Get("Retry-After") == "" || strings.Contains(out.body, "directory") {
		t.Errorf("got %v %s, want Retry-After and no cause", out.header, out.body)
	}
	s.say(func(context.Context, Subject) (map[string]any, error) {
		return map[string]any{"x": strings.Repeat("a", maxRecord)}, nil
	})
	want(t, "claims beyond the cap", r.refresh(got.cookie), 503, CodeClaims)
	s.say(func(_ context.Context, who Subject) (map[string]any, error) { return who.Last, nil })
	got = r.refresh(got.cookie)
	want(t, "the session is still there", got, 200, "")

	s.say(func(context.Context, Subject) (map[string]any, error) { return nil, fmt.Errorf("fired: %w", ErrGone) })
	want(t, "the subject is gone", r.refresh(got.cookie), 401, CodeSessionEnded)
	s.say(func(_ context.Context, who Subject) (map[string]any, error) { return who.Last, nil })
	want(t, "and its session with it", r.refresh(got.cookie), 401, CodeSessionEnded)
	if n := r.counted("keyturn_sessions_ended_total", endedGone); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

func TestWhoDoesNotFitIsToldWhenToComeBack(t *testing.T) {
	s := newStand(t)
	r := s.replica(func(c *Config) { c.PerSecond, c.Issuers = 1.0/30, func() int { return 2 } })
	first, second, third := r.login("a").cookie, r.login("b").cookie, r.login("c").cookie
	want(t, "first", r.refresh(first), 200, "")
	wait := func(cookie *http.Cookie) (ms int) {
		t.Helper()
		got := r.refresh(cookie)
		want(t, "beyond the rate", got, 429, CodeRefreshBusy)
		var p struct{ RetryAfterMs int }
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			t.Fatal(err)
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds*1000 < p.RetryAfterMs || seconds*1000 >= p.RetryAfterMs+1000 {
			t.Errorf("Retry-After %q for %d ms", got.header.Get("Retry-After"), p.RetryAfterMs)
		}
		return p.RetryAfterMs
	}
	// Half a refresh in thirty seconds: slots are a minute apart, and a slow machine calls all three within half of one.
	if b, c := wait(second), wait(third); b < 30_000 || b > 60_000 || c < b+30_000 || c > b+60_100 {
		t.Errorf("waits: got %d and %d ms, want about 60000 and 120000", b, c)
	}
	if again := wait(second); again > 60_000 {
		t.Errorf("asking again: told %d ms, want the same slot", again)
	}
	if n := r.counted("keyturn_refresh_total", resultBusy); n != 3 {
		t.Errorf("counted %v busy answers, want 3", n)
	}
}

func TestNATSDownIs503AndThenGoesOn(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	cookie := r.login("alice").cookie
	s.nats.Stop(t)
	got := r.refresh(cookie)
	want(t, "refresh", got, 503, "unavailable")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	want(t, "login", r.call("POST", "/auth/login", `{"sub":"bob","roles":[]}`, nil, asJSON), 503, "unavailable")
	out := r.call("POST", "/auth/logout", "", cookie)
	want(t, "logout", out, 503, "unavailable")
	if out.cookie == nil || out.cookie.MaxAge >= 0 {
		t.Error("logout did not clear the cookie")
	}
	s.nats.Start(t)
	deadline := time.Now().Add(20 * time.Second)
	for got = r.refresh(cookie); got.status == 503 && time.Now().Before(deadline); got = r.refresh(cookie) {
		<-time.After(20 * time.Millisecond)
	}
	want(t, "after the restart", got, 200, "")
}

func TestSessionsSurviveARestartOfEverything(t *testing.T) {
	s := newStand(t)
	cookie := s.replica(nil).login("alice").cookie
	s.nats.Restart(t)
	got := s.replica(nil).refresh(cookie)
	want(t, "after the restart", got, 200, "")
	r := s.replica(nil)
	if repeated := r.refresh(cookie); repeated.cookie == nil || repeated.cookie.Value != got.cookie.Value {
		t.Error("after the restart the replaced credential leads to another successor")
	}
}

func TestAWipedBucketEndsSessionsAndIsMadeAnew(t *testing.T) {
	s := newStand(t)
	a, b := s.replica(nil), s.replica(nil)
	cookie := a.login("alice").cookie
	if err := a.bucket.js.DeleteStream(t.Context(), bucketStream); err != nil {
		t.Fatal(err)
	}
	want(t, "refresh", a.refresh(cookie), 401, CodeSessionEnded)
	want(t, "logout", a.call("POST", "/auth/logout", "", cookie), 204, "")
	cookie = a.login("alice").cookie
	second := a.refresh(cookie)
	want(t, "a new session", second, 200, "")
	// The other replica still holds the key of the bucket that was wiped.
	twin := b.refresh(cookie)
	want(t, "the new session elsewhere", twin, 200, "")
	if twin.cookie == nil || twin.cookie.Value != second.cookie.Value {
		t.Error("the replicas derive different successors")
	}
	want(t, "its successor elsewhere", b.refresh(second.cookie), 200, "")
}

func TestALostKeyIsReplacedAndSessionsStay(t *testing.T) {
	s := newStand(t)
	r := s.replica(nil)
	first := r.login("alice").cookie
	second := r.refresh(first).cookie
	if err := r.bucket.end(t.Context(), "unrelated"); err != nil {
		t.Fatal(err)
	}
	stream, err := r.bucket.js.Stream(t.Context(), bucketStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(bucketSubject+serverKeyName)); err != nil {
		t.Fatal(err)
	}
	other := s.replica(nil)
	got := other.refresh(first)
	want(t, "the replaced credential", got, 200, "")
	if got.cookie != nil {
		t.Error("a successor was set that can't be the one given out before")
	}
	third := other.refresh(second)
	want(t, "the current credential", third, 200, "")
	want(t, "its successor", r.refresh(third.cookie), 200, "")
}

func TestTheBucketKeepsNoSecretAndForgets(t *testing.T) {
	covers.IDs(t, "SEC-05")
	s := newStand(t)
	r := s.replica(nil)
	in := r.login("alice@example.com", "user")
	out := r.refresh(in.cookie)
	r.refresh(in.cookie)
	r.refresh(&http.Cookie{Name: in.cookie.Name, Value: newCredential().encode()})
	dead := r.login("bob")
	r.call("POST", "/auth/logout", "", dead.cookie)

	stream, err := r.bucket.js.Stream(t.Context(), bucketStream)
	if err != nil {
		t.Fatal(err)
	}
	if info := stream.CachedInfo(); info.Config.AllowDirect || !info.Config.AllowMsgTTL || info.Config.Storage != jetstream.FileStorage {
		t.Errorf("stream: direct get %t, lifetimes %t, storage %s", info.Config.AllowDirect, info.Config.AllowMsgTTL, info.Config.Storage)
	}
	var shown strings.Builder
	cred, err := parseCredential(in.cookie.Value)
	if err != nil {
		t.Fatal(err)
	}
	deadCred, err := parseCredential(dead.cookie.Value)
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]time.Duration{
		sessionPrefix + cred.session(): 50 * time.Minute, sessionPrefix + deadCred.session(): tombstone,
	} {
		m, err := stream.GetLastMsgForSubject(t.Context(), bucketSubject+name)
		if err != nil {
			t.Fatal(err)
		}
		life, err := time.ParseDuration(m.Header.Get(jetstream.MsgTTLHeader))
		if err != nil || life < least || life > 2*time.Hour {
			t.Errorf("%s lives %q, want at least %s", name, m.Header.Get(jetstream.MsgTTLHeader), least)
		}
		fmt.Fprintln(&shown, m.Subject, m.Header, string(m.Data))
	}
	if m, err := stream.GetLastMsgForSubject(t.Context(), bucketSubject+serverKeyName); err != nil || m.Header.Get(jetstream.MsgTTLHeader) != "" {
		t.Errorf("the server's key: %v, lifetime %q; want it there for ever", err, m.Header.Get(jetstream.MsgTTLHeader))
	}
	stored := shown.String()
	for _, e := range r.logs.All() {
		fmt.Fprintln(&shown, e.Message, e.ContextMap())
		if strings.Contains(fmt.Sprint(e.ContextMap()), "alice@example.com") {
			t.Errorf("a log line names the subject: %s %v", e.Message, e.ContextMap())
		}
	}
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&shown, families)
	for _, secret := range []string{in.cookie.Value, out.cookie.Value, in.cookie.Value[22:], in.grant(t).AccessToken, out.grant(t).AccessToken} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("found %q in bucket, logs or metrics:\n%s", secret, shown.String())
		}
	}
	if !strings.Contains(stored, "PURGE") {
		t.Error("the ended session left no mark")
	}
}

func TestNewWaitsForNATSAndNoLongerThanItMay(t *testing.T) {
	s := newStand(t)
	conn := s.nats.Conn(t)
	s.nats.Stop(t)
	c := Config{Conn: conn, Keyring: s.keyring, Claims: FileClaims("none")}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New(short, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the wait", err)
	}
	done := make(chan error, 1) // one result, left behind if the test fails
	go func() {
		_, err := New(t.Context(), c)
		done <- err
	}()
	s.nats.Start(t)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("New did not return after NATS came back")
	}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	s := newStand(t)
	good := Config{Conn: s.nats.Conn(t), Keyring: s.keyring, Claims: FileClaims("none")}
	for name, change := range map[string]func(*Config){
		"no connection":        func(c *Config) { c.Conn = nil },
		"no keyring":           func(c *Config) { c.Keyring = nil },
		"no claims":            func(c *Config) { c.Claims = nil },
		"no lifetime":          func(c *Config) { c.TokenLifetime = -1 },
		"no session lifetime":  func(c *Config) { c.SessionLifetime = time.Millisecond },
		"no rate":              func(c *Config) { c.PerSecond = -1 },
		"a path in an origin":  func(c *Config) { c.Origins = []string{"https://a.test/"} },
		"a wildcard":           func(c *Config) { c.Origins = []string{"*"} },
		"null":                 func(c *Config) { c.Origins = []string{"null"} },
		"an upper-case origin": func(c *Config) { c.Origins = []string{"https://A.test"} },
		"a user in an origin":  func(c *Config) { c.Origins = []string{"https://u@a.test"} },
		"another scheme":       func(c *Config) { c.Origins = []string{"ftp://a.test"} },
	} {
		c := good
		change(&c)
		if _, err := New(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
