package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

const (
	idSize     = 16 // random; names the session in the bucket
	secretSize = 32 // random at sign-in, derived afterwards

	// credentialLength is the length of an encoded credential: 48 bytes in
	// base64url, which needs no padding.
	credentialLength = (idSize + secretSize) / 3 * 4
)

// errCredential says that a cookie's value is no credential. It never quotes the value.
var errCredential = errors.New("session credential: want 64 characters of base64url")

// credential is what a browser holds: the session's id, and a secret that
// changes at each use. It redacts itself.
type credential struct {
	id     [idSize]byte
	secret [secretSize]byte
}

// newCredential starts a family of credentials.
func newCredential() credential {
	var c credential
	// crypto/rand.Read never fails: the runtime ends the process instead.
	_, _ = rand.Read(c.id[:])
	_, _ = rand.Read(c.secret[:])
	return c
}

// parseCredential reads the one spelling that encode writes and no other, so
// that two different cookies are never the same credential.
func parseCredential(s string) (credential, error) {
	var c credential
	if len(s) != credentialLength {
		return c, errCredential
	}
	var raw [idSize + secretSize]byte
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(s)); err != nil || n != len(raw) {
		return c, errCredential
	}
	copy(c.id[:], raw[:idSize])
	copy(c.secret[:], raw[idSize:])
	return c, nil
}

// encode is the cookie's value.
func (c credential) encode() string {
	return base64.RawURLEncoding.EncodeToString(append(c.id[:], c.secret[:]...))
}

// session is the id's spelling in the bucket, in logs and towards [Claims]. It opens nothing by itself.
func (c credential) session() string { return hex.EncodeToString(c.id[:]) }

// print is what is stored of a credential. A plain hash is enough because
// nobody can guess 256 random bits.
func (c credential) print() print {
	h := sha256.New()
	h.Write([]byte("keyturn session credential\n"))
	h.Write(c.id[:])
	h.Write(c.secret[:])
	return print(h.Sum(nil))
}

// successor is the one credential that follows c. Whoever holds the server's
// key derives the same one, so replicas that race agree without talking; and
// who reads the bucket alone, key included, still can't derive any, since no
// secret is stored.
func (c credential) successor(key serverKey) credential {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("keyturn next session credential\n"))
	m.Write(c.id[:])
	m.Write(c.secret[:])
	next := credential{id: c.id}
	copy(next.secret[:], m.Sum(nil))
	return next
}

// leadsTo reports whether p is the print of a credential that follows c within
// at most steps uses. It proves that c was once handed out: only a forger who
// knows the server's key could make up such a c.
func (c credential) leadsTo(p print, key serverKey, steps int) bool {
	for range steps {
		c = c.successor(key)
		if c.print().equal(p) {
			return true
		}
	}
	return false
}

// String redacts.
func (credential) String() string { return "[redacted]" }

// GoString redacts.
func (credential) GoString() string { return "[redacted]" }

// MarshalJSON redacts.
func (credential) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// print is the hash of a credential: 32 bytes, in JSON base64.
type print []byte

func (p print) equal(q print) bool {
	return len(p) == sha256.Size && subtle.ConstantTimeCompare(p, q) == 1
}

// serverKey derives successors. All replicas share it through the bucket.
type serverKey [32]byte

func newServerKey() serverKey {
	var k serverKey
	_, _ = rand.Read(k[:])
	return k
}

// String redacts.
func (serverKey) String() string { return "[redacted]" }

// GoString redacts.
func (serverKey) GoString() string { return "[redacted]" }

// MarshalJSON redacts.
func (serverKey) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }
