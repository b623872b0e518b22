package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// signedCall is a call of the claims hook, signed with secret.
func signedCall(secret, body string, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, demoHook, strings.NewReader(body))
	stamp := strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("msg_1." + stamp + "." + body))
	r.Header.Set("webhook-id", "msg_1")
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	return r
}

func TestTheAppAnswersOnlyCallsThatKeyturnHasSigned(t *testing.T) {
	const secret, call = "a secret that both sides know", `{"ring":"demo","subject":"alice","session":"9f"}`
	app := &claimsEndpoint{ring: "demo", secret: []byte(secret), claims: func(subject string) (map[string]any, error) {
		switch subject {
		case "gone":
			return nil, nil
		case "broken":
			return nil, errors.New("no disk")
		}
		return map[string]any{"roles": []string{"of " + subject}}, nil
	}}
	now := time.Now()
	for _, c := range []struct {
		name   string
		call   func() *http.Request
		status int
		body   string
	}{
		{"a good one", func() *http.Request { return signedCall(secret, call, now) }, 200, `{"roles":["of alice"]}`},
		{"of three signatures one is good", func() *http.Request {
			r := signedCall(secret, call, now)
			r.Header.Set("webhook-signature", "v1,bm90IHRoaXM= v2,x "+r.Header.Get("webhook-signature"))
			return r
		}, 200, "alice"},
		{"an older one", func() *http.Request { return signedCall(secret, call, now.Add(-4*time.Minute)) }, 200, "alice"},
		{"another secret", func() *http.Request { return signedCall(secret+"!", call, now) }, 401, "no signature"},
		{"no signature", func() *http.Request { r := signedCall(secret, call, now); r.Header.Del("webhook-signature"); return r }, 401, "no signature"},
		{"another version", func() *http.Request {
			r := signedCall(secret, call, now)
			r.Header.Set("webhook-signature", strings.Replace(r.Header.Get("webhook-signature"), "v1,", "v1a,", 1))
			return r
		}, 401, "no signature"},
		{"another body", func() *http.Request {
			r := signedCall(secret, call, now)
			r.Body = http.NoBody
			return r
		}, 401, "no signature"},
		{"another id", func() *http.Request {
			r := signedCall(secret, call, now)
			r.Header.Set("webhook-id", "msg_2")
			return r
		}, 401, "no signature"},
		{"no id", func() *http.Request { r := signedCall(secret, call, now); r.Header.Del("webhook-id"); return r }, 401, "webhook-id"},
		{"no time", func() *http.Request {
			r := signedCall(secret, call, now)
			r.Header.Set("webhook-timestamp", "now")
			return r
		}, 401, "webhook-timestamp"},
		{"too old", func() *http.Request { return signedCall(secret, call, now.Add(-6*time.Minute)) }, 401, "too old"},
		{"from the future", func() *http.Request { return signedCall(secret, call, now.Add(6*time.Minute)) }, 401, "too old"},
		{"too large", func() *http.Request {
			return signedCall(secret, `{"ring":"`+strings.Repeat("x", maxHookCall)+`"}`, now)
		}, 400, "too large"},
		{"another ring", func() *http.Request { return signedCall(secret, `{"ring":"payments","subject":"alice"}`, now) }, 400, "ring of this app"},
		{"nobody", func() *http.Request { return signedCall(secret, `{"ring":"demo"}`, now) }, 400, "a subject"},
		{"no JSON", func() *http.Request { return signedCall(secret, `demo`, now) }, 400, "a subject"},
		{"somebody who is gone", func() *http.Request { return signedCall(secret, `{"ring":"demo","subject":"gone"}`, now) }, 403, "may not sign in"},
		{"roles that can't be read", func() *http.Request { return signedCall(secret, `{"ring":"demo","subject":"broken"}`, now) }, 503, "can't be read"},
	} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, c.call())
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: got %d %s, want %d %s", c.name, w.Code, w.Body, c.status, c.body)
		}
		if strings.Contains(w.Body.String(), "no disk") || (w.Code == 200 && w.Header().Get("Content-Type") != "application/json") {
			t.Errorf("%s: got %s %s", c.name, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

// The app and keyturn agree over the wire: who is new gets what came with the
// sign-in, null ends the session, and without the file everybody is new.
func TestWhatTheAppSaysOfSomebodyIsWhatTheyAre(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir, "--claims", "hook")
	file := filepath.Join(dir, "roles.json")
	alice := signIn(t, d, "alice", "user", "analyst")
	if got := alice.call(t, "/reporting/api/threads"); got != 200 {
		t.Errorf("with the roles of the first sign-in: got %d", got)
	}
	// A second sign-in with other roles changes nothing: the app's file has them.
	if again := signIn(t, d, "alice", "admin"); again.call(t, "/api/admin") != http.StatusForbidden {
		t.Error("roles that were typed have replaced those of the app")
	}
	nobody := signIn(t, d, "nobody")
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), `"nobody": {
    "roles": [
      "user"`) {
		t.Errorf("somebody without roles is a user: got %s %v", data, err)
	}
	if err := os.WriteFile(file, []byte(`{"alice":{"roles":["user"],"department":"sales"},"nobody":null}`), 0o600); err != nil {
		t.Fatal(err)
	}
	alice.refresh(t)
	if got := alice.call(t, "/reporting/api/threads"); got != http.StatusForbidden {
		t.Errorf("after an edit of the file: got %d", got)
	}
	if got := nobody.do(t, "POST", "/auth/refresh", "", nil); got.status != http.StatusUnauthorized {
		t.Errorf("somebody with null: got %d %s", got.status, got.body)
	}
	// A file that can't be read leaves the last claims.
	if err := os.WriteFile(file, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := alice.do(t, "POST", "/auth/refresh", "", nil); got.status != 200 {
		t.Errorf("with a broken file: got %d %s", got.status, got.body)
	}
	// The secret outlives a restart: others may have it.
	before, err := os.ReadFile(filepath.Join(dir, "hook.secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := makeSecret(filepath.Join(dir, "hook.secret")); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "hook.secret")); err != nil || string(after) != string(before) || !strings.HasPrefix(string(after), "whsec_") {
		t.Errorf("the secret was replaced, %v", err)
	}
	if got := d.get(d.public + demoHook); got.status != http.StatusMethodNotAllowed && got.status != http.StatusNotFound {
		t.Errorf("GET: got %d", got.status)
	}
}

func FuzzHookSignature(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	f.Add("msg_1", "1700000000", "v1,AAAA", []byte(`{}`))
	f.Add("", "", "", []byte{})
	f.Add("a", "-1", "v1, v1,v1,= ,", []byte("x"))
	f.Add("a", "9223372036854775807", "v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32)), []byte("x"))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		// Nobody guesses a signature.
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if err := verifyHook([]byte("the secret of this fuzz target"), h, body, now); err == nil {
			t.Errorf("accepted %q %q %q", id, stamp, signature)
		} else if len(signature) > 4 && strings.Contains(err.Error(), signature) {
			t.Errorf("the error repeats the call: %v", err)
		}
	})
}
