package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/test/harness"
)

// The secret of a ring stays in its store: it shows up in nothing that the
// real binary prints, sends or keeps besides, through every kind of turn.
func TestACanarySecretLeavesTheStoreByNoWay(t *testing.T) {
	covers.IDs(t, "SEC-05")
	t.Parallel()
	binary, dir := harness.Build(t), filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	canary := []byte("canary:5e0c1d7f-not-a-word-of-this-may-leave-the-store!")
	file := filepath.Join(dir, "demo.json")
	body, err := json.Marshal(map[string]any{"serial": 1, "keys": []harness.Entry{
		{KID: "canary", Stage: "current", Alg: "HS256", Secret: base64.RawURLEncoding.EncodeToString(canary)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}

	d := harness.RunDev(t, binary, dir, "--beacon", "1s", "--rate", "1000")
	crowd := harness.Gather(t, d.URL, "demo", 2, 0, nil)
	harness.Until(t, "every browser has a state", crowd.AllTold)
	seen := map[string][]byte{} // where → what was there
	for _, verb := range [][]string{
		{"status"}, {"status", "--json"}, {"check", "demo"}, {"rotate", "demo", "--dry-run"},
		{"rotate", "demo"}, {"rotate", "demo", "--compromise"}, {"token", "demo", "--subject", "x"}, {"client"}, {"version"},
	} {
		out, err := d.Run(t.Context(), verb[0], verb[1:]...)
		if err != nil && verb[0] != "client" && verb[0] != "version" {
			t.Errorf("keyturn %s: %v\n%s", strings.Join(verb, " "), err, out)
		}
		seen["keyturn "+strings.Join(verb, " ")] = []byte(out)
	}
	damage(t, file)
	for _, path := range []string{"/", "/app.js", "/keyturn.js", "/v1/state?ring=demo", "/.well-known/jwks.json", "/auth/refresh", "/auth/userinfo", "/api/hello", "/nothing"} {
		seen["GET "+path] = get(t, d.URL+path, "")
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz", "/v1/rings", "/v1/rings/demo", "/v1/rings/demo/census", "/v1/rings/demo/verifiers"} {
		seen["GET admin "+path] = get(t, d.Admin+path, d.Token)
	}
	for i, b := range crowd.Browsers {
		frames, err := json.Marshal(b.States())
		if err != nil {
			t.Fatal(err)
		}
		seen["frames of browser "+string(rune('0'+i))] = frames
	}
	crowd.Stop()
	d.Stop(t)
	seen["the daemon's output"] = d.Output()
	kept := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, file) { // the store itself
			return err
		}
		kept++
		seen["file "+filepath.Base(path)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept < 3 || len(seen) < 25 {
		t.Fatalf("looked at %d files and %d places: too few to mean anything", kept, len(seen))
	}
	for where, what := range seen {
		if form, hit := holds(what, canary); hit {
			t.Errorf("the secret shows in %s, %s", where, form)
		}
	}
}

// damage makes the file unreadable in a way that tempts an error to quote it.
func damage(t *testing.T, file string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(body, `{"secret":"Y2FuYXJ5"`...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url, token string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range res.Header {
		body = append(body, (name + ": " + strings.Join(values, ",") + "\n")...)
	}
	return body
}

// holds looks for the secret as it is, in the usual encodings, and as a plain digest.
func holds(what, secret []byte) (form string, hit bool) {
	digest := sha256.Sum256(secret)
	for form, b := range map[string][]byte{"as it is": secret, "as a digest": digest[:]} {
		for _, text := range [][]byte{
			b, []byte(hex.EncodeToString(b)), []byte(strings.ToUpper(hex.EncodeToString(b))),
			[]byte(base64.RawURLEncoding.EncodeToString(b)), []byte(base64.RawStdEncoding.EncodeToString(b)),
		} {
			if bytes.Contains(what, text) {
				return form, true
			}
		}
	}
	return "", false
}
