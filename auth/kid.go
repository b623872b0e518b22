package auth

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// maxKID is the length of the longest kid, in bytes.
const maxKID = 128

// CheckKID returns an error unless kid is 1 to 128 of the characters
// A-Z a-z 0-9 . _ ~ : and hyphen. They need no escaping in a header, a URL, a
// log line or a NATS subject. The error does not quote the kid.
func CheckKID(kid string) error {
	if !validKID(kid) {
		return errors.New("kid is not usable: want 1 to 128 of A-Z a-z 0-9 . _ ~ : -")
	}
	return nil
}

// validKID is CheckKID without an allocation: it runs on the kid of each
// token that names an unknown key.
func validKID(kid string) bool {
	if len(kid) == 0 || len(kid) > maxKID {
		return false
	}
	for i := range len(kid) {
		c := kid[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '~', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

// Shorter secrets would be found in innocent kids by chance, and shorter
// prefixes of a digest likewise.
const (
	shownSecret = 8  // bytes of secret
	shownDigest = 16 // characters of a digest, in hex or base64url
)

// shows reports whether a kid gives a shared secret away: it is or contains
// the secret, as text, hex or base64url, or the beginning of a plain digest of
// it, which lets anybody test guesses offline. The RFC 7638 thumbprint of a
// shared secret is such a digest.
func (m *material) shows(kid string) bool {
	if m.secret == nil {
		return false
	}
	if kid == string(bytes.TrimSpace(m.secret)) {
		return true
	}
	k := base64.RawURLEncoding.EncodeToString(m.secret)
	if len(m.secret) >= shownSecret {
		lower := strings.ToLower(kid)
		if strings.Contains(kid, string(bytes.TrimSpace(m.secret))) ||
			strings.Contains(kid, k) || strings.Contains(lower, hex.EncodeToString(m.secret)) {
			return true
		}
	}
	s1, s256, s512 := sha1.Sum(m.secret), sha256.Sum256(m.secret), sha512.Sum512(m.secret)
	thumbprint := sha256.Sum256([]byte(`{"k":"` + k + `","kty":"oct"}`))
	for _, digest := range [][]byte{s1[:], s256[:], s512[:], thumbprint[:]} {
		if strings.Contains(strings.ToLower(kid), hex.EncodeToString(digest)[:shownDigest]) ||
			strings.Contains(kid, base64.RawURLEncoding.EncodeToString(digest)[:shownDigest]) {
			return true
		}
	}
	return false
}
