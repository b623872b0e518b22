package broadcaster

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func ask(h http.Handler, method, query string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, "/v1/state"+query, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestTheStateCanBeAskedForWithoutAToken(t *testing.T) {
	hub, err := New(payments(newVerifier("k1")))
	if err != nil {
		t.Fatal(err)
	}
	h := hub.StateHandler()
	if resp := ask(h, "GET", "", nil); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("before any state: got %v, want 503 with Retry-After", resp)
	}
	rev := nowRev()
	hub.Apply(state(rev, "k1", "k2:pending"))
	resp := ask(h, "GET", "?ring=payments", http.Header{"Origin": {testOrigin}})
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var f stateFrame
	if err := json.Unmarshal(body, &f); err != nil || f.Rev != rev || f.Key != "k1" || len(f.Pending) != 1 || f.Type != "state" {
		t.Errorf("got %s, %v", body, err)
	}
	if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-cache" ||
		resp.Header.Get("Access-Control-Allow-Origin") != testOrigin || resp.Header.Get("Vary") != "Origin" ||
		resp.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("got headers %v", resp.Header)
	}
	etag := resp.Header.Get("ETag")
	for _, match := range []string{etag, "*", `"x", ` + etag, etag[2:]} {
		if resp := ask(h, "GET", "", http.Header{"If-None-Match": {match}}); resp.StatusCode != 304 {
			t.Errorf("If-None-Match %s: got %d, want 304", match, resp.StatusCode)
		}
	}
	hub.SetLive("payments", false)
	if resp := ask(h, "GET", "", http.Header{"If-None-Match": {etag}}); resp.StatusCode != 200 {
		t.Errorf("after a change of liveness: got %d, want 200", resp.StatusCode)
	}
	if resp := ask(h, "GET", "", http.Header{"Origin": {"https://evil.example"}}); resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign origin: got %v", resp)
	}
	if resp := ask(h, "POST", "", nil); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %v", resp)
	}
	if resp := ask(h, "GET", "?ring=other", nil); resp.StatusCode != 404 {
		t.Errorf("other ring: got %d, want 404", resp.StatusCode)
	}
}

func TestTheRestOfAWindowShrinksToTenSeconds(t *testing.T) {
	begin := time.UnixMilli(1_795_304_374_123)
	for _, c := range []struct {
		after, window int64
		elapsed       time.Duration
		wantAfter     time.Duration
		wantWindow    time.Duration
		open          bool
	}{
		{5000, 120_000, -time.Hour, 5 * time.Second, 120 * time.Second, true}, // another clock is ahead
		{5000, 120_000, 0, 5 * time.Second, 120 * time.Second, true},
		{5000, 120_000, 2 * time.Second, 3 * time.Second, 120 * time.Second, true},
		{5000, 120_000, 5 * time.Second, 0, 120 * time.Second, true},
		{5000, 120_000, 65 * time.Second, 0, 60 * time.Second, true},
		{5000, 120_000, 120 * time.Second, 0, 10 * time.Second, true},
		{5000, 120_000, 125 * time.Second, 0, 10 * time.Second, false},
		{5000, 120_000, time.Hour, 0, 10 * time.Second, false},
		{0, 3000, time.Second, 0, 3 * time.Second, true},
		{0, 0, time.Second, 0, 0, false},
	} {
		s := rotation.State{Rev: begin.UnixMilli(), Refresh: rotation.Plan{AfterMs: c.after, WindowMs: c.window}}
		after, window, open := remaining(s, begin.Add(c.elapsed))
		if after != c.wantAfter || window != c.wantWindow || open != c.open {
			t.Errorf("%d+%d after %s: got %s, %s, %v, want %s, %s, %v", c.after, c.window, c.elapsed, after, window, open, c.wantAfter, c.wantWindow, c.open)
		}
	}
}

func TestAStateWithoutKeysIsStillAFrame(t *testing.T) {
	f := frameOf(rotation.State{Ring: "payments", Rev: 1, Deleted: true}, true, time.Now())
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m["key"] != "" || m["pending"] == nil || m["retiring"] == nil {
		t.Errorf("got %s", data)
	}
}

func TestAStateTooLongForAFrameChangesNothing(t *testing.T) {
	hub, err := New(payments(nil))
	if err != nil {
		t.Fatal(err)
	}
	rev := nowRev()
	hub.Apply(state(rev, "k1"))
	s := state(rev+1, "k2")
	s.Keys[0].KID = string(make([]byte, 1<<16))
	hub.Apply(s)
	if f := hub.rings["payments"].fresh(); f.rev != rev {
		t.Errorf("got rev %d, want %d", f.rev, rev)
	}
}
