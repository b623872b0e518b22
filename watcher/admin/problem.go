package admin

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Problem is an RFC 9457 problem document with a stable code. It is an error,
// so that what the daemon behind the API refuses keeps its status.
type Problem struct {
	Type   string `json:"type"`  // "about:blank": the code tells
	Title  string `json:"title"` // the status's own words
	Status int    `json:"status"`
	Detail string `json:"detail"` // what failed and what to do; never a secret
	Code   string `json:"code"`   // snake_case, stable
}

// Error is the problem's detail.
func (p *Problem) Error() string { return p.Detail }

// NewProblem returns a problem of that HTTP status.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// problemOf returns the problem inside err, or one that tells err's text as a
// failure of the daemon. Errors of this project hold no secret by rule.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return NewProblem(http.StatusInternalServerError, "failed", err.Error())
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// The header is out: an error here is a caller that hung up.
	_ = json.NewEncoder(w).Encode(p)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // an error here is a caller that hung up
}
