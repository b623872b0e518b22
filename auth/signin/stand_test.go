package signin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// claimsFunc lets a test say what a subject may do.
type claimsFunc func(context.Context, Subject) (map[string]any, error)

func (f claimsFunc) Claims(ctx context.Context, who Subject) (map[string]any, error) {
	return f(ctx, who)
}

// stand is a NATS server, a keyring, and as many replicas of the service as a test wants.
type stand struct {
	t       testing.TB
	nats    *natstest.Server
	keyring *auth.Keyring
	logs    *observer.ObservedLogs

	mu     sync.Mutex
	claims claimsFunc
}

func newStand(t testing.TB) *stand {
	t.Helper()
	key, err := auth.Generate("one", "HS256")
	if err != nil {
		t.Fatal(err)
	}
	k := auth.NewKeyring(auth.Config{Issuer: "https://issuer.test", Audience: "api", Skew: 30 * time.Second})
	if err := k.Install(auth.Set{Rev: 1, Held: []auth.Held{{Name: "v1", Key: key, Stage: auth.Current}}}); err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, nats: natstest.Start(t), keyring: k}
	s.say(func(_ context.Context, who Subject) (map[string]any, error) { return who.Last, nil })
	return s
}

// say sets what the replicas hear about claims from now on.
func (s *stand) say(f claimsFunc) {
	s.mu.Lock()
	s.claims = f
	s.mu.Unlock()
}

// replica starts one more service on the same bucket.
func (s *stand) replica(change func(*Config)) *replica {
	s.t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	registry := prometheus.NewRegistry()
	c := Config{
		Conn: s.nats.Conn(s.t), Keyring: s.keyring, Issuer: "https://issuer.test", Audience: "api",
		TokenLifetime: 10 * time.Minute, SessionLifetime: time.Hour, PerSecond: 10_000,
		Insecure: true, DevLogin: true, Logger: zap.New(core), Registerer: registry,
		Claims: claimsFunc(func(ctx context.Context, who Subject) (map[string]any, error) {
			s.mu.Lock()
			f := s.claims
			s.mu.Unlock()
			return f(ctx, who)
		}),
	}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	svc, err := New(ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	svc.Register(mux)
	return &replica{t: s.t, Service: svc, mux: mux, registry: registry, logs: logs}
}

type replica struct {
	*Service
	t        testing.TB
	mux      *http.ServeMux
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
}

// reply is an answer as a browser sees it.
type reply struct {
	status int
	header http.Header
	body   string
	cookie *http.Cookie // the session's, if one was set
}

func (r reply) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(r.body), &p) // no document: no code
	return p.Code
}

func (r reply) grant(t testing.TB) grant {
	t.Helper()
	var g grant
	if err := json.Unmarshal([]byte(r.body), &g); err != nil || r.status != http.StatusOK {
		t.Fatalf("got %d %s, want a grant", r.status, r.body)
	}
	return g
}

// call sends a request with a session cookie (nil: none) and what edit adds.
func (r *replica) call(method, path, body string, cookie *http.Cookie, edit ...func(*http.Request)) reply {
	req := httptest.NewRequest(method, "http://keyturn.test"+path, strings.NewReader(body))
	if cookie != nil {
		req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	for _, f := range edit {
		f(req)
	}
	rec := httptest.NewRecorder()
	r.mux.ServeHTTP(rec, req)
	res := rec.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	out := reply{status: res.StatusCode, header: res.Header, body: string(b)}
	for _, c := range res.Cookies() {
		if c.Name == cookieName || c.Name == insecureCookieName {
			out.cookie = c
		}
	}
	return out
}

func (r *replica) login(sub string, roles ...string) reply {
	r.t.Helper()
	body, err := json.Marshal(loginRequest{Subject: sub, Roles: roles})
	if err != nil {
		r.t.Fatal(err)
	}
	got := r.call("POST", "/auth/login", string(body), nil, asJSON)
	if got.status != http.StatusOK || got.cookie == nil {
		r.t.Fatalf("login: got %d %s", got.status, got.body)
	}
	return got
}

func (r *replica) refresh(cookie *http.Cookie, edit ...func(*http.Request)) reply {
	return r.call("POST", "/auth/refresh", "", cookie, edit...)
}

// patient refreshes and comes back as often as it is told to: one session that
// asks dozens of times in a second is put behind the others.
func (r *replica) patient(cookie *http.Cookie) reply {
	for {
		got := r.refresh(cookie)
		if got.status != http.StatusTooManyRequests {
			return got
		}
		var p struct{ RetryAfterMs int }
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			r.t.Error(err)
			return got
		}
		<-time.After(time.Duration(p.RetryAfterMs) * time.Millisecond)
	}
}

// age changes a stored session behind the service's back.
func (r *replica) age(cookie *http.Cookie, change func(*record)) {
	r.t.Helper()
	cred, err := parseCredential(cookie.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	rec, seq, err := r.bucket.read(r.t.Context(), cred.session())
	if err != nil {
		r.t.Fatal(err)
	}
	change(&rec)
	if err := r.bucket.swap(r.t.Context(), cred.session(), rec, seq, time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

// counted is the value of one counter, found by its name and label value.
func (r *replica) counted(name, label string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || (len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue()
			}
		}
	}
	r.t.Fatalf("no counter %s %s", name, label)
	return 0
}

func asJSON(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
func asForm(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func from(origin string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Origin", origin) }
}

func want(t *testing.T, what string, got reply, status int, code string) {
	t.Helper()
	if got.status != status || got.code() != code {
		t.Errorf("%s: got %d %q, want %d %q\n%s", what, got.status, got.code(), status, code, got.body)
	}
	if code != "" && got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: content type %q, want a problem document", what, got.header.Get("Content-Type"))
	}
}
