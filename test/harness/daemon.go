package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
)

// Daemon is the real binary, running `keyturn dev` on a data folder of its own.
type Daemon struct {
	URL   string // public listener
	Admin string // admin listener
	Dir   string
	Token string // of the admin API

	binary string
	cmd    *exec.Cmd
	output lockedBuffer
}

// Build builds the binary once for a test.
func Build(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "keyturn")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/keyturn/keyturn/cmd/keyturn").CombinedOutput(); err != nil {
		t.Fatalf("build the binary: %v\n%s", err, out)
	}
	return binary
}

// RunDev starts the binary on dir, which may hold a demo.json already.
func RunDev(t testing.TB, binary, dir string, flags ...string) *Daemon {
	t.Helper()
	d := &Daemon{Dir: dir, binary: binary}
	d.cmd = exec.Command(binary, append([]string{"dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", dir}, flags...)...)
	d.cmd.Stdout, d.cmd.Stderr = &d.output, &d.output
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Stop(t) })
	Until(t, "the daemon listens", func() bool {
		var told bool
		d.URL, d.Admin, told = Listening(d.Output())
		return told
	})
	Until(t, "the daemon is ready", func() bool {
		res, err := http.Get(d.Admin + "/readyz")
		if err != nil {
			return false
		}
		drain(res)
		return res.StatusCode == http.StatusOK && d.readToken()
	})
	return d
}

func (d *Daemon) readToken() bool {
	body, err := os.ReadFile(filepath.Join(d.Dir, "admin.json"))
	if err != nil {
		return false
	}
	var access struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(body, &access) != nil {
		return false
	}
	d.Token = access.Token
	return d.Token != ""
}

// Run runs another verb against the daemon and returns all that it printed.
func (d *Daemon) Run(ctx context.Context, verb string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, d.binary, append([]string{verb, "--data-dir", d.Dir}, args...)...).CombinedOutput()
	return string(out), err
}

// Output returns what the daemon printed so far.
func (d *Daemon) Output() []byte { return d.output.bytes() }

// Stop stops it in order; a daemon that ended is left alone.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop the daemon: %v", err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v:\n%s", err, d.Output())
	}
}

// Kill ends it as a power cut does.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait() // says that it was killed
}

var listening = regexp.MustCompile(`listening.*?"public": ?"([^"]+)".*?"admin": ?"([^"]+)"`)

// Listening reads from what a daemon printed where it listens, as URLs. A port
// that the daemon took itself is nobody else's; one that a test took and gave
// back may be taken again before the daemon asks for it.
func Listening(output []byte) (public, admin string, told bool) {
	m := listening.FindSubmatch(output)
	if m == nil {
		return "", "", false
	}
	return string(m[1]), string(m[2]), true
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
