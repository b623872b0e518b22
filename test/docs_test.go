package test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/test/harness"
	"github.com/keyturn/keyturn/watcher/natslog/embedded"
)

// pages are those whose links are followed, seen from the repository's root.
var pages = []string{"README.md", "broadcaster/PROTOCOL.md", "broadcaster/client/README.md", "broadcaster/client/docs/*.md"}

var (
	fenced    = regexp.MustCompile("(?ms)^```.*?^```$")
	coded     = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	noAnchor  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	bracketed = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors are the names under which the headings of a page can be linked to, as
// GitHub makes them; of equal ones the second ends in -1.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		title := bracketed.ReplaceAllString(h[1], "$1")
		name := strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
		for n, base := 1, name; out[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		out[name] = true
	}
	return out
}

func TestEachLinkAndAnchorOfThePagesLeadsSomewhere(t *testing.T) {
	seen := 0
	for _, pattern := range pages {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d pages, %v", pattern, len(files), err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plain := coded.ReplaceAllString(fenced.ReplaceAllString(string(body), ""), "")
			for _, l := range link.FindAllStringSubmatch(plain, -1) {
				target, anchor, anchored := strings.Cut(l[1], "#")
				if strings.Contains(target, ":") {
					continue // another site's
				}
				seen++
				to := file
				if target != "" {
					to = filepath.Join(filepath.Dir(file), target)
				}
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s links to %s: %v", file, l[1], err)
					continue
				}
				if !anchored {
					continue
				}
				text, err := os.ReadFile(to)
				if err != nil {
					t.Fatal(err)
				}
				if !anchors(string(text))[anchor] {
					t.Errorf("%s links to %s, where no heading has that name", file, l[1])
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("got %d links, want those of all pages", seen)
	}
}

func TestAnAnchorIsNamedAsGitHubNamesIt(t *testing.T) {
	got := anchors("# One\n## `fetch`, and *more*\n## One\n## redirect_uri mismatch\n```\n# not this\n```\n## [a link](x.md)\n## Frage: \u00fcber?\n")
	for _, want := range []string{"one", "fetch-and-more", "one-1", "redirect_uri-mismatch", "a-link", "frage-\u00fcber"} {
		if !got[want] {
			t.Errorf("got %v, want %s among them", got, want)
		}
	}
	if len(got) != 6 {
		t.Errorf("got %d anchors, want 6: %v", len(got), got)
	}
}

// shown returns the block of a page that shows what a command prints in a scene.
func shown(t *testing.T, page, scene string) []string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(body), "```output "+scene+"\n")
	block, _, ended := strings.Cut(rest, "\n```")
	if !found || !ended {
		t.Fatalf("%s has no block ```output %s", page, scene)
	}
	return strings.Split(block, "\n")
}

// service is `keyturn serve` with a configuration and a key file of its own.
type service struct {
	dir, admin string
	out        bytes.Buffer
	mu         sync.Mutex // guards out
}

// Write takes what the service prints.
func (s *service) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *service) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// hold writes the service's key file, as one more save of it.
func (s *service) hold(t *testing.T, serial int, secret []byte) {
	t.Helper()
	keys := fmt.Sprintf(`{"serial":%d,"keys":[{"kid":"k1","version":"v1","stage":"current","alg":"HS256","secret":%q}]}`, serial, base64.RawURLEncoding.EncodeToString(secret))
	file := filepath.Join(s.dir, "keys.json")
	if err := os.WriteFile(file+".new", []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// The steps of "The notice keeps appearing": the check names the service that
// holds another secret, and is content once it has the right one.
func TestTheCheckOfThePagesLeadsToTheServiceThatHoldsAnotherSecret(t *testing.T) {
	covers.IDs(t, "DOC-03")
	t.Parallel()
	binary := harness.Build(t)
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	out, err := exec.Command(binary, "admin-token", "ops").CombinedOutput()
	token := regexp.MustCompile(`kta_\S+`).FindString(string(out))
	sum := regexp.MustCompile(`sha256: *"?([0-9a-f]{64})`).FindStringSubmatch(string(out))
	if err != nil || token == "" || sum == nil {
		t.Fatalf("keyturn admin-token: %v\n%s", err, out)
	}
	right, wrong := make([]byte, 32), make([]byte, 32)
	for _, secret := range [][]byte{right, wrong} {
		if _, err := rand.Read(secret); err != nil {
			t.Fatal(err)
		}
	}

	serve := func(instance string, secret []byte, more string) *service {
		s := &service{dir: t.TempDir()}
		s.hold(t, 1, secret)
		config := fmt.Sprintf(`rings: [{name: payments, secret: %[1]s/keys.json, signAfter: 0s, poll: 1s}]
nats: {url: %[2]q, replicas: 1}
broadcast: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0", tokens: [{name: ops, sha256: %[3]s, can: [view]}]}
dataDir: %[1]s/data
instance: %[4]s
drain: 0s
%[5]s`, s.dir, server.URL(), sum[1], instance, more)
		file := filepath.Join(s.dir, "keyturn.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "serve", "--config", file)
		cmd.Stdout, cmd.Stderr = s, s
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s ended with %v:\n%s", instance, err, s.printed())
			}
		})
		harness.Until(t, instance+" listens", func() bool {
			var told bool
			_, s.admin, told = harness.Listening([]byte(s.printed()))
			return told
		})
		harness.Until(t, instance+" is ready", func() bool {
			res, err := http.Get(s.admin + "/readyz")
			if err != nil {
				return false
			}
			_ = res.Body.Close() // the status is all that is wanted
			return res.StatusCode == http.StatusOK
		})
		return s
	}
	claims := filepath.Join(t.TempDir(), "claims.json")
	if err := os.WriteFile(claims, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer := serve("issuer", right, fmt.Sprintf("auth: {ring: payments, claims: {file: %s}}\n", claims))
	other := serve("other", wrong, "")

	check := func() (string, int) {
		cmd := exec.Command(binary, "check", "payments", "--admin", issuer.admin)
		cmd.Env = append(os.Environ(), "KEYTURN_ADMIN_TOKEN="+token)
		out, _ := cmd.CombinedOutput() // the exit code is looked at
		return string(out), cmd.ProcessState.ExitCode()
	}
	want := shown(t, "broadcaster/client/docs/troubleshooting.md", "mismatch")
	var said string
	holds := func() bool {
		var code int
		said, code = check()
		for _, line := range want {
			if !strings.Contains(said, line+"\n") {
				return false
			}
		}
		return code == 1
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last check:\n%s\nwant\n%s", said, strings.Join(want, "\n"))
		}
	})
	harness.Until(t, "the check prints what the page shows, and fails", holds)

	other.hold(t, 2, right)
	harness.Until(t, "the check is content", func() bool {
		var code int
		said, code = check()
		return code == 0 && strings.Contains(said, "2 of 2 verify what is signed here")
	})
}
