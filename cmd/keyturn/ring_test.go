package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/natslog/embedded"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestADaemonThatStartsEndsTheCompromiseThatAnotherBegan(t *testing.T) {
	dir := t.TempDir()
	config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, issuer: external}]
broadcast: {listen: "127.0.0.1:0"}
drain: 0s`)
	keys := filepath.Join(dir, "keys.json")
	if err := os.WriteFile(keys, []byte(`{"serial":1,"keys":[
		{"kid":"k1","stage":"current","alg":"HS256","secret":"`+canary+`"},
		{"kid":"k2","stage":"pending","alg":"HS256","secret":"`+strings.Replace(canary, "Y2Fu", "Y3Vy", 1)+`"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, dir, "serve", "--config", config)
	if code := d.end(); code != exitOK {
		t.Fatalf("stop: got code %d\n%s", code, d.stderr.String())
	}

	// Somebody writes the intent down, and is killed.
	withLog(t, filepath.Join(dir, "data"), func(ctx context.Context, log *natslog.Log) {
		head, after, err := log.Head(ctx, "payments")
		if err != nil {
			t.Fatal(err)
		}
		next, change, err := rotation.Revoke(head, "k1", rotation.Policy{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(ctx, rotation.NewEvent(next, "file", change.Type, time.Now()), after); err != nil {
			t.Fatal(err)
		}
	})

	d = startDaemon(t, dir, "serve", "--config", config)
	eventually(t, "the other key is current", func() bool {
		var f frame
		return json.Unmarshal([]byte(d.get(d.public+"/v1/state").body), &f) == nil && f.Key == "k2"
	})
	data, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "k1") || strings.Contains(string(data), canary) {
		t.Error("the leaked key is in the file still")
	}
}

// withLog gives f the log in the data folder of a daemon that does not run.
func withLog(t *testing.T, dataDir string, f func(context.Context, *natslog.Log)) {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: dataDir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	conn, err := natslog.Connect(t.Context(), natslog.ConnectConfig{InProcess: server, Name: "test", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log, err := natslog.Open(t.Context(), conn, natslog.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f(t.Context(), log)
}

func TestAKeyVerifiesAsLongAsTheSlowestSignerMayUseIt(t *testing.T) {
	for name, c := range map[string]struct {
		ring RingConfig
		want time.Duration
	}{
		"two polls":              {RingConfig{Issuer: "keyturn", Poll: time.Minute, SignAfter: 5 * time.Second}, 2 * time.Minute},
		"a long signAfter":       {RingConfig{Issuer: "keyturn", Poll: time.Minute, SignAfter: 10 * time.Minute}, 10 * time.Minute},
		"a slow external issuer": {RingConfig{Issuer: "external", Poll: time.Minute, IssuerLag: 24 * time.Hour}, 24 * time.Hour},
	} {
		if got := c.ring.policy().SignerLag; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
