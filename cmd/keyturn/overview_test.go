package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/natslog/embedded"
)

// configStatus asks a daemon whose ring has the secret of the key files, as somebody with a token.
func configStatus(t *testing.T, d *testDaemon) (signin.Overview, int) {
	t.Helper()
	secret, err := base64.RawURLEncoding.DecodeString(canary)
	if err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "alice", "iss": "keyturn", "exp": time.Now().Add(time.Minute).Unix()})
	token.Header["kid"] = "k1"
	signed, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.public+"/auth/config-status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+signed)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out signin.Overview
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out, res.StatusCode
}

func TestTheConfigurationTellsOfAVerifierThatHoldsAnotherSecret(t *testing.T) {
	covers.IDs(t, "CFG-05", "CFG-09")
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	serve := func(instance, secret, more string) *testDaemon {
		dir := t.TempDir()
		config := serveConfig(t, dir, `
rings: [{name: payments, secret: DIR/keys.json, signAfter: 0s}]
nats: {url: "`+server.URL()+`", replicas: 1}
broadcast: {listen: "127.0.0.1:0", lock: [autoRefreshOnError]}
instance: `+instance+more+`
drain: 0s`)
		keys := `{"serial":1,"keys":[{"kid":"k1","stage":"current","alg":"HS256","secret":"` + secret + `"}]}`
		if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
		return startDaemon(t, dir, "serve", "--config", config)
	}
	issuer := serve("issuer", canary, "\nauth: {ring: payments, claims: {file: DIR/claims.json}}")
	eventually(t, "the issuer agrees with itself", func() bool {
		got, status := configStatus(t, issuer)
		return status == http.StatusOK && got.Match && got.Verifiers == signin.Agreement{Reporting: 1, Agreeing: 1} && got.KID == "k1" && got.Strong && slices.Equal(got.Locked, []string{"autoRefreshOnError"})
	})
	serve("same", canary, "")
	eventually(t, "both agree", func() bool {
		got, _ := configStatus(t, issuer)
		return got.Match && got.Verifiers == signin.Agreement{Reporting: 2, Agreeing: 2}
	})
	serve("other", strings.Replace(canary, "Y2Fu", "Y3Vy", 1), "")
	eventually(t, "the third does not", func() bool {
		got, _ := configStatus(t, issuer)
		return !got.Match && got.Verifiers == signin.Agreement{Reporting: 3, Agreeing: 2}
	})
}

func TestACheckNamesEachVerifierThatHoldsAnotherSecret(t *testing.T) {
	covers.IDs(t, "CFG-09")
	i := &inspection{}
	i.agreement([]natskeys.Verdict{
		{Instance: "eu-1", Verifies: true}, {Instance: "eu-2", Code: auth.CodeSignatureInvalid},
		{Instance: "us-1", Code: natskeys.CodeSilent}, {Instance: "us-2", Verifies: true},
	})
	want := []struct{ level, text string }{
		{admin.LevelFail, "eu-2 refuses what is signed here (signature_invalid)"},
		{admin.LevelWarn, "us-1 reports and did not answer"},
		{admin.LevelOK, "2 of 4 verify what is signed here"},
	}
	for n, w := range want {
		if n >= len(i.findings) || i.findings[n].Level != w.level || !strings.HasPrefix(i.findings[n].Text, w.text) {
			t.Errorf("finding %d: got %v, want %s: %s …", n, i.findings, w.level, w.text)
		}
	}
	if !i.failed {
		t.Error("a check that found another secret did not fail")
	}
	none := &inspection{}
	if none.agreement(nil); none.findings != nil {
		t.Errorf("where nothing is signed here: got %v, want nothing", none.findings)
	}
}
