package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Generate makes a fresh key for the algorithm from the system's random
// source: as many bytes as the hash has for HMAC, RSA with 2048 bits, the
// algorithm's curve, or Ed25519. The kid may be empty and follows [CheckKID].
func Generate(kid, alg string) (Key, error) {
	a, err := lookUpAlgorithm(alg)
	if err != nil {
		return Key{}, err
	}
	var private any
	switch a.family {
	case hmacFamily:
		secret := make([]byte, a.bytes)
		rand.Read(secret) // never fails: crypto/rand ends the program instead
		return NewHMAC(kid, alg, secret)
	case rsaFamily:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case ecdsaFamily:
		private, err = ecdsa.GenerateKey(a.curve, rand.Reader)
	case ed25519Family:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return Key{}, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return NewKey(kid, alg, private)
}

// MarshalPrivateJWK returns the whole key as the JSON of a JWK, with "k" or
// "d", kid, alg and use "sig". It is material: give it to the store only.
func (k Key) MarshalPrivateJWK() ([]byte, error) {
	if !k.CanSign() {
		return nil, errors.New("key has no private half: nothing to write")
	}
	jwk := jose.JSONWebKey{Key: k.m().signer, KeyID: k.m().kid, Algorithm: k.m().alg, Use: "sig"}
	if k.m().secret != nil {
		jwk.Key = k.m().secret
	}
	return jwk.MarshalJSON()
}

// MarshalPEM returns the private key as PKCS#8 in PEM. A shared secret has no
// such form. It is material: give it to the store only.
func (k Key) MarshalPEM() ([]byte, error) {
	if k.m() == nil || k.m().signer == nil {
		return nil, errors.New("key has no private half that PEM could hold: write it as a secret or JWK")
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.m().signer)
	if err != nil {
		return nil, errors.New("key has no PKCS#8 form: write it as JWK")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// MarshalSecret returns a copy of a shared secret's bytes. They are material:
// give them to the store only.
func (k Key) MarshalSecret() ([]byte, error) {
	if k.m() == nil || k.m().secret == nil {
		return nil, errors.New("key is not a shared secret: write it as PEM or JWK")
	}
	return slices.Clone(k.m().secret), nil
}
