package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience bounds waits that a slow machine makes long; no test expects it.
const patience = 60 * time.Second

// output is a writer that may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// testDaemon is a daemon in this process, started by its own verb.
type testDaemon struct {
	t              *testing.T
	dir            string
	public, inner  string
	stdout, stderr output
	stop           context.CancelFunc
	hurry          chan struct{} // closing it is the second signal
	code           chan int
	ended          bool
}

var listening = regexp.MustCompile(`listening.*?"public": ?"([^"]+)".*?"admin": ?"([^"]+)"`)

// startDaemon runs a verb that serves, and waits until it is ready.
func startDaemon(t *testing.T, dir string, args ...string) *testDaemon {
	t.Helper()
	d := beginDaemon(t, dir, args...)
	eventually(t, "the daemon is ready", func() bool { return d.get(d.inner+"/readyz").status == http.StatusOK })
	return d
}

// beginDaemon runs a verb that serves, and waits until it has its ports.
func beginDaemon(t *testing.T, dir string, args ...string) *testDaemon {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d := &testDaemon{t: t, dir: dir, stop: cancel, code: make(chan int, 1), hurry: make(chan struct{})}
	go func() {
		d.code <- run(ctx, world{args: args, hurry: d.hurry, stdin: strings.NewReader(""), stdout: &d.stdout, stderr: &d.stderr})
	}()
	t.Cleanup(func() { d.end() })
	eventually(t, "the daemon listens", func() bool {
		select {
		case code := <-d.code:
			t.Fatalf("the daemon ended with code %d:\n%s", code, d.stderr.String())
		default:
		}
		m := listening.FindStringSubmatch(d.stderr.String())
		if m == nil {
			return false
		}
		d.public, d.inner = m[1], m[2]
		return true
	})
	return d
}

// answer is what an address answered; status 0: nothing.
type answer struct {
	status int
	body   string
}

func (d *testDaemon) get(url string) answer {
	res, err := http.Get(url)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, string(body)}
}

// serveConfig writes a configuration with free ports and a data folder, and
// the good key file keys.json beside it.
func serveConfig(t *testing.T, dir, text string) string {
	t.Helper()
	writeKeys(t, filepath.Join(dir, "keys.json"))
	config := filepath.Join(dir, "keyturn.yaml")
	text = strings.ReplaceAll(text, "DIR", dir) + "\nadmin: {listen: \"127.0.0.1:0\"}\ndataDir: " + filepath.Join(dir, "data") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// canary is the secret of the key files here; it must not show anywhere.
const canary = "Y2FuYXJ5LW9mLXRoaXMtdGVzdC1hbG9uZS03SDJrOVhxTHZCejRtUg"

func writeKeys(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(`{"serial":1,"keys":[{"kid":"k1","stage":"current","alg":"HS256","secret":"`+canary+`"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

func startDev(t *testing.T, dir string, args ...string) *testDaemon {
	t.Helper()
	d := startDaemon(t, dir, append([]string{"dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", dir, "--beacon", "1s"}, args...)...)
	eventually(t, "the page is announced", func() bool { return strings.Contains(d.stdout.String(), "Ctrl-C stops it") })
	return d
}

// end stops the daemon in order and returns its exit code.
func (d *testDaemon) end() int {
	if d.ended {
		return 0
	}
	d.ended = true
	d.stop()
	select {
	case code := <-d.code:
		http.DefaultClient.CloseIdleConnections()
		return code
	case <-time.After(patience):
		d.t.Fatalf("the daemon did not stop:\n%s", d.stderr.String())
		return -1
	}
}

// verb runs another verb against the daemon.
func (d *testDaemon) verb(args ...string) (code int, stdout, stderr string) {
	var out, errs output
	code = run(d.t.Context(), world{args: append(args, "--data-dir", d.dir), stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// browser is a signed-in client with a socket.
type browser struct {
	d     *testDaemon
	http  *http.Client
	token string
	key   string
}

func signIn(t *testing.T, d *testDaemon, name string, roles ...string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{d: d, http: &http.Client{Jar: jar}}
	t.Cleanup(b.http.CloseIdleConnections)
	body, err := json.Marshal(map[string]any{"sub": name, "roles": roles})
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.http.Post(d.public+"/auth/login", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		t.Fatalf("sign in: got %s", res.Status)
	}
	b.refresh(t)
	return b
}

func (b *browser) refresh(t *testing.T) {
	t.Helper()
	res, err := b.http.Post(b.d.public+"/auth/refresh", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var grant struct {
		Token string `json:"access_token"`
		Key   string `json:"key"`
	}
	if err := json.NewDecoder(res.Body).Decode(&grant); err != nil || res.StatusCode != 200 {
		t.Fatalf("refresh: got %s, %v", res.Status, err)
	}
	b.token, b.key = grant.Token, grant.Key
}

func (b *browser) call(t *testing.T, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.d.public+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	res, err := b.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

type frame struct {
	Type    string `json:"type"`
	Key     string `json:"key"`
	Urgency string `json:"urgency"`
	Live    bool   `json:"live"`
}

// socket connects and authenticates.
func (b *browser) socket(t *testing.T, origin string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"keyturn.v1"}}
	c, res, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.d.public, "http")+"/v1/stream?ring=demo", http.Header{"Origin": {origin}})
	if err != nil {
		return nil, res, err
	}
	t.Cleanup(func() { c.Close() })
	return c, res, c.WriteJSON(map[string]string{"type": "auth", "token": b.token})
}

// await reads frames until one satisfies want.
func await(t *testing.T, c *websocket.Conn, what string, want func(frame) bool) frame {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		var f frame
		if err := c.ReadJSON(&f); err != nil {
			t.Fatalf("wait until %s: %v", what, err)
		}
		if want(f) {
			return f
		}
	}
}
