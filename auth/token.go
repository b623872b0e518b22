package auth

import (
	"slices"
	"strings"
	"time"
)

// Token is what a verified token says, and which key vouches for it. The
// compact token itself is not kept. It is shared by all who handle a request:
// do not change its Claims. Printing or logging it shows no claim.
type Token struct {
	Claims  map[string]any // all claims, as encoding/json decodes them: numbers are float64
	Subject string         // "sub"; may be empty
	Issuer  string         // "iss"; may be empty

	Expiry    time.Time // "exp"
	IssuedAt  time.Time // "iat"; zero: the token has none
	NotBefore time.Time // "nbf"; zero: the token has none

	Key         string    // name of the key that verified it
	KID         string    // kid of that key, also where the token names none
	Stage       Stage     // stage of that key at verification
	VerifyUntil time.Time // from when that key no longer verifies; zero: no end is known
}

// Audience returns "aud", which may be one string or several.
func (t *Token) Audience() []string {
	switch aud := t.Claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		return texts(aud)
	}
	return nil
}

// Roles returns the members of the "roles" array and the words of the "scope"
// string (RFC 6749 §3.3), in that order, each once.
func (t *Token) Roles() []string {
	var roles []string
	if claim, ok := t.Claims["roles"].([]any); ok {
		roles = texts(claim)
	}
	if scope, ok := t.Claims["scope"].(string); ok {
		roles = append(roles, strings.Fields(scope)...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(roles, func(r string) bool {
		again := seen[r]
		seen[r] = true
		return again
	})
}

// HasRole reports whether role is among [Token.Roles]. It does not allocate.
func (t *Token) HasRole(role string) bool {
	if role == "" {
		return false
	}
	if claim, ok := t.Claims["roles"].([]any); ok {
		for _, r := range claim {
			if s, ok := r.(string); ok && s == role {
				return true
			}
		}
	}
	if scope, ok := t.Claims["scope"].(string); ok {
		for word := range strings.FieldsSeq(scope) {
			if word == role {
				return true
			}
		}
	}
	return false
}

// texts returns the strings among values.
func texts(values []any) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
