package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// oct is the RFC 7638 thumbprint of a shared secret.
func oct(secret string) string {
	sum := sha256.Sum256([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString([]byte(secret)) + `","kty":"oct"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestWeakSecretsAreNamed(t *testing.T) {
	covers.IDs(t, "CFG-12")
	for _, c := range []struct{ secret, alg, want string }{
		{"0123abcd-short", HS256, "shorter than the 32 bytes"},
		{"7c1e9b04-55ad-4f3a-9e62-d80b13f7", HS384, "shorter than the 48 bytes"},
		{"7c1e9b04-55ad-4f3a-9e62-d80b13f7-7c1e9b04-xx", HS512, "shorter than the 64 bytes"},
		{strings.Repeat("a", 64), HS256, "too few different"},
		{strings.Repeat("01", 32), HS256, "too few different"},
		{"0123456789" + "0123456789" + "0123456789" + "0123456789", HS256, "repeats"},
		{"k3Jx9QbZ" + "k3Jx9QbZ" + "k3Jx9QbZ" + "k3Jx9QbZ", HS256, "repeats"},
		{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", HS256, "sequence"},
		{"zyxwvutsrqponmlkjihgfedcba9876543210", HS256, "sequence"},
		{"our-own-very-long-Password-of-2026!!", HS256, "words"},
		{"ACME_PRODUCTION_JWT_K1_88271-xx-yy-z", HS256, "words"},
		{"secret", HS256, "published"},
		{"your-256-bit-secret", HS256, "published"},
		{" changeme\n", HS256, "published"},
		{"QuiltMCPJWTSecret2025ProductionV1", HS256, "published"},
		{"a-string-secret-at-least-256-bits-long", HS256, "published"},
		{"super-secret-jwt-token-with-at-least-32-characters-long", HS256, "published"},
		{"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", HS256, "published"}, // RFC 7515 A.1, as text
		{decoded("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"), HS256, "published"},
		{base64.StdEncoding.EncodeToString([]byte("your-256-bit-secret")), HS256, "published"},
		{"VGhpc0lzTXlDdXN0b21TZWNyZXRLZXkwMTIzNDU2Nzg=", HS256, "published"},
		{hex.EncodeToString([]byte("QuiltMCPJWTSecret2025ProductionV1")), HS256, "published"},
		{"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", HS256, "published"},
	} {
		k, err := NewHMAC("a", c.alg, []byte(c.secret))
		if err != nil {
			t.Fatal(err)
		}
		weak := k.Weak()
		if !strings.Contains(weak, c.want) {
			t.Errorf("got %q for %q, want it called %q", weak, c.secret, c.want)
		}
		if len(c.secret) > 8 && strings.Contains(weak, c.secret) {
			t.Errorf("got %q, which shows the secret", weak)
		}
	}
}

func TestRandomSecretsAreNotCalledWeak(t *testing.T) {
	for range 1000 {
		b := make([]byte, 32)
		rand.Read(b)
		for name, secret := range map[string][]byte{
			"bytes": b, "hex": []byte(hex.EncodeToString(b)), "short hex": []byte(hex.EncodeToString(b[:16])), "base64": []byte(base64.StdEncoding.EncodeToString(b)),
		} {
			k, err := NewHMAC("a", HS256, secret)
			if err != nil {
				t.Fatal(err)
			}
			if weak := k.Weak(); weak != "" {
				t.Fatalf("got %q for random %s %q, want it taken for strong", weak, name, secret)
			}
		}
	}
}

func TestWeakAndPublishedKeyPairsAreNamed(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKey("a", "", short)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(k.Weak(), "2048") {
		t.Errorf("got %q for RSA with 1024 bits, want it called weak", k.Weak())
	}
	for name, jwk := range map[string]string{
		"RFC 7515 A.3":   `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		"RFC 8037 A.1":   `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"token debugger": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----\n",
	} {
		p, err := ParseKeys([]byte(jwk), ParseOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if weak := p.Keys[0].Weak(); !strings.Contains(weak, "published") {
			t.Errorf("%s: got %q, want it called published", name, weak)
		}
	}
}
