package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// Rights of a token.
const (
	View       = "view"       // read everything the API shows
	Rotate     = "rotate"     // turn a key as planned
	Compromise = "compromise" // drop a leaked key at once
	Approve    = "approve"    // approve what another started
	Claims     = "claims"     // have a subject's browsers fetch its claims anew
	Mint       = "mint"       // sign tokens for trying out
)

// Token is one credential of the API, by its hash.
type Token struct {
	Name   string   // who holds it
	SHA256 [32]byte // of the token's text
	Can    []string // rights
}

// tokenPrefix makes a token recognisable to people and secret scanners.
const tokenPrefix = "kta_"

// NewToken returns a fresh random token of 256 bits and the hex SHA-256 that
// stands for it in a configuration.
func NewToken() (text, hash string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // documented never to fail
	text = tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:])
}

// maxBearer bounds the hashing that a stranger's header can cost.
const maxBearer = 512

// identify finds the token of a request. It compares with all tokens in
// constant time, so that the answer's delay tells nothing of a near miss.
func identify(r *http.Request, tokens []Token) (Token, *Problem) {
	if len(tokens) == 0 {
		return Token{}, NewProblem(http.StatusServiceUnavailable, "no_tokens",
			"no admin tokens are configured; run `keyturn admin-token NAME` and put the line it prints under admin.tokens")
	}
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || text == "" || len(text) > maxBearer {
		return Token{}, NewProblem(http.StatusUnauthorized, "admin_token_missing",
			"send an admin token as Authorization: Bearer …; verbs take it from KEYTURN_ADMIN_TOKEN or --data-dir")
	}
	sum := sha256.Sum256([]byte(text))
	found := -1
	for i := range tokens {
		if subtle.ConstantTimeCompare(sum[:], tokens[i].SHA256[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Token{}, NewProblem(http.StatusUnauthorized, "admin_token_unknown",
			"this daemon does not know that admin token; compare it with admin.tokens of its configuration")
	}
	return tokens[found], nil
}

func (t Token) may(right string) *Problem {
	if slices.Contains(t.Can, right) {
		return nil
	}
	return NewProblem(http.StatusForbidden, "right_missing",
		"the admin token of "+t.Name+" lacks the right "+right+"; add it to its can: list")
}
