package auth

import "time"

// Token is what a verified token says.
type Token struct {
	Claims   map[string]any // as encoding/json decodes them
	Subject  string
	Issuer   string
	Audience []string

	Expiry    time.Time
	IssuedAt  time.Time // zero: the token has no iat
	NotBefore time.Time // zero: the token has no nbf

	Key         string    // name of the key that verified it
	KID         string    // that key's kid, also where the token named none
	Stage       Stage     // that key's stage at verification
	VerifyUntil time.Time // when that key stops verifying; zero: no end known
}

// Roles of the token.
func (t *Token) Roles() []string { return nil }

// HasRole reports whether the token has that role.
func (t *Token) HasRole(role string) bool { return false }
