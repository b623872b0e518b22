package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Key is one signing or verifying key with its kid and its one algorithm. It
// is opaque: its material can be asked for only by the Marshal methods that
// store writers use, and every way of printing, logging or encoding it shows
// kid and algorithm alone. A Key never changes and is safe for concurrent use.
// The zero Key has no material: it neither signs nor verifies.
type Key struct {
	// get is a function because package fmt prints the address of one: where a
	// Key is an unexported field, fmt calls none of its methods, and walks
	// through structs and pointers alike.
	get func() *material
}

// m is the material; nil for the zero Key.
func (k Key) m() *material {
	if k.get == nil {
		return nil
	}
	return k.get()
}

// material is immutable once a Key points to it.
type material struct {
	kid       string
	alg       string
	algorithm algorithm
	secret    []byte        // HMAC only
	signer    crypto.Signer // private key, nil where only the public one is known
	public    crypto.PublicKey
	verify    any    // what golang-jwt wants for verification; boxed once, since boxing allocates
	weak      string // see Weak
}

// NewHMAC makes a key of a shared secret. The alg is HS256, HS384 or HS512. The
// kid may be empty (see [Key.WithKID]) and follows [CheckKID]; a kid that shows
// the secret, or a plain digest of it, is an error. Weak secrets are accepted
// here, since a ring may have one already: ask [Key.Weak]. The secret is copied.
func NewHMAC(kid, alg string, secret []byte) (Key, error) {
	a, err := lookUpAlgorithm(alg)
	if err != nil {
		return Key{}, err
	}
	if a.family != hmacFamily {
		return Key{}, fmt.Errorf("algorithm %s takes a private or public key, not a secret: use HS256", alg)
	}
	if len(secret) == 0 {
		return Key{}, errors.New("secret is empty: store at least 32 random bytes")
	}
	secret = slices.Clone(secret)
	m := &material{kid: kid, alg: alg, algorithm: a, secret: secret, verify: secret}
	m.weak = m.weakness()
	return m.named(kid)
}

// NewKey makes a key of a private key (*rsa.PrivateKey, *ecdsa.PrivateKey,
// ed25519.PrivateKey), or of a public one, which then only verifies. An empty
// alg means RS256, EdDSA, or the one that belongs to the curve. The kid may be
// empty and follows [CheckKID].
func NewKey(kid, alg string, key any) (Key, error) {
	m := &material{kid: kid, alg: alg}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k == nil {
			return Key{}, errors.New("key is nil")
		}
		m.signer, m.public = k, &k.PublicKey
	case *ecdsa.PrivateKey:
		if k == nil || k.Curve == nil {
			return Key{}, errors.New("key is nil")
		}
		m.signer, m.public = k, &k.PublicKey
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return Key{}, errors.New("ed25519 private key has the wrong length")
		}
		m.signer, m.public = k, k.Public()
	case *rsa.PublicKey:
		if k == nil {
			return Key{}, errors.New("key is nil")
		}
		m.public = k
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return Key{}, errors.New("key is nil")
		}
		m.public = k
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return Key{}, errors.New("ed25519 public key has the wrong length")
		}
		m.public = k
	default:
		return Key{}, fmt.Errorf("key of type %T is not supported: use RSA, ECDSA or Ed25519", key)
	}
	byKind, err := defaultAlgorithm(m.public)
	if err != nil {
		return Key{}, err
	}
	if m.alg == "" {
		m.alg = byKind
	}
	if m.algorithm, err = lookUpAlgorithm(m.alg); err != nil {
		return Key{}, err
	}
	if !m.algorithm.fits(m.public) {
		return Key{}, fmt.Errorf("algorithm %s does not fit this key: use %s", m.alg, byKind)
	}
	if err := usable(m.public); err != nil {
		return Key{}, err
	}
	if m.signer != nil {
		if err := paired(m.signer); err != nil {
			return Key{}, err
		}
	}
	m.verify = m.public
	m.weak = m.weakness()
	return m.named(kid)
}

// usable refuses public keys that would make every later verification fail or
// take too long.
func usable(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N == nil || k.N.BitLen() < minRSABits || k.N.BitLen() > maxRSABits || k.E < 3 || k.E&1 == 0 {
			return fmt.Errorf("rsa key is unusable: want an odd exponent and a modulus of %d to %d bits", minRSABits, maxRSABits)
		}
	case *ecdsa.PublicKey:
		if _, err := k.ECDH(); err != nil {
			return errors.New("ecdsa key is unusable: its point is not on the curve")
		}
	}
	return nil
}

// paired refuses private keys that do not belong to their public half: what
// they sign, nobody could verify.
func paired(private crypto.Signer) error {
	ok := true
	switch k := private.(type) {
	case *rsa.PrivateKey:
		ok = k.Validate() == nil
	case *ecdsa.PrivateKey:
		own, err := k.ECDH()
		if ok = err == nil; ok {
			public, err := k.PublicKey.ECDH()
			ok = err == nil && own.PublicKey().Equal(public)
		}
	case ed25519.PrivateKey:
		ok = ed25519.NewKeyFromSeed(k.Seed()).Equal(k)
	}
	if !ok {
		return errors.New("private key is unusable: it does not belong to its public half, export the pair again")
	}
	return nil
}

// minRSABits is what crypto/rsa still works with; maxRSABits bounds the time
// that one verification can take.
const (
	minRSABits = 1024
	maxRSABits = 8192
)

// named gives the material its kid, after checking it.
func (m *material) named(kid string) (Key, error) {
	if kid != "" {
		if err := CheckKID(kid); err != nil {
			return Key{}, err
		}
		if m.shows(kid) {
			return Key{}, errors.New("kid shows the secret or a digest of it: give the key another kid, and rotate it, for its kid is in every token")
		}
	}
	named := *m
	named.kid = kid
	return Key{get: func() *material { return &named }}, nil
}

// WithKID returns the same material under another kid, which follows
// [CheckKID] and must not show the material.
func (k Key) WithKID(kid string) (Key, error) {
	if k.m() == nil {
		return Key{}, errors.New("key is empty")
	}
	return k.m().named(kid)
}

// WithAlgorithm returns the same material under another algorithm of its
// family, for instance PS256 for an RSA key.
func (k Key) WithAlgorithm(alg string) (Key, error) {
	switch {
	case k.m() == nil:
		return Key{}, errors.New("key is empty")
	case k.m().secret != nil:
		return NewHMAC(k.m().kid, alg, k.m().secret)
	case k.m().signer != nil:
		return NewKey(k.m().kid, alg, k.m().signer)
	}
	return NewKey(k.m().kid, alg, k.m().public)
}

// KID returns the key's kid; empty where it was given none.
func (k Key) KID() string {
	if k.m() == nil {
		return ""
	}
	return k.m().kid
}

// Algorithm returns the one JWS algorithm of the key, for instance "HS256".
func (k Key) Algorithm() string {
	if k.m() == nil {
		return ""
	}
	return k.m().alg
}

// IsZero reports whether the key has no material.
func (k Key) IsZero() bool { return k.m() == nil }

// CanSign reports whether the key can sign: it is a shared secret, or its
// private half is known.
func (k Key) CanSign() bool { return k.m() != nil && (k.m().secret != nil || k.m().signer != nil) }

// Symmetric reports whether the key is a shared secret, so that whoever
// verifies with it could sign with it too.
func (k Key) Symmetric() bool { return k.m() != nil && k.m().secret != nil }

// Weak says why the key must not be taken as a new one: too short, too
// regular, or published. It is empty for a key that is fine, and never tells
// anything of the material.
func (k Key) Weak() string {
	if k.m() == nil {
		return "the key is empty"
	}
	return k.m().weak
}

// Fingerprint returns a keyed hash of the material (not of kid or algorithm),
// for comparing keys inside one process. The pepper must be secret and random,
// at least 16 bytes; under a shorter one, which would make the result a plain
// digest, it returns nil. The private and the public half of one pair have the
// same fingerprint. The result must not leave the process that made the pepper.
func (k Key) Fingerprint(pepper []byte) []byte {
	if k.m() == nil || len(pepper) < 16 {
		return nil
	}
	h := hmac.New(sha256.New, pepper)
	if k.m().secret != nil {
		h.Write([]byte("secret\x00"))
		h.Write(k.m().secret)
		return h.Sum(nil)
	}
	der, err := x509.MarshalPKIXPublicKey(k.m().public)
	if err != nil {
		return nil
	}
	h.Write([]byte("public\x00"))
	h.Write(der)
	return h.Sum(nil)
}

// Public returns the public half as a JWK with kid, alg and use "sig"; ok is
// false for a shared secret, which has no public half.
func (k Key) Public() (jwk jose.JSONWebKey, ok bool) {
	if k.m() == nil || k.m().public == nil {
		return jose.JSONWebKey{}, false
	}
	return jose.JSONWebKey{Key: k.m().public, KeyID: k.m().kid, Algorithm: k.m().alg, Use: "sig"}, true
}
