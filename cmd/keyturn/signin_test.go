package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A daemon that is configured with a provider sends people there; the provider
// here only says where it would be.
func TestServeSignsPeopleInWithTheProviderOfItsConfiguration(t *testing.T) {
	var issuer string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.ReplaceAll(`{"issuer":"U","authorization_endpoint":"U/authorize","token_endpoint":"U/token","jwks_uri":"U/keys","scopes_supported":["openid","offline_access"]}`, "U", issuer))
	}))
	t.Cleanup(provider.Close)
	issuer = provider.URL
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "client"), []byte("client-"+canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, signAfter: 0s}]
broadcast: {listen: "127.0.0.1:0", origins: ["https://app.example.com"]}
auth:
  ring: payments
  publicURL: http://127.0.0.1:8080
  providers: [{name: corp, issuer: "`+issuer+`", clientID: keyturn, clientSecretFile: DIR/client, scopes: [profile], params: [access_type=offline]}]
  claims: {from: idp}
drain: 0s`)
	d := startDaemon(t, dir, "serve", "--config", config)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(d.public + "/auth/login?redirect_uri=" + url.QueryEscape("https://app.example.com/callback"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // empty
	to, err := res.Location()
	if err != nil || res.StatusCode != http.StatusFound || !strings.HasPrefix(to.String(), issuer+"/authorize?") {
		t.Fatalf("got %d %v (%v)", res.StatusCode, to, err)
	}
	for name, want := range map[string]string{"client_id": "keyturn", "redirect_uri": "http://127.0.0.1:8080/auth/callback", "scope": "openid profile", "access_type": "offline"} {
		if got := to.Query().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	code, out, errs := d.run("check", "--config", config)
	for _, want := range []string{"corp answers; register there: http://127.0.0.1:8080/auth/callback", "write scopes: [profile, email, offline_access]", "asked of the provider at each refresh"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("check: code %d %s, want … %s …\n%s", code, errs, want, out)
		}
	}
	written, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	both := strings.Replace(string(written), "claims: {from: idp}", "claims: {from: session}", 1)
	both = strings.Replace(both, "providers: [", `providers: [{name: other, issuer: "`+issuer+`", clientID: keyturn}, `, 1)
	if err := os.WriteFile(filepath.Join(dir, "both.yaml"), []byte(both), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := d.run("check", "--config", filepath.Join(dir, "both.yaml")); code != 0 || !strings.Contains(out, "write redirectURL: http://127.0.0.1:8080/auth/callback/other") {
		t.Errorf("check of two providers whose answers look alike: code %d %s\n%s", code, errs, out)
	}
	if said := out + errs + d.stderr.String(); strings.Contains(said, canary) {
		t.Errorf("a secret is shown:\n%s", said)
	}
}

func TestServeEndsWhereASecretOfSignInIsMissing(t *testing.T) {
	for name, auth := range map[string]string{
		"client secret of provider corp": "publicURL: https://a.example.com, providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k, clientSecretFile: DIR/none}], claims: {from: session}",
		"secret of the claims hook":      "claims: {from: hook, hook: {url: \"https://a.example.com/claims\", secretFile: DIR/none}}",
	} {
		dir := t.TempDir()
		config := serveConfig(t, dir, "rings: [{name: payments, secret: DIR/keys.json}]\nbroadcast: {listen: \"127.0.0.1:0\"}\nauth: {ring: payments, "+auth+"}\ndrain: 0s")
		code, _, errs := (&testDaemon{t: t, dir: dir}).run("serve", "--config", config)
		if code == 0 || !strings.Contains(errs, name) || !strings.Contains(errs, "no such file") {
			t.Errorf("got code %d %s, want … %s …", code, errs, name)
		}
	}
}

func TestASecretFileIsReadWithoutItsLastLineBreak(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s")
	for text, want := range map[string]string{"abc\n": "abc", "abc": "abc", " a b \r\n": "a b", "\n": "", strings.Repeat("x", maxSecretFile+1): ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readSecretFile(file)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%.20q: got %q %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "xxx") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

// run runs a verb in this process, without a daemon.
func (d *testDaemon) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, errs output
	code = run(d.t.Context(), world{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}
