package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestAProcessWithoutItsNATSLivesWaitsAndStops(t *testing.T) {
	dir := t.TempDir()
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, issuer: external}]
broadcast: {listen: "127.0.0.1:0"}
nats: {url: "nats://127.0.0.1:1"}`)
	d := beginDaemon(t, dir, "serve", "--config", config)
	for url, want := range map[string]answer{
		d.inner + "/livez":     {200, `"live":true`},
		d.inner + "/readyz":    {503, "the log of states"},
		d.inner + "/v1/rings":  {503, "keyturn is starting"},
		d.public + "/v1/state": {503, "keyturn is starting"},
		d.inner + "/metrics":   {200, "keyturn_ready 0"},
	} {
		if got := d.get(url); got.status != want.status || !strings.Contains(got.body, want.body) {
			t.Errorf("%s: got %d %.200s, want %d … %s …", url, got.status, got.body, want.status, want.body)
		}
	}
	if code := d.end(); code != exitOK {
		t.Errorf("stop: got code %d\n%s", code, d.stderr.String())
	}
}

func TestTheServiceManagerWaitsWithIt(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "keyturn.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(unit), "\nType=notify\n") || !strings.Contains(string(unit), "\nTimeoutStartSec=infinity\n") {
		t.Error("the unit has a process killed that waits for NATS or for the keys of one ring")
	}
}

func TestARingWithoutKeysDoesNotHoldUpTheOthers(t *testing.T) {
	dir := t.TempDir()
	config := serveConfig(t, dir, `
rings:
  - {name: payments, secret: DIR/keys.json, issuer: external}
  - {name: missing, secret: DIR/missing.json, issuer: external, poll: 100ms}
broadcast: {listen: "127.0.0.1:0"}
drain: 0s`)
	d := beginDaemon(t, dir, "serve", "--config", config)
	eventually(t, "the good ring is served", func() bool { return d.get(d.public+"/v1/state?ring=payments").status == 200 })
	if got := d.get(d.inner + "/readyz"); got.status != 503 || !strings.Contains(got.body, "keys of ring missing") {
		t.Errorf("ready: got %d %s", got.status, got.body)
	}
	if got := d.get(d.public + "/auth/verify?ring=missing"); got.status != 503 {
		t.Errorf("verifying without keys: got %d %s, want 503", got.status, got.body)
	}
	writeKeys(t, filepath.Join(dir, "missing.json"))
	eventually(t, "the other ring is served too", func() bool { return d.get(d.inner+"/readyz").status == 200 })
	if code := d.end(); code != exitOK {
		t.Errorf("stop: got code %d", code)
	}
}

func TestASecondSignalCutsTheDrainShort(t *testing.T) {
	dir := t.TempDir()
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, issuer: external}]
broadcast: {listen: "127.0.0.1:0", verify: public}
drain: 10m`)
	d := startDaemon(t, dir, "serve", "--config", config)
	dialer := websocket.Dialer{Subprotocols: []string{"keyturn.v1"}}
	c, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(d.public, "http")+"/v1/stream", http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	await(t, c, "a state", func(f frame) bool { return f.Type == "state" })
	d.stop()
	await(t, c, "drain", func(f frame) bool { return f.Type == "drain" })
	if got := d.get(d.inner + "/readyz"); got.status != 503 {
		t.Errorf("while it drains: got ready %d, want 503", got.status)
	}
	close(d.hurry)
	if code := d.end(); code != exitOK {
		t.Errorf("got code %d\n%s", code, d.stderr.String())
	}
}

func TestAStoppedDaemonTellsTheServiceManager(t *testing.T) {
	dir := t.TempDir()
	socket, heard := listenNotify(t)
	t.Setenv("NOTIFY_SOCKET", socket)
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, issuer: external}]
broadcast: {listen: "127.0.0.1:0"}
drain: 0s`)
	d := &testDaemon{t: t, dir: dir, code: make(chan int, 1)}
	ctx, cancel := contextOf(t)
	d.stop = cancel
	go func() {
		d.code <- run(ctx, world{args: []string{"serve", "--config", config}, env: append(os.Environ(), "WATCHDOG_USEC=3000000"),
			stdin: strings.NewReader(""), stdout: &d.stdout, stderr: &d.stderr})
	}()
	want := map[string]bool{"READY=1": true, "WATCHDOG=1": true}
	for len(want) > 0 {
		delete(want, heard())
	}
	d.stop()
	for heard() != "STOPPING=1" {
	}
	if code := d.end(); code != exitOK {
		t.Errorf("got code %d\n%s", code, d.stderr.String())
	}
}
