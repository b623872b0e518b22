package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/keyturn/keyturn/watcher/admin"
)

// remote runs a verb against a scripted daemon.
func remote(t *testing.T, h http.HandlerFunc, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	var out, errs output
	code = run(t.Context(), world{args: append(args, "--admin", s.URL), env: []string{envAdminToken + "=kta_canary"},
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	if strings.Contains(out.String()+errs.String(), "kta_canary") {
		t.Error("the admin token shows")
	}
	return code, out.String(), errs.String()
}

func TestARotationIsFollowedAcrossABrokenConnection(t *testing.T) {
	var mu sync.Mutex
	var ids, keys []string
	code, out, errs := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintln(w, `{"name":"demo","state":{"rev":1,"keys":[{"key":"a","kid":"a","stage":"current"}]}}`)
			return
		}
		var request admin.RotateRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		mu.Lock()
		ids, keys = append(ids, r.Header.Get("Idempotency-Key")), append(keys, request.Key)
		first := len(ids) == 1
		mu.Unlock()
		fmt.Fprintln(w, `{"step":{"name":"prepare","detail":"key b is pending","at":"2026-11-22T01:00:00Z"}}`)
		if first {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler) // the connection breaks in the middle
		}
		fmt.Fprintln(w, `{"step":{"name":"promote","detail":"key b is current","at":"2026-11-22T01:00:01Z"}}`)
		fmt.Fprintln(w, `{"result":{"ring":"demo","from":"a","to":"b","kid":"b","signs":true}}`)
	}, "rotate", "demo")
	if code != exitOK || strings.Count(out, "key b is pending") != 1 || !strings.HasSuffix(out, "done: b (kid b) signs\n") {
		t.Errorf("got code %d\n%s%s, want each step once", code, out, errs)
	}
	if len(ids) != 2 || ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("got request ids %v, want the same twice", ids)
	}
	if len(keys) != 2 || keys[0] != "a" || keys[1] != "a" {
		t.Errorf("got keys %v, want both times the one that was current at first", keys)
	}
	if !strings.Contains(errs, "the connection to the daemon broke") {
		t.Errorf("got %q, want it said", errs)
	}
}

func TestWhatTheDaemonSaysDecidesTheExitCode(t *testing.T) {
	problem := func(status int, code, detail string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"type":"about:blank","title":"x","status":%d,"detail":%q,"code":%q}`, status, detail, code)
		}
	}
	line := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) }
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		code int
		want string
	}{
		"no right":             {problem(403, "right_missing", "lacks the right rotate"), exitRefused, "keyturn: lacks the right rotate"},
		"no tokens configured": {problem(503, "no_tokens", "run keyturn admin-token"), exitRefused, "keyturn: run keyturn admin-token"},
		"starting":             {problem(503, "starting", "keyturn is starting"), exitFailed, "keyturn is starting"},
		"another program":      {line("<html>hello</html>"), exitFailed, "not what this version understands"},
		"another server":       {http.NotFound, exitUnreachable, "is no keyturn daemon: it answered 404"},
		"refused half-way":     {line(`{"problem":{"status":409,"code":"rotation_refused","detail":"nothing was changed"}}`), exitRefused, "keyturn: nothing was changed"},
		"failed half-way":      {line(`{"problem":{"status":500,"code":"failed","detail":"disk full; nothing is revoked"}}`), exitFailed, "keyturn: disk full; nothing is revoked"},
		"no result":            {line(`{"step":{"name":"look","detail":"…"}}`), exitFailed, "without a result"},
		"a line without end":   {line(strings.Repeat("x", 2<<20)), exitFailed, "not what this version understands"},
	} {
		code, _, errs := remote(t, c.h, "rotate", "demo", "--key", "a")
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: got code %d %s, want %d … %s …", name, code, errs, c.code, c.want)
		}
	}
}
