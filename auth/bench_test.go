package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The reference is what a service would write with golang-jwt alone: the
// bearer token of the header, its key by kid, algorithm pinned, iss, aud and
// exp validated, nothing handed on. The ratio of Middleware to it is a bar of
// this project: at most 1.15 in time, at most two allocations more.

type benchCase struct {
	alg     string
	key     Key
	token   string
	request *http.Request
	keyring *Keyring
}

func newBenchCase(tb testing.TB, alg string) benchCase {
	tb.Helper()
	key := mustGenerate(tb, "2026-11-b", alg)
	k := NewKeyring(Config{Issuer: "https://auth.example.com", Audience: "api", Skew: 30 * time.Second})
	if err := k.Install(Set{Rev: 1, Held: []Held{
		{Name: "new", Key: key, Stage: Current},
		{Name: "old", Key: mustGenerate(tb, "2026-10-a", alg), Stage: Retiring, VerifyUntil: time.Now().Add(time.Hour)},
	}}); err != nil {
		tb.Fatal(err)
	}
	signed, err := k.Sign(map[string]any{
		"iss": "https://auth.example.com", "aud": "api", "sub": "alice", "jti": "5f1d9b0c2c7a",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"roles": []string{"user", "analyst"}, "email": "alice@example.com", "name": "Alice Example",
	})
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+signed.Token)
	return benchCase{alg: alg, key: key, token: signed.Token, request: r, keyring: k}
}

// bare is the reference.
func (c benchCase) bare() http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{c.alg}), jwt.WithIssuer("https://auth.example.com"), jwt.WithAudience("api"), jwt.WithExpirationRequired(), jwt.WithLeeway(30*time.Second))
	keys := map[string]any{"2026-11-b": c.key.m().verify}
	find := func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if key, ok := keys[kid]; ok {
			return key, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := parser.Parse(raw, find); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

func (c benchCase) middleware() http.Handler {
	return Middleware(c.keyring, Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
}

// discard is a ResponseWriter that allocates nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func benchmarkHandler(b *testing.B, h http.Handler, r *http.Request) {
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("got status %d, want 200", w.status)
		}
	}
}

func BenchmarkBareGolangJWT(b *testing.B) {
	for _, alg := range []string{HS256, RS256, ES256, EdDSA} {
		c := newBenchCase(b, alg)
		b.Run(alg, func(b *testing.B) { benchmarkHandler(b, c.bare(), c.request) })
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for _, alg := range []string{HS256, RS256, ES256, EdDSA} {
		c := newBenchCase(b, alg)
		b.Run(alg, func(b *testing.B) { benchmarkHandler(b, c.middleware(), c.request) })
	}
}

func BenchmarkVerify(b *testing.B) {
	c := newBenchCase(b, HS256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.keyring.Verify(context.Background(), c.token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRatio measures both in turns, so that a busy machine slows both, and
// reports the median of their ratios.
func BenchmarkRatio(b *testing.B) {
	for _, alg := range []string{HS256, RS256, ES256, EdDSA} {
		c := newBenchCase(b, alg)
		b.Run(alg, func(b *testing.B) {
			bare, ours := c.bare(), c.middleware()
			w := &discard{header: http.Header{}}
			turn := func(h http.Handler) time.Duration {
				start := time.Now()
				for range 50 {
					h.ServeHTTP(w, c.request)
				}
				return time.Since(start)
			}
			var ratios []float64
			for b.Loop() {
				reference := turn(bare)
				ratios = append(ratios, float64(turn(ours))/float64(reference))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
		})
	}
}

// Allocations are counts, not seconds, so a test may hold them to the bar.
func TestTheMiddlewareAllocatesAtMostTwiceMoreThanBareGolangJWT(t *testing.T) {
	for _, alg := range []string{HS256, RS256, ES256, EdDSA} {
		c := newBenchCase(t, alg)
		allocations := func(h http.Handler) float64 {
			w := &discard{header: http.Header{}}
			return testing.AllocsPerRun(100, func() { h.ServeHTTP(w, c.request) })
		}
		bare, ours := allocations(c.bare()), allocations(c.middleware())
		if ours > bare+2 {
			t.Errorf("%s: got %v allocations a request, want at most the %v of bare golang-jwt and 2 more", alg, ours, bare)
		}
	}
}
