package auth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is the body of an answer that refuses (RFC 9457).
type problem struct {
	Type         string `json:"type"`
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Detail       string `json:"detail"`
	Code         string `json:"code"`
	KID          string `json:"kid,omitempty"`          // of the current key
	RetryAfterMs int64  `json:"retryAfterMs,omitempty"` // milliseconds
}

// WriteProblem answers a request with an error: its status, a problem document
// (application/problem+json) with its code, Retry-After where waiting helps,
// and for 401, and 403 by [CodeRoleMissing], a WWW-Authenticate challenge (RFC
// 6750 §3). It lets scripts of other origins read those headers, provided that
// CORS lets them read the answer at all. Nothing may have been written before.
func WriteProblem(w http.ResponseWriter, e *Error) {
	h := w.Header()
	if c := challenge(e); c != "" {
		h.Set("WWW-Authenticate", c)
	}
	body := problem{Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status, Detail: e.Description, Code: e.Code, KID: e.KID}
	if e.RetryAfter > 0 {
		// Never earlier than meant: the header has whole seconds.
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
		body.RetryAfterMs = e.RetryAfter.Milliseconds()
	}
	h.Add("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	w.WriteHeader(e.Status)
	// A client that has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(body)
}

// answer is e as HTTP clients are told it. A token whose key could not be
// looked for is answered 401 kid_unknown with Retry-After: it is the one
// answer that clients wait out and replay, while 503 would reach the user.
func (e *Error) answer() *Error {
	if !e.look || e.Code != CodeUnavailable {
		return e
	}
	told := *e
	told.Status, told.Code, told.Description = http.StatusUnauthorized, CodeKIDUnknown, textKIDUnknown
	return &told
}
