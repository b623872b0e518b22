package main

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/watcher/admin"
)

func TestASiteIsSchemeAndRegistrableDomain(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://app.example.com", "https://auth.example.com", true},
		{"https://app.example.com", "https://example.com:8443", true},
		{"https://app.example.com", "http://app.example.com", false},
		{"https://app.example.com", "https://app.example.org", false},
		{"https://one.github.io", "https://two.github.io", false},
		{"https://a.shop.co.uk", "https://b.shop.co.uk", true},
		{"https://a.co.uk", "https://b.co.uk", false},
		{"http://127.0.0.1:8080", "http://127.0.0.1:5173", true},
		{"http://127.0.0.1:8080", "http://127.1.0.1:8080", false},
		{"http://localhost:8080", "http://localhost:5173", true},
		{"http://localhost:8080", "http://127.0.0.1:8080", false},
		{"http://[::1]:8080", "http://[::1]:1", true},
	} {
		if got := site(c.a) == site(c.b); got != c.same {
			t.Errorf("%s and %s: got %v (%s, %s)", c.a, c.b, got, site(c.a), site(c.b))
		}
	}
}

func TestCheckSaysWhatKeepingTokensFromScriptsTakes(t *testing.T) {
	config := func(public, verify string, origins ...string) Config {
		return Config{Auth: AuthConfig{Ring: "payments", TokenCookie: true, PublicURL: public}, Broadcast: BroadcastConfig{Origins: origins, Verify: verify}}
	}
	const app = "https://app.example.com"
	for name, c := range map[string]struct {
		config Config
		level  string
		text   string
	}{
		"off":              {Config{}, "", ""},
		"one site":         {config("https://auth.example.com", "local", app), admin.LevelOK, "pages of 1 origins are of this server's site, https://example.com"},
		"another site":     {config("https://auth.example.com", "local", app, "https://app.example.org"), admin.LevelFail, "pages of https://app.example.org are of the site https://example.org, this server of https://example.com"},
		"another scheme":   {config("https://auth.example.com", "local", "http://app.example.com"), admin.LevelFail, "serve both under one domain and scheme"},
		"loopback":         {config("http://127.0.0.1:8080", "local", "http://127.0.0.1:5173"), admin.LevelNote, "without Secure"},
		"localhost beside": {config("http://127.0.0.1:8080", "local", "http://localhost:5173"), admin.LevelNote, "are to call this server by that name"},
		"no public URL":    {config("", "local", app), admin.LevelWarn, "auth.publicURL is not written"},
		"public stream":    {config("https://auth.example.com", "public", app), admin.LevelNote, "the stream is public"},
		"the APIs":         {config("https://auth.example.com", "local", app), admin.LevelNote, "the APIs are to be there, too"},
	} {
		i := &inspection{}
		i.tokenCookie(c.config)
		found := false
		for _, f := range i.findings {
			found = found || f.Level == c.level && strings.Contains(f.Text, c.text)
		}
		if (c.text == "" && len(i.findings) > 0) || (c.text != "" && !found) || i.failed != (c.level == admin.LevelFail) {
			t.Errorf("%s: got %+v, want %s … %s …", name, i.findings, c.level, c.text)
		}
	}
}
