package signin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const (
	here = "http://127.0.0.1:8080" // the service's own origin in these tests
	page = "https://app.example.com/callback"
)

// signs starts a replica with providers, as `serve` runs it on a loopback address.
func (s *stand) signs(providers []Provider, change func(*Config)) *replica {
	return s.replica(func(c *Config) {
		c.Providers, c.PublicURL, c.Origins, c.DevLogin = providers, here, []string{"https://app.example.com", "http://localhost:5173"}, false
		if change != nil {
			change(c)
		}
	})
}

// browser keeps cookies, as one profile does.
type browser struct {
	t   testing.TB
	r   *replica
	jar map[string]string
}

func newBrowser(t testing.TB, r *replica) *browser {
	return &browser{t: t, r: r, jar: map[string]string{}}
}

func navigates(q *http.Request) {
	q.Header.Set("Sec-Fetch-Mode", "navigate")
	q.Header.Set("Sec-Fetch-Dest", "document")
	q.Header.Set("Accept", "text/html,*/*;q=0.8")
}

func frames(q *http.Request) {
	navigates(q)
	q.Header.Set("Sec-Fetch-Dest", "iframe")
}

func fetches(q *http.Request) {
	q.Header.Set("Sec-Fetch-Mode", "cors")
	q.Header.Set("Origin", "https://app.example.com")
}

// do sends a request with the jar's cookies and keeps those of the answer.
func (b *browser) do(method, path string, edit ...func(*http.Request)) reply {
	b.t.Helper()
	req := httptest.NewRequest(method, here+strings.TrimPrefix(path, here), nil)
	for name, value := range b.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, f := range edit {
		f(req)
	}
	rec := httptest.NewRecorder()
	b.r.mux.ServeHTTP(rec, req)
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return reply{status: res.StatusCode, header: res.Header, body: string(body)}
}

// begin goes to /auth/login and returns the address of the provider's page.
func (b *browser) begin(q url.Values, edit ...func(*http.Request)) string {
	b.t.Helper()
	if len(edit) == 0 {
		edit = append(edit, navigates)
	}
	got := b.do("GET", "/auth/login?"+q.Encode(), edit...)
	if got.status != http.StatusFound {
		b.t.Fatalf("login: got %d %s, want a redirect to the provider", got.status, got.body)
	}
	return got.header.Get("Location")
}

// visit opens the provider's page and returns where that sends the browser.
func (b *browser) visit(address string) string {
	b.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(address)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusFound {
		b.t.Fatalf("the provider answered %d", res.StatusCode)
	}
	return res.Header.Get("Location")
}

// signIn goes all the way.
func (b *browser) signIn(q url.Values) reply {
	b.t.Helper()
	return b.do("GET", b.visit(b.begin(q)), navigates)
}

func (b *browser) refresh() reply { return b.do("POST", "/auth/refresh", fetches) }

func returning(to string, more ...string) url.Values {
	q := url.Values{"redirect_uri": {to}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}
