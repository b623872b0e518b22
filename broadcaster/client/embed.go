package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

//go:embed dist/keyturn.js
var script string

//go:embed dist/keyturn.dev.js
var devScript string

// Script returns a copy of the script for the tag: one self-contained file, UTF-8.
func Script() []byte { return []byte(script) }

// Integrity returns the value for the tag's integrity attribute, "sha384-" and the base64 of the digest of Script
// (W3C Subresource Integrity, section 3.1).
func Integrity() string {
	sum := sha512.Sum384([]byte(script))
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

// representation is one form of the script as it goes over the wire. Each form has its own strong ETag, since a
// strong validator stands for bytes, not for meaning (RFC 9110 section 8.8.3).
type representation struct {
	body     []byte
	encoding string // Content-Encoding; empty: identity
	etag     string
}

func represent(body []byte, encoding string) representation {
	sum := sha256.Sum256(body)
	return representation{body: body, encoding: encoding, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`}
}

// forms are the representations of one script: identity, and gzip.
type forms struct{ plain, packed representation }

// formsOf returns a function that compresses at its first call: a script never changes while the process runs.
func formsOf(script string) func() forms {
	return sync.OnceValue(func() (f forms) {
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		if err == nil {
			_, err = w.Write([]byte(script))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			panic("compress the embedded script: " + err.Error()) // unreachable: the level is valid, the buffer in memory
		}
		f.plain, f.packed = represent([]byte(script), ""), represent(buf.Bytes(), "gzip")
		return f
	})
}

var scriptForms, devForms = formsOf(script), formsOf(devScript)

// Handler serves the script to any origin, on whatever path it is mounted: GET and HEAD, compressed where accepted,
// 304 where the caller has it. It keeps no state and may be used concurrently.
//
// Caches may keep the script for five minutes; a new release of the server then reaches every page within that time.
func Handler() http.Handler { return serve(scriptForms) }

// DevHandler serves, in the same way, the script with helpers for testers: window.keyturnDev rehearses a rotation, a
// change of permissions, a refused call. It is for keyturn dev and for test pages, not for users.
func DevHandler() http.Handler { return serve(devForms) }

func serve(script func() forms) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		all := script()
		form := all.plain
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			form = all.packed
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=300, must-revalidate")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Allow-Origin", "*") // a tag with an integrity value fetches with CORS
		h.Set("ETag", form.etag)
		h.Add("Vary", "Accept-Encoding")
		h.Set("X-Content-Type-Options", "nosniff")
		if matches(r.Header.Values("If-None-Match"), form.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if form.encoding != "" {
			h.Set("Content-Encoding", form.encoding)
		}
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(form.body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(form.body) // the caller is gone: nobody is left to tell
		}
	})
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3): gzip named with a weight above zero, or not named
// where * is.
func acceptsGzip(values []string) bool {
	any := false
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			parsed, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			if err != nil {
				continue
			}
			weight = parsed
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return weight > 0
		case "*":
			any = weight > 0
		}
	}
	return any
}

// matches tells whether an If-None-Match list names the ETag; comparison is weak there (RFC 9110 section 13.1.2).
func matches(values []string, etag string) bool {
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}
