package auth

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxValue is the size of the longest value that [ParseKeys] reads, in bytes:
// the size of the largest secret that the stores of this field hold. It bounds
// the memory that a foreign value can take.
const MaxValue = 64 << 10

// maxKeys bounds the keys of one value, and so the work of each look.
const maxKeys = 32

// ParseOptions say what holds for material that does not say it itself.
type ParseOptions struct {
	// KID of material that names none. Empty: public-key material gets the
	// RFC 7638 thumbprint of its public key, a shared secret stays without.
	KID string
	// ForceKID makes KID win over the one that the material names. It is an
	// error where the value holds several keys.
	ForceKID bool
	// Algorithm of material that names none. Empty: HS256 for a shared secret,
	// else RS256, EdDSA, or the one of the curve.
	Algorithm string
}

// The forms in which [ParseKeys] finds keys; a writer keeps the form it found.
const (
	FormRaw  = "raw"  // the value is the shared secret itself
	FormJSON = "json" // a JSON object with the material in a member
	FormJWK  = "jwk"  // one JSON Web Key
	FormJWKS = "jwks" // a JSON Web Key Set
	FormPEM  = "pem"  // one private or public key, or a certificate
)

// Parsed is what a stored value holds. It redacts itself like its keys do.
type Parsed struct {
	Keys     []Key
	Active   int      // index in Keys of the one that signs; -1: none of them can
	Form     string   // FormRaw, FormJSON, FormJWK, FormJWKS or FormPEM
	Member   string   // FormJSON: the member that holds the material
	Warnings []string // for people: what was found odd; nothing of the material
}

// ParseKeys reads the keys of one stored value, whose form it finds out:
//
//   - a JSON object with "keys": a JWK set. Members of unknown kinds, or for
//     encryption, are left out with a warning. Active is the member that
//     "current_kid" or "active_kid" names, else the only private one, else the
//     first private one with use "sig".
//   - a JSON object with "kty": a JWK.
//   - another JSON object: the kid from kid, key_id or keyId, the algorithm
//     from alg or algorithm, the material from the first of secret, key, value,
//     private_key, jwt_secret, signing_key, jwk, pem. The material may be an
//     object, or a string that is itself JSON or PEM (one level deep), or else
//     the shared secret, as text or as "encoding" says: utf8, base64url, base64
//     or hex.
//   - PEM: PKCS#8, PKCS#1, SEC1, a public key or a certificate; text around it
//     is ignored.
//   - anything else is a shared secret, byte by byte, a final line break included.
//
// Each kid follows [CheckKID] and never shows the material. Weak keys are not
// an error (see [Key.Weak]). Errors and warnings say what is wrong and what to
// do, and quote nothing of the value.
func ParseKeys(data []byte, o ParseOptions) (Parsed, error) {
	if len(data) == 0 {
		return Parsed{}, errors.New("parse keys: value is empty: store a key in it")
	}
	if len(data) > MaxValue {
		return Parsed{}, fmt.Errorf("parse keys: value is larger than %d bytes: store the key alone", MaxValue)
	}
	if o.KID != "" {
		if err := CheckKID(o.KID); err != nil {
			return Parsed{}, fmt.Errorf("parse keys: %w", err)
		}
	}
	if o.ForceKID && o.KID == "" {
		return Parsed{}, errors.New("parse keys: a kid is forced, but none is given: name it")
	}
	p := parser{options: o}
	parsed, err := p.value(data)
	if err != nil {
		return Parsed{}, fmt.Errorf("parse keys: %w", err)
	}
	parsed.Warnings = p.warnings
	return parsed, nil
}

// parser gathers warnings while it descends, at most one level.
type parser struct {
	options  ParseOptions
	warnings []string
	nested   bool
}

func (p *parser) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	pemBegin      = []byte("-----BEGIN ")
)

// value finds out the form. Binary secrets may begin like JSON by chance, so
// only text is taken for JSON.
func (p *parser) value(data []byte) (Parsed, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, byteOrderMark))
	switch {
	case bytes.Contains(text, pemBegin) && (len(text) == 0 || text[0] != '{'):
		return p.pem(text)
	case len(text) > 0 && text[0] == '{' && utf8.Valid(text):
		return p.object(text)
	}
	return p.raw(data)
}

func (p *parser) raw(data []byte) (Parsed, error) {
	alg := p.options.Algorithm
	if alg == "" {
		alg = HS256
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 {
		return Parsed{}, errors.New("value is blank: store a key in it")
	} else if utf8.Valid(data) && len(trimmed) != len(data) {
		p.warn("the secret begins or ends with a blank or line break, which is part of the key: signers and verifiers must agree on it")
	}
	key, err := NewHMAC(p.options.KID, alg, data)
	if err != nil {
		return Parsed{}, err
	}
	return Parsed{Keys: []Key{key}, Form: FormRaw}, nil
}

// kid decides between the kid that the material names and the one of the options.
func (p *parser) kid(named string) string {
	if p.options.ForceKID || named == "" {
		return p.options.KID
	}
	return named
}

// keyOf makes the key of public-key material, with the thumbprint as its kid
// where nobody gave one: unlike that of a secret it tells nothing.
func (p *parser) keyOf(named, alg string, material any) (Key, error) {
	if alg == "" {
		alg = p.options.Algorithm
	}
	key, err := NewKey(p.kid(named), alg, material)
	if err != nil || key.KID() != "" {
		return key, err
	}
	return key.WithKID(thumbprint(key.m().public))
}

// active is the only result index of a value with one key.
func active(k Key) int {
	if k.CanSign() {
		return 0
	}
	return -1
}
