package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/test/harness"
	"github.com/keyturn/keyturn/watcher/admin"
)

const (
	ring       = "payments"
	secretName = "prod/jwt"
	adminToken = "an-admin-token-of-these-tests-alone"
	origin     = "https://app.example.com"
)

// setup is how a daemon is configured; zero values are the defaults in brackets.
type setup struct {
	role     string         // of the process [awsfake.Rotate]
	queue    *awsfake.Queue // [no hints]
	poll     time.Duration  // [200ms]
	lifetime time.Duration  // of tokens [10m]
	extra    string         // more members of the ring, as ", name: value"
	second   string         // secret of a second ring, "second", on the same queue
	env      []string       // more of the environment
	external bool           // tokens are signed by an application
}

// daemon is the real binary on an account of the fake.
type daemon struct {
	t             *testing.T
	fake          *awsfake.Fake
	dir           string
	setup         setup
	public, admin string // addresses
	cmd           *exec.Cmd
	output        *lockedBuffer
}

// run starts a daemon that is ready when run returns.
func run(t *testing.T, f *awsfake.Fake, s setup) *daemon {
	t.Helper()
	d := &daemon{t: t, fake: f, dir: t.TempDir(), setup: s, output: &lockedBuffer{}}
	if d.setup.role == "" {
		d.setup.role = awsfake.Rotate
	}
	if d.setup.poll == 0 {
		d.setup.poll = 200 * time.Millisecond
	}
	if d.setup.lifetime == 0 {
		d.setup.lifetime = 10 * time.Minute
	}
	d.start()
	t.Cleanup(d.stop)
	return d
}

func (d *daemon) config() string {
	hints := ""
	if q := d.setup.queue; q != nil {
		hints = fmt.Sprintf(", hints: {sqs: %q}", q.URL)
	}
	second := ""
	if s := d.setup.second; s != "" {
		second = fmt.Sprintf("\n  - {name: second, store: aws, secret: %q, issuer: external, poll: %s%s}", s, d.setup.poll, hints)
	}
	issuer, auth := "keyturn", fmt.Sprintf("auth: {ring: %s, issuer: https://issuer.test, audience: test, claims: {file: %q}}\n", ring, filepath.Join(d.dir, "claims.json"))
	if d.setup.external {
		issuer, auth = "external", ""
	}
	return fmt.Sprintf(`
rings:
  - {name: %s, store: aws, secret: %s, issuer: %s, tokenLifetime: %s, poll: %s, signAfter: 100ms%s%s}%s
broadcast: {listen: "127.0.0.1:0", origins: [%q], beacon: 1s}
%sadmin: {listen: "127.0.0.1:0", tokens: [{name: tests, sha256: %x, can: [view, rotate, compromise, mint]}]}
log: {level: debug}
dataDir: %s
drain: 0s
`, ring, secretName, issuer, d.setup.lifetime, d.setup.poll, hints, d.setup.extra, second, origin, auth, sha256.Sum256([]byte(adminToken)), filepath.Join(d.dir, "data"))
}

var addresses = regexp.MustCompile(`listening.*?"public": ?"([^"]+)".*?"admin": ?"([^"]+)"`)

// start starts the process on the data of an earlier one and waits until it is ready.
func (d *daemon) start() {
	d.t.Helper()
	d.begin()
	harness.Until(d.t, "the daemon is ready", func() bool { return d.get(d.admin+"/readyz", "") == http.StatusOK })
}

// begin starts the process and waits for its ports.
func (d *daemon) begin() {
	d.t.Helper()
	path, err := binary()
	if err != nil {
		d.t.Fatal(err)
	}
	config := filepath.Join(d.dir, "keyturn.yaml")
	write(d.t, config, d.config())
	write(d.t, filepath.Join(d.dir, "claims.json"), "{}")
	d.output.forget()
	d.cmd = exec.Command(path, "serve", "--config", config)
	d.cmd.Env = append(append(os.Environ(), d.fake.Env(d.setup.role)...), d.setup.env...)
	d.cmd.Stdout, d.cmd.Stderr = d.output, d.output
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	harness.Until(d.t, "the daemon listens", func() bool {
		m := addresses.FindStringSubmatch(d.output.String())
		if m == nil {
			if d.ended() {
				d.t.Fatalf("the daemon ended:\n%s", d.output.String())
			}
			return false
		}
		d.public, d.admin = m[1], m[2]
		return true
	})
}

// ended reports whether the process is a zombie: nobody waits for it before stop.
func (d *daemon) ended() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// stop stops the process in order.
func (d *daemon) stop() {
	d.t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already, which Wait tells
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the daemon ended with %v:\n%s", err, d.output.String())
	}
	if d.t.Failed() {
		d.t.Logf("the daemon said:\n%s", d.output.String())
	}
}

// kill ends the process as a power cut does.
func (d *daemon) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Fatal(err)
	}
	_ = d.cmd.Wait() // says that it was killed
}

// verb runs another verb of the binary against the daemon and returns what it
// printed, and its error.
func (d *daemon) verb(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	out, err := d.command(ctx, args...).CombinedOutput()
	return string(out), err
}

func (d *daemon) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, d.cmd.Path, append(args, "--admin", d.admin)...)
	c.Env = append(os.Environ(), "KEYTURN_ADMIN_TOKEN="+adminToken)
	return c
}

// rotate turns the key by the verb.
func (d *daemon) rotate() {
	d.t.Helper()
	if out, err := d.verb("rotate", ring); err != nil {
		d.t.Fatalf("rotate: %v\n%s", err, out)
	}
}

// token asks the daemon for a token under the current key.
func (d *daemon) token() string {
	d.t.Helper()
	out, err := d.verb("token", ring, "--subject", "alice")
	if err != nil {
		d.t.Fatalf("token: %v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// verifies reports whether the daemon takes a token for good.
func (d *daemon) verifies(token string) bool {
	d.t.Helper()
	switch got := d.get(d.public+"/auth/verify", token); got {
	case http.StatusOK, http.StatusNoContent:
		return true
	case http.StatusUnauthorized:
		return false
	default:
		d.t.Fatalf("/auth/verify answered %d", got)
		return false
	}
}

func (d *daemon) get(url, token string) int {
	res, err := d.ask(url, token)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// body is what an address answers.
func (d *daemon) body(url, token string) string {
	d.t.Helper()
	res, err := d.ask(url, token)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(raw)
}

// files is the content of every file under a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		all.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func (d *daemon) ask(url, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(d.t.Context()), http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	return client.Do(req)
}

// seen is a ring as the admin API shows it.
type seen struct {
	admin.Ring
	raw string // the same, as printed
}

func (d *daemon) status() seen {
	d.t.Helper()
	return d.statusOf(ring)
}

func (d *daemon) statusOf(ring string) seen {
	d.t.Helper()
	out, err := d.verb("status", ring, "--json")
	if err != nil {
		d.t.Fatalf("status: %v\n%s", err, out)
	}
	s := seen{raw: out}
	if err := json.Unmarshal([]byte(out), &s.Ring); err != nil {
		d.t.Fatal(err, out)
	}
	return s
}

// stages are the versions of live keys by stage.
func (s seen) stages() map[string][]string {
	out := map[string][]string{}
	for _, k := range s.State.Keys {
		out[string(k.Stage)] = append(out[string(k.Stage)], k.Version)
	}
	return out
}

func (s seen) current() string {
	if v := s.stages()["current"]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// becomes waits until the ring's current key is that of a version.
func (d *daemon) becomes(version string) {
	d.t.Helper()
	harness.Until(d.t, "the current key is that of version "+version, func() bool { return d.status().current() == version })
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all.Write(p)
	return b.buf.Write(p)
}

// String is what the present process wrote.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// everything is what all processes wrote.
func (b *lockedBuffer) everything() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func (b *lockedBuffer) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}
