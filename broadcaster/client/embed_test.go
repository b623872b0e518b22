package client_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/broadcaster/client"
	"github.com/keyturn/keyturn/test/covers"
)

func get(t *testing.T, method string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/keyturn.js", nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	client.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	return b
}

func TestTheScriptIsTheCommittedBuild(t *testing.T) {
	want, err := os.ReadFile("dist/keyturn.js")
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !bytes.Equal(client.Script(), want) {
		t.Errorf("embedded script has %d bytes and differs from dist/keyturn.js with %d", len(client.Script()), len(want))
	}
	client.Script()[0] ^= 1
	if !bytes.Equal(client.Script(), want) {
		t.Error("writing to a returned script changed the embedded one")
	}
}

func TestTheIntegrityIsThatOfTheServedBytes(t *testing.T) {
	sum := sha512.Sum384(body(t, get(t, http.MethodGet, nil)))
	if got, want := client.Integrity(), "sha384-"+base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("integrity: got %s want %s", got, want)
	}
}

func TestTheScriptIsServedWithItsHeaders(t *testing.T) {
	resp := get(t, http.MethodGet, nil)
	for name, want := range map[string]string{
		"Content-Type":                 "text/javascript; charset=utf-8",
		"Cache-Control":                "public, max-age=300, must-revalidate",
		"Cross-Origin-Resource-Policy": "cross-origin",
		"Access-Control-Allow-Origin":  "*",
		"X-Content-Type-Options":       "nosniff",
		"Vary":                         "Accept-Encoding",
		"Content-Encoding":             "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q want %q", name, got, want)
		}
	}
	if etag := resp.Header.Get("ETag"); len(etag) != 45 || etag[0] != '"' {
		t.Errorf("ETag: got %s, want a strong one of a sha256", etag)
	}
	if resp.ContentLength != int64(len(client.Script())) {
		t.Errorf("Content-Length: got %d want %d", resp.ContentLength, len(client.Script()))
	}
}

func TestEachFormHasItsOwnETagAndIsNotSentTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, encoding := range []string{"", "gzip"} {
		etag := get(t, http.MethodGet, map[string]string{"Accept-Encoding": encoding}).Header.Get("ETag")
		if seen[etag] {
			t.Errorf("two forms share the strong ETag %s", etag)
		}
		seen[etag] = true
		for _, known := range []string{etag, "W/" + etag, `"other", ` + etag, "*"} {
			resp := get(t, http.MethodGet, map[string]string{"Accept-Encoding": encoding, "If-None-Match": known})
			if b := body(t, resp); resp.StatusCode != http.StatusNotModified || len(b) != 0 {
				t.Errorf("If-None-Match %s: got %d with %d bytes, want 304 without a body", known, resp.StatusCode, len(b))
			}
			if resp.Header.Get("ETag") != etag {
				t.Errorf("304 names ETag %s, want %s", resp.Header.Get("ETag"), etag)
			}
		}
		resp := get(t, http.MethodGet, map[string]string{"Accept-Encoding": encoding, "If-None-Match": `"other"`})
		if resp.StatusCode != http.StatusOK {
			t.Errorf("another ETag: got %d want 200", resp.StatusCode)
		}
	}
}

func TestCompressionFollowsTheCaller(t *testing.T) {
	for accept, want := range map[string]string{
		"gzip":              "gzip",
		"br, gzip;q=0.5":    "gzip",
		"GZIP":              "gzip",
		"*":                 "gzip",
		"*;q=0, gzip":       "gzip",
		"gzip;q=0, *":       "",
		"gzip; q=0":         "",
		"gzip;q=rubbish":    "",
		"br":                "",
		"x-gzipped, gzippy": "",
		"":                  "",
	} {
		resp := get(t, http.MethodGet, map[string]string{"Accept-Encoding": accept})
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q want %q", accept, got, want)
		}
		b := body(t, resp)
		if want == "gzip" {
			r, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatalf("Accept-Encoding %q: %v", accept, err)
			}
			if b, err = io.ReadAll(r); err != nil {
				t.Fatalf("Accept-Encoding %q: %v", accept, err)
			}
		}
		if !bytes.Equal(b, client.Script()) {
			t.Errorf("Accept-Encoding %q: the body is not the script", accept)
		}
	}
}

func TestOnlyReadingIsAnswered(t *testing.T) {
	head := get(t, http.MethodHead, nil)
	if b := body(t, head); head.StatusCode != http.StatusOK || len(b) != 0 || head.ContentLength != int64(len(client.Script())) {
		t.Errorf("HEAD: got %d, %d bytes, length %d", head.StatusCode, len(b), head.ContentLength)
	}
	post := get(t, http.MethodPost, nil)
	if post.StatusCode != http.StatusMethodNotAllowed || post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d, Allow %q", post.StatusCode, post.Header.Get("Allow"))
	}
}

func TestTheScriptNamesNoSourceAndCallsNoStranger(t *testing.T) {
	covers.IDs(t, "SEC-05")
	for _, never := range []string{"sourceMappingURL", "eval(", "Function(", "innerHTML", "document.write", "localhost"} {
		if bytes.Contains(client.Script(), []byte(never)) {
			t.Errorf("the script contains %q", never)
		}
	}
}

func TestTheLockfileNamesNoRegistry(t *testing.T) {
	raw, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Resolved  string `json:"resolved"`
			Integrity string `json:"integrity"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		t.Fatal(err)
	}
	if len(lock.Packages) < 2 {
		t.Fatalf("the lockfile lists %d packages", len(lock.Packages))
	}
	for name, p := range lock.Packages {
		if p.Resolved != "" {
			t.Errorf("%s is resolved from %s: strip it, hosts differ between machines", name, p.Resolved)
		}
		if name != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
			t.Errorf("%s has no integrity value", name)
		}
	}
}

func TestTheDevScriptIsServedApart(t *testing.T) {
	w := httptest.NewRecorder()
	client.DevHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/keyturn.dev.js", nil))
	want, err := os.ReadFile("dist/keyturn.dev.js")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, w.Result()); !bytes.Equal(got, want) || !bytes.Contains(got, []byte("keyturnDev")) {
		t.Errorf("dev script: got %d bytes want the %d of dist/keyturn.dev.js", len(got), len(want))
	}
	if bytes.Contains(client.Script(), []byte("keyturnDev")) {
		t.Error("the script for users has the helpers for testers in it")
	}
}
