package aws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/test/awsfake"
)

// form is a way in which secrets are stored today, and how the applications
// that read it find the key. The readers know nothing of keyturn.
type form struct {
	name   string
	value  func(t *testing.T) awsfake.Value
	method string
	read   func(t *testing.T, value []byte) any // key for the verification of a token
	// changes names the members of the JSON that a turn may change, as paths; nil: it is no JSON.
	changes [][]string
	binary  bool
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func text(n int) string { return base64.RawURLEncoding.EncodeToString(random(n)) }

// members is JSON for a map in which %s stands for fresh secrets.
func members(format string, secrets ...int) func(*testing.T) awsfake.Value {
	return func(*testing.T) awsfake.Value {
		args := make([]any, len(secrets))
		for i, n := range secrets {
			args[i] = text(n)
		}
		return awsfake.String(fmt.Sprintf(format, args...))
	}
}

// member reads a string at a path; a string that holds JSON is stepped into.
func member(t *testing.T, value []byte, path ...string) string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil {
		t.Fatalf("the value is no JSON any more: %v", err)
	}
	var s string
	if json.Unmarshal(object[path[0]], &s) != nil {
		return member(t, object[path[0]], path[1:]...)
	}
	if len(path) > 1 {
		return member(t, []byte(s), path[1:]...)
	}
	return s
}

func textAt(path ...string) func(*testing.T, []byte) any {
	return func(t *testing.T, value []byte) any { return []byte(member(t, value, path...)) }
}

func base64At(t *testing.T, value []byte, path ...string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(member(t, value, path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publicPEM reads the public half out of PKCS#8.
func publicPEM(t *testing.T, value []byte) any {
	t.Helper()
	block, _ := pem.Decode(value)
	if block == nil {
		t.Fatal("the value is no PEM any more")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer).Public()
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ecJWK writes a private key as RFC 7518 §6.2 says.
func ecJWK(t *testing.T, kid string) string {
	t.Helper()
	key := ecKey(t)
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"alg":"ES256","use":"sig","x":%q,"y":%q,"d":%q,"x-team":"payments"}`,
		kid, enc(point[1:33]), enc(point[33:]), enc(raw))
}

func ecPublic(t *testing.T, jwk []byte) any {
	t.Helper()
	point := slices.Concat([]byte{4}, base64At(t, jwk, "x"), base64At(t, jwk, "y")) // SEC 1 §2.3.3
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var forms = []form{
	{name: "a raw string", method: "HS256",
		value: func(*testing.T) awsfake.Value { return awsfake.String(text(36)) },
		read:  func(_ *testing.T, value []byte) any { return value }},
	{name: "raw bytes", method: "HS256", binary: true,
		value: func(*testing.T) awsfake.Value { return awsfake.Binary(random(48)) },
		read:  func(_ *testing.T, value []byte) any { return value }},
	{name: "JSON with a kid and other members", method: "HS256",
		value:   members(`{"kid":"2026-10-a", "alg":"HS256", "secret":"%s", "database": {"port": 5432, "rate": 1.50, "hosts": ["a","b"], "none": null}, "password":"%s"}`, 36, 12),
		read:    textAt("secret"),
		changes: [][]string{{"kid"}, {"secret"}}},
	{name: "JSON with jwt_secret alone", method: "HS256",
		value:   members(`{"jwt_secret":"%s","username":"svc","engine":"postgres"}`, 36),
		read:    textAt("jwt_secret"),
		changes: [][]string{{"jwt_secret"}}},
	{name: "JSON with signing_key for HS512", method: "HS512",
		value:   members(`{"alg":"HS512","signing_key":"%s"}`, 66),
		read:    textAt("signing_key"),
		changes: [][]string{{"signing_key"}}},
	{name: "JSON nested in a string, as the console stores it", method: "HS256",
		value: func(*testing.T) awsfake.Value {
			inner := fmt.Sprintf(`{"kty":"oct","kid":"k1","alg":"HS256","k":%q}`, text(32))
			outer, _ := json.Marshal(map[string]string{"jwk": inner, "owner": "payments"}) // two strings
			return awsfake.String(string(outer))
		},
		read:    func(t *testing.T, value []byte) any { return base64At(t, value, "jwk", "k") },
		changes: [][]string{{"jwk"}}},
	{name: "a symmetric JWK", method: "HS256",
		value:   members(`{"kty":"oct","kid":"k1","alg":"HS256","k":"%s","x-note":"keep"}`, 32),
		read:    func(t *testing.T, value []byte) any { return base64At(t, value, "k") },
		changes: [][]string{{"kid"}, {"k"}}},
	{name: "an EC JWK", method: "ES256",
		value:   func(t *testing.T) awsfake.Value { return awsfake.String(ecJWK(t, "ec-1")) },
		read:    ecPublic,
		changes: [][]string{{"kid"}, {"x"}, {"y"}, {"d"}}},
	{name: "a JWKS with current_kid", method: "ES256",
		value: func(t *testing.T) awsfake.Value {
			return awsfake.String(fmt.Sprintf(`{"keys":[%s],"current_kid":"ec-1","policy":{"days":90}}`, ecJWK(t, "ec-1")))
		},
		read: func(t *testing.T, value []byte) any {
			var set struct {
				Keys    []json.RawMessage `json:"keys"`
				Current string            `json:"current_kid"`
			}
			if err := json.Unmarshal(value, &set); err != nil {
				t.Fatal(err)
			}
			for _, jwk := range set.Keys {
				if member(t, jwk, "kid") == set.Current {
					return ecPublic(t, jwk)
				}
			}
			t.Fatalf("current_kid %q names none of %d keys", set.Current, len(set.Keys))
			return nil
		},
		changes: [][]string{{"keys"}, {"current_kid"}}},
	{name: "an RSA key in PEM", method: "RS256",
		value: func(t *testing.T) awsfake.Value {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			return awsfake.String(pkcs8(t, key))
		},
		read: publicPEM},
	{name: "an EC key in PEM in JSON", method: "ES256",
		value: func(t *testing.T) awsfake.Value {
			raw, _ := json.Marshal(map[string]string{"private_key": pkcs8(t, ecKey(t)), "issuer": "https://issuer.test"}) // two strings
			return awsfake.String(string(raw))
		},
		read:    func(t *testing.T, value []byte) any { return publicPEM(t, []byte(member(t, value, "private_key"))) },
		changes: [][]string{{"private_key"}}},
	{name: "an Ed25519 key in PEM", method: "EdDSA",
		value: func(t *testing.T) awsfake.Value {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return awsfake.String(pkcs8(t, key))
		},
		read: publicPEM},
}

// verify checks a token as an application does that has read the secret.
func (f form) verify(t *testing.T, fake *awsfake.Fake, version, token string) error {
	t.Helper()
	value, binary := fake.Value(secretName, version).Reveal()
	if binary != f.binary {
		t.Fatalf("version %s is binary %v, was %v", version, binary, f.binary)
	}
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return f.read(t, value), nil },
		jwt.WithValidMethods([]string{f.method}), jwt.WithIssuer("https://issuer.test"), jwt.WithAudience("test"))
	return err
}

// without is a JSON value less the members that may change.
func without(t *testing.T, value awsfake.Value, paths [][]string) any {
	t.Helper()
	raw, _ := value.Reveal()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		t.Fatalf("the value is no JSON any more: %v", err)
	}
	for _, p := range paths {
		if _, there := object[p[0]]; !there {
			t.Errorf("member %s is gone", p[0])
		}
		delete(object, p[0])
	}
	return object
}

func TestEachFormIsTurnedForThoseWhoReadItAlready(t *testing.T) {
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			f := awsfake.New(t)
			f.Create(secretName, form.value(t))
			v1 := f.Holder(secretName, awsfake.Current)
			d := run(t, f, setup{})
			old := d.token()
			if err := form.verify(t, f, v1, old); err != nil {
				t.Fatalf("a token of day one: %v", err)
			}

			d.rotate()

			v2 := f.Holder(secretName, awsfake.Current)
			if v2 == v1 {
				t.Fatal("AWSCURRENT has not moved")
			}
			d.becomes(v2)
			fresh := d.token()
			if err := form.verify(t, f, v2, fresh); err != nil {
				t.Errorf("a token of the new key, by who reads the secret: %v", err)
			}
			if form.verify(t, f, v1, fresh) == nil {
				t.Error("the new token verifies with the old key")
			}
			if !d.verifies(old) || !d.verifies(fresh) {
				t.Error("the daemon refuses the old token or the new one")
			}
			if form.changes == nil {
				return
			}
			if diff := cmp.Diff(without(t, f.Value(secretName, v1), form.changes), without(t, f.Value(secretName, v2), form.changes)); diff != "" {
				t.Errorf("other members changed:\n%s", diff)
			}
		})
	}
}
