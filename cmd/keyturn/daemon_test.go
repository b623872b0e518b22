package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestATurnedKeyReachesARealSocketAndFailsNoRequest(t *testing.T) {
	d := startDev(t, t.TempDir())
	b := signIn(t, d, "alice", "user")
	c, _, err := b.socket(t, d.public)
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, "welcome", func(f frame) bool { return f.Type == "welcome" && f.Key == b.key })
	await(t, c, "a live state", func(f frame) bool { return f.Type == "state" && f.Live && f.Key == b.key })
	if got := b.call(t, "/api/hello"); got != 200 {
		t.Fatalf("a call before: got %d", got)
	}

	code, out, errs := d.verb("rotate", "demo")
	if code != exitOK || !strings.Contains(out, "promote") || !strings.Contains(out, "signs") {
		t.Fatalf("rotate: got code %d\n%s%s", code, out, errs)
	}
	moved := await(t, c, "the new key", func(f frame) bool { return f.Type == "state" && f.Key != b.key })
	if got := b.call(t, "/api/hello"); got != 200 {
		t.Errorf("a call under the retiring key: got %d, want 200", got)
	}
	b.refresh(t)
	if b.key != moved.Key || b.call(t, "/api/hello") != 200 {
		t.Errorf("after the refresh: key %s, want %s", b.key, moved.Key)
	}
	if got := b.call(t, "/api/admin"); got != 403 {
		t.Errorf("an API of another role: got %d, want 403", got)
	}

	code, out, errs = d.verb("rotate", "demo", "--compromise")
	if code != exitOK || !strings.Contains(out, "revoke") {
		t.Fatalf("rotate --compromise: got code %d\n%s%s", code, out, errs)
	}
	if code, _, errs = d.verb("rotate", "demo", "--compromise", "--key", moved.Key); code != exitRefused || !strings.Contains(errs, "gone already, compromised") {
		t.Errorf("the same again: got code %d %s, want a refusal", code, errs)
	}
	eventually(t, "the leaked key is dropped", func() bool { return b.call(t, "/api/hello") == 401 })
	b.refresh(t)
	if got := b.call(t, "/api/hello"); got != 200 {
		t.Errorf("after the refresh: got %d, want 200", got)
	}
}

func TestVerbsSeeWhatTheDaemonSees(t *testing.T) {
	d := startDev(t, t.TempDir())
	b := signIn(t, d, "alice")
	if _, _, err := b.socket(t, d.public); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the browser is counted", func() bool {
		_, out, _ := d.verb("status", "demo", "--json")
		var r admin.Ring
		return json.Unmarshal([]byte(out), &r) == nil && r.Census.Keys[b.key] == 1 && r.Live && !r.Degraded
	})
	code, out, _ := d.verb("status")
	if code != exitOK || !strings.Contains(out, "1 connected: 1 on the current key") {
		t.Errorf("status: got %d\n%s", code, out)
	}
	// Verifiers report in their own time, and have a second for a canary.
	var errs string
	content := false
	for begin := time.Now(); !content && time.Since(begin) < patience; {
		code, out, errs = d.verb("check")
		content = code == exitOK && strings.Contains(out, "1 of 1 hold every live key") && strings.Contains(out, "1 of 1 verify what is signed here") && !strings.Contains(out, "FAIL") && !strings.Contains(out, "WARN")
	}
	if !content {
		t.Errorf("check: got %d\n%s%s", code, out, errs)
	}
	code, out, _ = d.verb("rotate", "demo", "--dry-run")
	if code != exitOK || !strings.Contains(out, "nothing was changed") {
		t.Errorf("dry run: got %d\n%s", code, out)
	}
	code, _, errs = d.verb("rotate", "payments")
	if code != exitRefused || !strings.Contains(errs, "no ring of that name") {
		t.Errorf("a ring there is not: got %d %s", code, errs)
	}
	code, out, _ = d.verb("token", "demo", "--subject", "bob", "--role", "admin")
	minted := &browser{d: d, http: b.http, token: strings.TrimSpace(out)}
	if code != exitOK || minted.call(t, "/api/admin") != 200 {
		t.Errorf("token: got %d", code)
	}
	if _, err := decodeToken(out); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("token: want one alone on a line, %v", err)
	}
}

func TestTailPrintsEachStateAndRunsItsCommand(t *testing.T) {
	d := startDev(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "states")
	ctx, leave := context.WithCancel(t.Context())
	var lines, errs output
	done := make(chan int, 2)
	for _, args := range [][]string{{"tail", "demo"}, {"tail", "demo", "--exec", "cat >> " + file}} {
		go func() {
			done <- run(ctx, world{args: append(args, "--data-dir", d.dir), env: os.Environ(), stdin: strings.NewReader(""), stdout: &lines, stderr: &errs})
		}()
	}
	read := func() string {
		data, _ := os.ReadFile(file) // not there at first
		return string(data)
	}
	states := func(text string) (out []rotation.State) {
		for line := range strings.Lines(text) {
			var s rotation.State
			if json.Unmarshal([]byte(line), &s) == nil {
				out = append(out, s)
			}
		}
		return out
	}
	eventually(t, "both have the first state", func() bool { return len(states(lines.String())) == 1 && len(states(read())) == 1 })
	if code, out, errs := d.verb("rotate", "demo"); code != exitOK {
		t.Fatalf("rotate: %d\n%s%s", code, out, errs)
	}
	for name, text := range map[string]func() string{"tail": lines.String, "--exec": read} {
		eventually(t, name+" has each state", func() bool {
			all := states(text())
			return len(all) == 3 && all[1].Cause.Change == "pending" && all[2].Cause.Change == "promoted" &&
				all[1].Cause.By == rotation.ByOps && all[2].Cause.By == rotation.ByOps
		})
	}
	leave()
	for range 2 {
		if code := <-done; code != exitOK {
			t.Errorf("leaving: got code %d\n%s", code, errs.String())
		}
	}
}

func TestDevSurvivesARestartWithItsDataAndLeavesNoAddressBehind(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	if info, err := os.Stat(filepath.Join(dir, adminFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%s: got %v, %v, want mode 0600", adminFile, info, err)
	}
	b := signIn(t, d, "alice", "user")
	if code, out, errs := d.verb("rotate", "demo"); code != exitOK {
		t.Fatalf("rotate: %d\n%s%s", code, out, errs)
	}
	if code := d.end(); code != exitOK {
		t.Errorf("stop: got code %d\n%s", code, d.stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, adminFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there still: %v", adminFile, err)
	}

	d = startDev(t, dir)
	b.d = d
	if got := b.call(t, "/api/hello"); got != 200 {
		t.Errorf("a token of the run before: got %d, want 200", got)
	}
	// The cookie belongs to the address of before, as to a browser whose server
	// moved; its jar is asked by host, so it goes along.
	b.refresh(t)
	if got := b.call(t, "/api/hello"); got != 200 {
		t.Errorf("the session of the run before: got %d, want 200", got)
	}
}

func TestWhatIsTakenIsSaidInOneLine(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	address := strings.TrimPrefix(d.public, "http://")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"page port":  {[]string{"--listen", address, "--admin", "127.0.0.1:0", "--data-dir", t.TempDir()}, address + " is taken by another process; stop it, or choose another address with --listen"},
		"admin port": {[]string{"--listen", "127.0.0.1:0", "--admin", address, "--data-dir", t.TempDir()}, "choose another address with --admin"},
		"folder":     {[]string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", dir}, "is in use by another process"},
	} {
		var out, errs output
		code := run(t.Context(), world{args: append([]string{"dev"}, c.args...), stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
		last := ""
		for line := range strings.Lines(errs.String()) {
			if strings.HasPrefix(line, "keyturn: ") {
				last += line
			}
		}
		if code != exitFailed || !strings.Contains(last, c.want) || strings.Count(last, "\n") != 1 {
			t.Errorf("%s: got code %d, %q, want one line … %s …", name, code, last, c.want)
		}
	}
	if code, _, errs := d.verb("status"); code != exitOK {
		t.Errorf("the one that runs is unharmed: got %d %s", code, errs)
	}
}

func TestDevAnswersItsOwnPageAlone(t *testing.T) {
	d := startDev(t, t.TempDir())
	b := signIn(t, d, "alice")
	if _, res, err := b.socket(t, "https://evil.example"); err == nil || res == nil || res.StatusCode != 403 {
		t.Errorf("a socket of another origin: got %v, %v, want 403", res, err)
	}
	for name, change := range map[string]func(*http.Request){
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a rebound name": func(r *http.Request) { r.Host = "evil.example" },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.public+"/dev/rotate", strings.NewReader(`{"compromise":true}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		change(req)
		res, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 403 && res.StatusCode != 421 {
			t.Errorf("turning the key from %s: got %d, want a refusal", name, res.StatusCode)
		}
	}
	res, err := b.http.Get(d.public)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	html, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'; ") || strings.Contains(csp, "unsafe") {
		t.Errorf("got policy %q", csp)
	}
	if inline := regexp.MustCompile(`(?i)<script>|<style>|style="|onclick=|https?://`).Find(html); inline != nil {
		t.Errorf("the page holds %q", inline)
	}
}

// TestServeRunsAConfiguration: an external issuer, no tokens at first, then
// health, keys and metrics; and nothing secret anywhere.
func TestServeRunsAConfiguration(t *testing.T) {
	dir := t.TempDir()
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, issuer: external, poll: 1s}]
broadcast: {listen: "127.0.0.1:0", origins: ["https://app.example.com"]}
drain: 0s`)
	d := startDaemon(t, dir, "serve", "--config", config)
	seen := ""
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{d.inner + "/livez", 200, `"live":true`},
		{d.inner + "/readyz", 200, `"ready":true`},
		{d.inner + "/metrics", 200, "keyturn_build_info"},
		{d.inner + "/v1/rings", 503, "keyturn admin-token NAME"},
		{d.public + "/v1/state", 200, `"kid":"k1"`},
		{d.public + "/.well-known/jwks.json", 200, `"keys":[]`},
		{d.public + "/.well-known/jwks.json?ring=other", 404, "no_such_ring"},
		{d.public + "/auth/verify", 401, "token_missing"},
		{d.public + "/auth/refresh", 404, "no_such_route"},
		{d.public + "/auth/login", 404, "no_such_route"},
		{d.public + "/dev/rotate", 404, "no_such_route"},
		{d.public + "/keyturn.js", 200, ""},
		{d.public + "/keyturn.dev.js", 404, "no_such_route"},
	} {
		got := d.get(c.url)
		if got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%s: got %d %.200s, want %d … %s …", c.url, got.status, got.body, c.status, c.want)
		}
		seen += got.body
	}
	if code := d.end(); code != exitOK {
		t.Errorf("stop: got code %d", code)
	}
	seen += d.stdout.String() + d.stderr.String()
	if strings.Contains(seen, canary) || strings.Contains(seen, "canary-of-this-test") {
		t.Error("the secret shows")
	}
	for line := range strings.Lines(d.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("serve logs %q, want JSON", line)
		}
	}
	if !strings.Contains(d.stderr.String(), `"single node"`) {
		t.Error("the log does not say that the embedded server is a single node")
	}
}
