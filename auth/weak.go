package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// weakness says why the material must not be used for new keys; empty: it may.
// The text goes into alarms, so it tells what is required, never what is there.
func (m *material) weakness() string {
	if m.secret != nil {
		switch {
		case published(m.secret):
			return "the secret is published as an example or a default, so that anybody can forge tokens: replace it"
		case len(m.secret) < m.algorithm.bytes:
			return fmt.Sprintf("the secret is shorter than the %d bytes that %s needs: replace it with random bytes", m.algorithm.bytes, m.alg)
		}
		return regular(m.secret)
	}
	if k, ok := m.public.(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		return "the RSA key has fewer than 2048 bits: replace it"
	}
	if publishedThumbprints[thumbprint(m.public)] {
		return "the private key is published as an example, so that anybody can forge tokens: replace it"
	}
	return ""
}

// regular says what a person typed rather than a generator made; empty: it
// looks random. The bounds are such that a random secret of 32 bytes, or of 32
// hex digits, is refused less than once in a million times.
func regular(secret []byte) string {
	seen := [256]bool{}
	different, steps := 0, 0
	for i, b := range secret {
		if !seen[b] {
			seen[b] = true
			different++
		}
		if i > 0 && (b == secret[i-1]+1 || b == secret[i-1]-1) {
			steps++
		}
	}
	switch {
	case different < 8:
		return "the secret is made of too few different characters: replace it with random bytes"
	case repeats(secret):
		return "the secret repeats a shorter one: replace it with random bytes"
	case 4*steps >= 3*len(secret):
		return "the secret is a sequence: replace it with random bytes"
	case wordy(secret):
		return "the secret is made of words: replace it with random bytes"
	}
	return ""
}

// repeats reports whether the secret is a shorter part, at most half of it, again and again.
func repeats(secret []byte) bool {
	for p := 1; p <= len(secret)/2; p++ {
		if bytes.Equal(secret[p:], secret[:len(secret)-p]) {
			return true
		}
	}
	return false
}

// words are at least six letters long and not made of hex digits only, so
// that they do not turn up in random text by chance.
var words = []string{
	"secret", "password", "passwort", "passw0rd", "passphrase", "changeme", "change-me", "change_me", "change-this",
	"default", "example", "sample", "production", "development", "staging", "testing", "qwerty", "asdfgh", "yxcvbn", "zxcvbn",
	"private", "signing", "letmein", "welcome", "company", "placeholder", "replace", "insecure", "random", "jwttoken", "jwt-token", "jwt_token",
}

func wordy(secret []byte) bool {
	if len(secret) > 1024 {
		return false // long enough whatever it says, and the search stays short
	}
	text := strings.ToLower(string(secret))
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// thumbprint is the RFC 7638 thumbprint of a public key in base64url; empty
// where the key is of an unknown kind.
func thumbprint(public crypto.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
