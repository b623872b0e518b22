package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var hookSecret = []byte("a-secret-of-the-hook-of-these-tests")

// hook runs an app that answers like that, and returns the claims it is a source of.
func hook(t *testing.T, answer http.HandlerFunc) Claims {
	t.Helper()
	app := httptest.NewServer(answer)
	t.Cleanup(app.Close)
	c, err := HookClaims(HookConfig{URL: app.URL + "/claims", Ring: "payments", Secret: hookSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.(*hookClaims).client.CloseIdleConnections)
	return c
}

func asObject(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, text) // the caller is gone if this fails
}

// The app's side is written out as Standard Webhooks describes it.
func TestAHookIsAskedWithASignatureAndItsAnswerIsTheClaims(t *testing.T) {
	c := hook(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if want := `{"ring":"payments","session":"5e55","subject":"alice"}`; string(body) != want || r.Method != http.MethodPost || r.URL.Path != "/claims" {
			t.Errorf("got %s %s %s, want a POST to /claims of %s", r.Method, r.URL.Path, body, want)
		}
		m := hmac.New(sha256.New, hookSecret)
		m.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("got signature %s, want %s", r.Header.Get("webhook-signature"), want)
		}
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
			t.Errorf("got timestamp %d, %v, want now", at, err)
		}
		asObject(w, `{"roles":["user","analyst"],"plan":"gold"}`)
	})
	got, err := c.Claims(t.Context(), Subject{ID: "alice", Session: "5e55", Last: map[string]any{"roles": []any{"user"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"roles": []any{"user", "analyst"}, "plan": "gold"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestAHookThatDoesNotAnswerWithClaimsIsAnErrorThatPasses(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		text   string
		gone   bool
	}{
		"403": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "403", true},
		"401": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "answered 401", false},
		"404": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "answered 404", false},
		"500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "answered 500", false},
		"204": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "answered 204", false},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "answered 307", false},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "{}")
		}, "not application/json", false},
		"a list":         {func(w http.ResponseWriter, _ *http.Request) { asObject(w, `["user"]`) }, "no JSON object", false},
		"null":           {func(w http.ResponseWriter, _ *http.Request) { asObject(w, `null`) }, "no JSON object", false},
		"two objects":    {func(w http.ResponseWriter, _ *http.Request) { asObject(w, `{}{}`) }, "something follows", false},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) { asObject(w, `{"roles":["secret-role`) }, "no JSON object", false},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			asObject(w, `{"x":"`+strings.Repeat("x", maxHookAnswer)+`"}`)
		}, "larger than", false},
		"nothing": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", false},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := hook(t, c.answer).Claims(t.Context(), Subject{ID: "alice"})
			if err == nil || !strings.Contains(err.Error(), c.text) || errors.Is(err, ErrGone) != c.gone {
				t.Errorf("got %v, %v, want an error with %q, gone %v", claims, err, c.text, c.gone)
			}
			if err != nil && strings.Contains(err.Error(), "secret-role") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestAHookIsAskedOnlyWhereItMayBe(t *testing.T) {
	for url, text := range map[string]string{
		"https://app.example.com/claims":         "",
		"http://127.0.0.1:9000/claims":           "",
		"http://[::1]:9000/claims":               "",
		"http://localhost/claims":                "",
		"http://app.example.com/claims":          "want https",
		"http://127.0.0.1.example.com/":          "want https",
		"https://user:password@app.example.com/": "without credentials",
		"ftp://app.example.com/":                 "want https",
		"app.example.com/claims":                 "want one like",
		"":                                       "want one like",
	} {
		_, err := HookClaims(HookConfig{URL: url, Ring: "payments", Secret: hookSecret})
		if (err == nil) != (text == "") || err != nil && (!strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "password@")) {
			t.Errorf("%s: got %v, want %q", url, err, text)
		}
	}
	if _, err := HookClaims(HookConfig{URL: "https://app.example.com/", Secret: []byte("short")}); err == nil || !strings.Contains(err.Error(), "at least 24 bytes") {
		t.Errorf("got %v for a short secret", err)
	}
}

// FuzzDecodeClaims: whatever an app answers, it is claims or an error, never both or neither.
func FuzzDecodeClaims(f *testing.F) {
	f.Add("application/json", []byte(`{"roles":["user"]}`))
	f.Add("application/json;", []byte(`{}{}`))
	f.Fuzz(func(t *testing.T, kind string, answer []byte) {
		claims, err := decodeClaims(kind, answer)
		if (claims == nil) == (err == nil) {
			t.Fatalf("got %v, %v", claims, err)
		}
	})
}

func TestLastClaimsStandInForASourceThatIsDownForAWhile(t *testing.T) {
	s := newStand(t)
	r := s.replica(func(c *Config) { c.ClaimsMaxAge = 15 * time.Minute })
	roles := []any{"user"}
	var down error
	s.say(func(_ context.Context, who Subject) (map[string]any, error) {
		return map[string]any{"roles": roles}, down
	})
	session := r.login("alice")
	claimsOf := func(g grant) any {
		token, err := s.keyring.Verify(t.Context(), g.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return token.Claims["roles"]
	}
	down, roles = errors.New("the provider is down"), nil
	kept := r.patient(session.cookie)
	if got := claimsOf(kept.grant(t)); !cmp.Equal(got, []any{"user"}) {
		t.Errorf("got roles %v while the source is down, want the last", got)
	}
	// A refresh that kept the claims does not make them younger.
	r.age(kept.cookie, func(rec *record) { rec.ClaimsAt = time.Now().Add(-16 * time.Minute) })
	want(t, "down for too long", r.refresh(kept.cookie), http.StatusServiceUnavailable, CodeClaims)
	down, roles = nil, []any{"analyst"}
	back := r.patient(kept.cookie)
	if got := claimsOf(back.grant(t)); !cmp.Equal(got, []any{"analyst"}) {
		t.Errorf("got roles %v when the source is back, want the new ones", got)
	}
	down = ErrGone
	want(t, "gone", r.patient(back.cookie), http.StatusUnauthorized, CodeSessionEnded)
}

func TestClaimsOfASessionStayAsTheyWereAtSignIn(t *testing.T) {
	last := map[string]any{"roles": []any{"user"}}
	got, err := SessionClaims().Claims(t.Context(), Subject{ID: "alice", Last: last})
	if err != nil || !cmp.Equal(got, last) {
		t.Errorf("got %v, %v, want %v", got, err, last)
	}
}
