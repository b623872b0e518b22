package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	ring          = "bench"
	currentKID    = "bench-current"
	tokenLifetime = time.Hour // longer than any run: nobody refreshes while deliveries are measured
)

// build makes the binary as its users do.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "keyturn")
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "github.com/keyturn/keyturn/cmd/keyturn").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build keyturn: %w\n%s", err, out)
	}
	return path, nil
}

// daemon is `keyturn serve` with a file store and an embedded log.
type daemon struct {
	*process
	public, admin string // addresses
	keyFile       string
	secret        []byte // of the current key
	serial        int
}

// serve starts the daemon and waits until it is ready.
func serve(ctx context.Context, binary, dir string) (*daemon, error) {
	d := &daemon{keyFile: filepath.Join(dir, "keys.json"), secret: make([]byte, 32)}
	_, _ = rand.Read(d.secret) // never fails
	if err := d.write(""); err != nil {
		return nil, err
	}
	var err error
	if d.public, err = freeAddress(); err != nil {
		return nil, err
	}
	if d.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "keyturn.yaml")
	text := fmt.Sprintf(`rings:
  - name: %s
    store: file
    secret: %s
    tokenLifetime: %s
broadcast:
  listen: %s
  origins: ["http://%s"]
  limits: {upgradesPerSecond: 0, perAddress: 0, unauthenticatedPerAddress: 0}
admin: {listen: "%s"}
log: {level: warn}
dataDir: %s
`, ring, d.keyFile, tokenLifetime, d.public, d.public, d.admin, filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d.process, err = start("keyturn serve", exec.Command(binary, "serve", "--config", config), false)
	if err != nil {
		return nil, err
	}
	if err := d.ready(ctx, d.admin); err != nil {
		return nil, errors.Join(err, d.stop(10*time.Second))
	}
	return d, nil
}

// ready waits for a daemon's readiness.
func (p *process) ready(ctx context.Context, admin string) error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s was not ready within two minutes: %w\n%s", p.name, err, p.tail)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, p.tail)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// write saves the key file as an editor does: a new file, renamed over the old
// one. A pending key makes one event that every client hears of, and moves nobody.
func (d *daemon) write(pendingKID string) error {
	d.serial++
	type entry struct {
		KID    string `json:"kid"`
		Stage  string `json:"stage"`
		Alg    string `json:"alg"`
		Secret string `json:"secret"`
	}
	keys := []entry{{currentKID, "current", "HS256", base64.RawURLEncoding.EncodeToString(d.secret)}}
	if pendingKID != "" {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // never fails
		keys = append(keys, entry{pendingKID, "pending", "HS256", base64.RawURLEncoding.EncodeToString(fresh)})
	}
	b, err := json.Marshal(map[string]any{"serial": d.serial, "keys": keys})
	if err != nil {
		return err
	}
	next := d.keyFile + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, d.keyFile)
}

// revision is the ring's rev, read from the public state. A rev is the log's
// clock in Unix milliseconds at its append, unless two fall into one millisecond.
func (d *daemon) revision(ctx context.Context) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.public+"/v1/state?ring="+ring, nil)
	if err != nil {
		return time.Time{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer res.Body.Close()
	var state struct {
		Rev int64 `json:"rev"`
	}
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil || state.Rev == 0 {
		return time.Time{}, fmt.Errorf("read the state: status %d, rev %d: %w", res.StatusCode, state.Rev, err)
	}
	return time.UnixMilli(state.Rev), nil
}

// freeAddress is a loopback address that nobody listens on. All of 127.0.0.0/8
// is this machine, so that it takes a host of its own: a port of 127.0.0.1 may
// be somebody else's before the daemon has it.
func freeAddress() (string, error) {
	host := net.IPv4(127, byte(1+mathrand.IntN(254)), byte(mathrand.IntN(256)), byte(1+mathrand.IntN(254)))
	l, err := net.Listen("tcp", net.JoinHostPort(host.String(), "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
