package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms of RFC 7518 §3 and RFC 8037 that a key may have. The names
// are those of the JOSE header "alg". There is no "none" among them.
const (
	HS256 = "HS256"
	HS384 = "HS384"
	HS512 = "HS512"
	RS256 = "RS256"
	RS384 = "RS384"
	RS512 = "RS512"
	PS256 = "PS256"
	PS384 = "PS384"
	PS512 = "PS512"
	ES256 = "ES256"
	ES384 = "ES384"
	ES512 = "ES512"
	EdDSA = "EdDSA"
)

// family groups the algorithms that take the same kind of key.
type family int

const (
	hmacFamily family = iota
	rsaFamily
	ecdsaFamily
	ed25519Family
)

// algorithm is what a key needs to know about its alg. The signing methods are
// named here and never looked up in golang-jwt's registry, which any package
// of the process could change.
type algorithm struct {
	family family
	method jwt.SigningMethod
	bytes  int            // HMAC: least length of a secret, the size of the hash (RFC 7518 §3.2)
	curve  elliptic.Curve // ECDSA: the one curve of this algorithm (RFC 7518 §3.4)
}

// alg → what it needs
var algorithms = map[string]algorithm{
	HS256: {family: hmacFamily, method: jwt.SigningMethodHS256, bytes: 32},
	HS384: {family: hmacFamily, method: jwt.SigningMethodHS384, bytes: 48},
	HS512: {family: hmacFamily, method: jwt.SigningMethodHS512, bytes: 64},
	RS256: {family: rsaFamily, method: jwt.SigningMethodRS256},
	RS384: {family: rsaFamily, method: jwt.SigningMethodRS384},
	RS512: {family: rsaFamily, method: jwt.SigningMethodRS512},
	PS256: {family: rsaFamily, method: jwt.SigningMethodPS256},
	PS384: {family: rsaFamily, method: jwt.SigningMethodPS384},
	PS512: {family: rsaFamily, method: jwt.SigningMethodPS512},
	ES256: {family: ecdsaFamily, method: jwt.SigningMethodES256, curve: elliptic.P256()},
	ES384: {family: ecdsaFamily, method: jwt.SigningMethodES384, curve: elliptic.P384()},
	ES512: {family: ecdsaFamily, method: jwt.SigningMethodES512, curve: elliptic.P521()},
	EdDSA: {family: ed25519Family, method: jwt.SigningMethodEdDSA},
}

// lookUpAlgorithm returns the algorithm of that name. The name comes from
// foreign bytes, so the error does not quote it.
func lookUpAlgorithm(name string) (algorithm, error) {
	a, ok := algorithms[name]
	if !ok {
		return algorithm{}, errors.New("algorithm is not supported: use HS256, RS256, ES256, EdDSA or one of their longer forms")
	}
	return a, nil
}

// defaultAlgorithm is the alg of a public key that names none.
func defaultAlgorithm(public crypto.PublicKey) (string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return RS256, nil
	case ed25519.PublicKey:
		return EdDSA, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ES256, nil
		case elliptic.P384():
			return ES384, nil
		case elliptic.P521():
			return ES512, nil
		}
		return "", errors.New("elliptic curve is not supported: use P-256, P-384 or P-521")
	}
	return "", fmt.Errorf("key of type %T is not supported: use RSA, ECDSA or Ed25519", public)
}

// fits reports whether a public key may be used with the algorithm.
func (a algorithm) fits(public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return a.family == rsaFamily
	case ed25519.PublicKey:
		return a.family == ed25519Family
	case *ecdsa.PublicKey:
		return a.family == ecdsaFamily && k.Curve == a.curve
	}
	return false
}
