package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func TestTheScriptForTestersIsServedByDevAlone(t *testing.T) {
	covers.IDs(t, "API-18")
	d := startDev(t, t.TempDir())
	if got := d.get(d.public + "/keyturn.dev.js"); got.status != 200 || !strings.Contains(got.body, "keyturnDev") {
		t.Errorf("dev: got %d %.80s, want the script with helpers", got.status, got.body)
	}
	if got := d.get(d.public + "/keyturn.js"); got.status != 200 || strings.Contains(got.body, "keyturnDev") {
		t.Errorf("dev: got %d for the script of users, want it without helpers", got.status)
	}
}

func TestTheDemosPagesAdmitNothingButTheirOwnOrigin(t *testing.T) {
	d := startDev(t, t.TempDir())
	for path, kind := range map[string]string{
		"/": "text/html", "/ui/reports": "text/html", "/ui/admin": "text/html", "/ui/callback": "text/html",
		"/app.js": "text/javascript", "/ui/common.js": "text/javascript", "/ui/reports.js": "text/javascript", "/ui/admin.js": "text/javascript",
		"/style.css": "text/css", "/ui/ui.css": "text/css", "/icon.svg": "image/svg+xml",
	} {
		res, err := http.Get(d.public + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // read to its end
		if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: got %d %s, %v", path, res.StatusCode, res.Header.Get("Content-Type"), err)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "frame-src") {
			t.Errorf("%s: policy %s", path, policy)
		}
		// The policy would stop them; a page that needs none says nothing of it in the console.
		for _, inline := range []string{"style=", "<style", "onclick=", "<script>"} {
			if kind == "text/html" && strings.Contains(string(body), inline) {
				t.Errorf("%s holds %s", path, inline)
			}
		}
	}
	if got := d.get(d.public + "/ui/"); got.status != 200 || !strings.Contains(got.body, "<title>Reports") {
		t.Errorf("/ui/: got %d %.60s, want the reports", got.status, got.body)
	}
	if got := d.get(d.public + "/ui/parts.html"); got.status != 404 {
		t.Errorf("a template is served: %d", got.status)
	}
}

func TestTheDemoAnswersItsOwnPagesAlone(t *testing.T) {
	d := startDev(t, t.TempDir())
	root := signIn(t, d, "root", "admin")
	for name, header := range map[string]http.Header{
		"a page of another origin": {"Origin": {"http://evil.example"}},
		"another site's fetch":     {"Sec-Fetch-Site": {"cross-site"}},
	} {
		for method, path := range map[string]string{"PUT": "/demo/api/users/alice/roles", "POST": "/reporting/api/reports/R-1064/approve"} {
			if got := root.do(t, method, path, `{"roles":["admin"]}`, header); got.status != http.StatusForbidden || !strings.Contains(got.body, "origin_refused") {
				t.Errorf("%s: %s %s: got %d %s", name, method, path, got.status, got.body)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.public+"/ui/admin", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // the status is all that is wanted
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("under a name that was rebound: got %d", res.StatusCode)
	}
}

func TestTheDemosPagesLeadToTheProviderThatItIsGiven(t *testing.T) {
	var issuer string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.ReplaceAll(`{"issuer":"U","authorization_endpoint":"U/authorize","token_endpoint":"U/token","jwks_uri":"U/keys"}`, "U", issuer))
	}))
	t.Cleanup(provider.Close)
	issuer = provider.URL
	d := startDev(t, t.TempDir(), "--issuer", issuer, "--client-id", "demo-app", "--callback-delay", "1s")

	res, err := http.Get(d.public + "/ui/reports")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // read to its end
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`data-signin="auto"`, `data-provider="idp"`, `data-callback-delay="1000"`, `data-base="/ui/"`, `data-home="/ui/reports"`, strings.TrimPrefix(issuer, "http://")} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-src 'self' "+issuer+";") {
		t.Errorf("the hidden frame may not show the provider: %s", policy)
	}
	if out := d.stdout.String(); !strings.Contains(out, "Register at "+issuer+": "+d.public+"/auth/callback, and for after a logout "+d.public+"/ui/reports") || strings.Contains(out, "does not answer") {
		t.Errorf("it does not say what to register, or that the provider is missing:\n%s", out)
	}

	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	res, err = client.Get(d.public + "/auth/login?provider=idp&redirect_uri=" + d.public + "/ui/callback")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // empty
	to, err := res.Location()
	if err != nil || !strings.HasPrefix(to.String(), issuer+"/authorize?") || to.Query().Get("client_id") != "demo-app" || to.Query().Get("redirect_uri") != d.public+"/auth/callback" {
		t.Errorf("sign-in: got %d %v, %v", res.StatusCode, to, err)
	}

	// The provider sends browsers back to one origin, where the cookies of the sign-in have to be.
	local := strings.Replace(d.public, "127.0.0.1", "localhost", 1)
	res, err = client.Get(local + "/ui/reports?page=2")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // empty
	if got := res.Header.Get("Location"); got != d.public+"/ui/reports?page=2" {
		t.Errorf("under localhost: got %d %s", res.StatusCode, got)
	}

	root := signIn(t, d, "root", "admin")
	if got := root.do(t, "GET", "/demo/api/users", "", nil); !strings.Contains(got.body, `"changeable":false`) || !strings.Contains(got.body, `"source":"idp"`) || !strings.Contains(got.body, `"sub":"root"`) {
		t.Errorf("users: got %d %s", got.status, got.body)
	}
	if got := root.do(t, "PUT", "/demo/api/users/root/roles", `{"roles":["user"]}`, nil); got.status != http.StatusConflict || !strings.Contains(got.body, "roles_elsewhere") {
		t.Errorf("a role at the provider: got %d %s", got.status, got.body)
	}
}

// Whoever has named a wrong address, or has not started the provider yet, reads it where they look first.
func TestTheDemoSaysThatItsProviderDoesNotAnswer(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	d := startDev(t, t.TempDir(), "--issuer", page.URL)
	if want := page.URL + "/.well-known/openid-configuration answered 404"; !strings.Contains(d.stdout.String(), want) {
		t.Errorf("got\n%s\nwant %s", d.stdout.String(), want)
	}
}

func TestTheDemoSaysWhichFlagIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"--claims nowhere: want file":           {"--claims", "nowhere"},
		"--claims idp asks a provider":          {"--claims", "idp"},
		"--sign-in loud: want off":              {"--sign-in", "loud"},
		"--issuer: want its address":            {"--issuer", "id.example.com"},
		"--client-id":                           {"--issuer", "https://id.example.com", "--client-id", ""},
		"--client-secret-file belong":           {"--client-secret-file", "secret"},
		"--client-id and":                       {"--client-id", "demo-app"},
		"--callback-delay: want 0s to 10s":      {"--callback-delay", "2m"},
		"listens on loopback addresses only":    {"--listen", "0.0.0.0:8080"},
		"client secret of provider idp: open n": {"--issuer", "http://127.0.0.1:1", "--client-secret-file", "nowhere", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
	} {
		var out, errs output
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		code := run(ctx, world{args: append([]string{"dev", "--data-dir", t.TempDir()}, args...), stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
		cancel()
		if code == exitOK || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: got code %d\n%s\nwant %s", args, code, errs.String(), want)
		}
	}
}

// A page whose token no script sees calls the same APIs by the cookie, and no
// page of another origin does.
func TestTheDemosAPIsTakeTheCookieWhereTokensAreKeptFromScripts(t *testing.T) {
	d := startDev(t, t.TempDir(), "--token-cookie")
	root := signIn(t, d, "root", "admin", "analyst")
	if root.token != "" {
		t.Fatal("a script was given a token")
	}
	if got := root.do(t, "GET", "/reporting/api/reports", "", nil); got.status != 200 || !strings.Contains(got.body, `"pages":8`) {
		t.Errorf("reports: got %d %s", got.status, got.body)
	}
	same := http.Header{"Sec-Fetch-Site": {"same-origin"}}
	if got := root.do(t, "PUT", "/demo/api/users/alice/roles", `{"roles":["user"]}`, same); got.status != 200 {
		t.Errorf("saving from the page: got %d %s", got.status, got.body)
	}
	for _, header := range []http.Header{{"Origin": {"http://evil.example"}}, {"Sec-Fetch-Site": {"same-site"}}} {
		if got := root.do(t, "PUT", "/demo/api/users/alice/roles", `{"roles":["admin"]}`, header); got.status != http.StatusForbidden {
			t.Errorf("%v: got %d %s", header, got.status, got.body)
		}
	}
}
