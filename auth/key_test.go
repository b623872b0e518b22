package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

var everyAlgorithm = []string{HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA}

func TestAGeneratedKeyOfEachAlgorithmSignsVerifiesAndComesBackFromEachForm(t *testing.T) {
	for _, alg := range everyAlgorithm {
		k := mustGenerate(t, "fresh", alg)
		if k.Algorithm() != alg || k.KID() != "fresh" || !k.CanSign() || k.Weak() != "" {
			t.Errorf("%s: got %v, can sign %v, weak %q, want a strong signing key", alg, k, k.CanSign(), k.Weak())
		}
		ring := keyringOf(t, Config{}, Held{Name: "1", Key: k, Stage: Current})
		signed, err := ring.Sign(valid())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Verify(t.Context(), signed.Token); err != nil {
			t.Errorf("%s: got error %v, want the token verified", alg, err)
		}
		pepper := []byte("a pepper of one process")
		for form, marshal := range map[string]func() ([]byte, error){FormJWK: k.MarshalPrivateJWK, FormPEM: k.MarshalPEM, FormRaw: k.MarshalSecret} {
			data, err := marshal()
			if (form == FormPEM) == k.Symmetric() && form != FormJWK || form == FormRaw && !k.Symmetric() {
				if err == nil {
					t.Errorf("%s: got a %s form, want an error", alg, form)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseKeys(data, ParseOptions{KID: "fresh", Algorithm: alg})
			if err != nil {
				t.Fatalf("%s from %s: %v", alg, form, err)
			}
			if got := back.Keys[0]; back.Form != form || back.Active != 0 || got.KID() != "fresh" || got.Algorithm() != alg ||
				!bytes.Equal(got.Fingerprint(pepper), k.Fingerprint(pepper)) {
				t.Errorf("%s: got %v from form %s, want the same key back from %s", alg, got, back.Form, form)
			}
		}
	}
}

func TestAKeyThatCantWorkIsRefused(t *testing.T) {
	rs := mustGenerate(t, "rs", RS256).m().signer.(*rsa.PrivateKey)
	es := mustGenerate(t, "es", ES256).m().signer.(*ecdsa.PrivateKey)
	ed := mustGenerate(t, "ed", EdDSA).m().signer.(ed25519.PrivateKey)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	halves := &ecdsa.PrivateKey{PublicKey: mustGenerate(t, "es2", ES256).m().signer.(*ecdsa.PrivateKey).PublicKey, D: es.D} //lint:ignore SA1019 a pair of two halves can't be made otherwise
	edHalves := append(bytes.Clone(ed[:32]), mustGenerate(t, "ed2", EdDSA).m().signer.(ed25519.PrivateKey)[32:]...)
	for _, c := range []struct {
		name string
		make func() (Key, error)
		want string
	}{
		{"empty secret", func() (Key, error) { return NewHMAC("a", HS256, nil) }, "empty"},
		{"secret for RSA", func() (Key, error) { return NewHMAC("a", RS256, []byte("0123456789")) }, "not a secret"},
		{"unknown algorithm", func() (Key, error) { return NewHMAC("a", "none", []byte("0123456789")) }, "not supported"},
		{"kid with a slash", func() (Key, error) { return NewHMAC("a/b", HS256, []byte("0123456789")) }, "kid is not usable"},
		{"kid too long", func() (Key, error) { return NewHMAC(strings.Repeat("k", 129), HS256, []byte("0123456789")) }, "kid is not usable"},
		{"RSA for ES256", func() (Key, error) { return NewKey("a", ES256, rs) }, "does not fit"},
		{"P-256 for ES384", func() (Key, error) { return NewKey("a", ES384, es) }, "does not fit"},
		{"RSA for HS256", func() (Key, error) { return NewKey("a", HS256, rs) }, "does not fit"},
		{"P-224", func() (Key, error) { return NewKey("a", "", p224) }, "curve is not supported"},
		{"RSA exponent one", func() (Key, error) { return NewKey("a", "", &rsa.PublicKey{N: rs.N, E: 1}) }, "rsa key is unusable"},
		{"RSA far too short", func() (Key, error) { return NewKey("a", "", &rsa.PublicKey{N: big.NewInt(3233), E: 17}) }, "rsa key is unusable"},
		{"RSA far too long", func() (Key, error) {
			return NewKey("a", "", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 20000), E: 65537})
		}, "rsa key is unusable"},
		{"RSA modulus of another", func() (Key, error) {
			odd := *rs
			odd.N = new(big.Int).Add(rs.N, big.NewInt(2))
			return NewKey("a", "", &odd)
		}, "does not belong"},
		{"ECDSA halves of two pairs", func() (Key, error) { return NewKey("a", "", halves) }, "does not belong"},
		{"Ed25519 halves of two pairs", func() (Key, error) { return NewKey("a", "", ed25519.PrivateKey(edHalves)) }, "does not belong"},
		{"Ed25519 cut short", func() (Key, error) { return NewKey("a", "", ed[:40]) }, "wrong length"},
		{"Ed25519 public cut short", func() (Key, error) { return NewKey("a", "", ed25519.PublicKey(ed[:3])) }, "wrong length"},
		{"nil RSA", func() (Key, error) { return NewKey("a", "", (*rsa.PrivateKey)(nil)) }, "nil"},
		{"nil ECDSA", func() (Key, error) { return NewKey("a", "", (*ecdsa.PublicKey)(nil)) }, "nil"},
		{"bytes", func() (Key, error) { return NewKey("a", "", []byte("0123456789")) }, "not supported"},
		{"text", func() (Key, error) { return NewKey("a", "", "0123456789") }, "not supported"},
		{"zero key renamed", func() (Key, error) { return Key{}.WithKID("a") }, "empty"},
		{"zero key under another algorithm", func() (Key, error) { return Key{}.WithAlgorithm(HS512) }, "empty"},
		{"generated for no algorithm", func() (Key, error) { return Generate("a", "HS1") }, "not supported"},
	} {
		k, err := c.make()
		if err == nil || !strings.Contains(err.Error(), c.want) || !k.IsZero() {
			t.Errorf("%s: got %v and error %v, want an error about %q", c.name, k, err, c.want)
		}
	}
}

func TestAKidNeverShowsTheSecret(t *testing.T) {
	const secret = "pV7-unGuessable_Value.of~32bytes"
	b64 := base64.RawURLEncoding.EncodeToString([]byte(secret))
	m := material{secret: []byte(secret)}
	digest := "0b7c0ad21eb4aa96e32d1d7e5c7ecb0d8c7e1dd5" // of something else
	for kid, shows := range map[string]bool{
		secret: true, "v1-" + secret: true, b64: true, "k." + b64: true, hex.EncodeToString([]byte(secret)): true,
		strings.ToUpper(hex.EncodeToString([]byte(secret))): true,
		sha256Hex(secret):      true,
		sha256Hex(secret)[:16]: true, "kid-" + sha256Hex(secret)[:20]: true,
		oct(secret): true,
		digest:      false, "2026-11-b": false, "pV7-unGuessable": false, "sm-0123456789abcdef": false,
	} {
		if got := m.shows(kid); got != shows {
			t.Errorf("got shows(%q) = %v, want %v", kid, got, shows)
		}
	}
	if _, err := NewHMAC("x", HS256, []byte("x")); err == nil {
		t.Error("got a key whose kid is its secret, want an error")
	}
	if _, err := NewHMAC("2026-x", HS256, []byte("x")); err != nil {
		t.Errorf("got error %v for a kid that holds a one-letter secret by chance, want none: such a ring must be watched", err)
	}
}

func TestFingerprintsTellMaterialApartAndNothingElse(t *testing.T) {
	pepper, other := []byte("pepper of this process"), []byte("pepper of another process")
	k := mustGenerate(t, "rs", RS256)
	public, err := NewKey("another-kid", PS256, k.m().public)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Fingerprint(pepper), public.Fingerprint(pepper)) {
		t.Error("got other fingerprints of one pair's halves, want the same")
	}
	if bytes.Equal(k.Fingerprint(pepper), k.Fingerprint(other)) {
		t.Error("got the same fingerprint under two peppers, want others")
	}
	if bytes.Equal(k.Fingerprint(pepper), mustGenerate(t, "rs2", RS256).Fingerprint(pepper)) {
		t.Error("got the same fingerprint of two keys, want others")
	}
	if k.Fingerprint(nil) != nil || k.Fingerprint([]byte("short")) != nil || (Key{}).Fingerprint(pepper) != nil {
		t.Error("got a fingerprint without pepper or key, want none")
	}
}

// Whatever prints, logs or encodes a value of this package shows no material.
func TestNoWayOfPrintingShowsMaterial(t *testing.T) {
	covers.IDs(t, "SEC-05")
	secret := []byte("canary-6f1e0c-7d42ab-9935ef-b81d")
	hs, err := NewHMAC("hs", HS256, secret)
	if err != nil {
		t.Fatal(err)
	}
	rs := mustGenerate(t, "rs", RS256)
	private := rs.m().signer.(*rsa.PrivateKey)
	ring := keyringOf(t, Config{}, Held{Name: "1", Key: hs, Stage: Current}, Held{Name: "2", Key: rs, Stage: Pending})
	signed, err := ring.Sign(map[string]any{"sub": "canary-subject", "exp": 1e10})
	if err != nil {
		t.Fatal(err)
	}
	token, err := ring.Verify(t.Context(), signed.Token)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := rs.MarshalPrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseKeys(jwk, ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, refused := ring.Verify(t.Context(), signed.Token+"AAAA")

	canaries := []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), base64.StdEncoding.EncodeToString(secret),
		base64.RawURLEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]"),
		private.Primes[0].String(), private.Primes[0].Text(16), base64.RawURLEncoding.EncodeToString(private.Primes[0].Bytes()),
		signed.Token, "canary-subject",
	}
	type hidden struct {
		key  Key
		keys []Key
		held []Held
		set  Set
	}
	type shown struct {
		Key  Key
		Held []Held
		Any  any
		Ptr  *Key
	}
	values := map[string]any{
		"key": hs, "pointer": &hs, "private key": rs, "keys": []Key{hs, rs}, "map": map[string]Key{"a": hs}, "held": Held{Key: hs},
		"set": ring.Set(), "parsed": parsed, "unexported": hidden{key: hs, keys: []Key{hs, rs}, held: ring.Set().Held, set: ring.Set()},
		"exported": shown{Key: hs, Held: ring.Set().Held, Any: rs, Ptr: &rs}, "keyring": ring, "signed": signed, "token": token, "token value": *token, "error": refused,
	}
	for name, v := range values {
		texts := []string{fmt.Sprint(v), fmt.Sprintln(v)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%U", "%e"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
		if b, err := json.Marshal(v); err == nil {
			texts = append(texts, string(b))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		texts = append(texts, log.String())
		for _, text := range texts {
			for _, canary := range canaries {
				if strings.Contains(text, canary) {
					t.Errorf("%s: got a canary in %.200q", name, text)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v %+v %#v", hs, hs, hs); got != strings.Repeat("key(kid=hs alg=HS256 [redacted]) ", 3)[:len(got)] {
		t.Errorf("got %q, want kid and algorithm to be seen", got)
	}
}

func TestAWrittenPEMIsPKCS8(t *testing.T) {
	data, err := mustGenerate(t, "ed", EdDSA).MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(data); block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		t.Errorf("got block %v, want one PRIVATE KEY", block)
	}
	public, err := NewKey("p", "", mustGenerate(t, "ed", EdDSA).m().public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := public.MarshalPEM(); err == nil {
		t.Error("got a private PEM of a public key, want an error")
	}
	if _, err := public.MarshalPrivateJWK(); err == nil {
		t.Error("got a private JWK of a public key, want an error")
	}
}

func TestTheCallersSecretMayBeOverwritten(t *testing.T) {
	secret := []byte("5d0f3c2b-a917-4e86-8f21-6b7c0e9d")
	k := mustHMAC(t, "a", string(secret))
	same, err := NewHMAC("a", HS256, secret)
	if err != nil {
		t.Fatal(err)
	}
	clear(secret)
	pepper := []byte("pepper of this process")
	if !bytes.Equal(k.Fingerprint(pepper), same.Fingerprint(pepper)) {
		t.Error("got a key that changed with the caller's bytes, want a copy")
	}
	out, err := same.MarshalSecret()
	if err != nil {
		t.Fatal(err)
	}
	clear(out)
	if !bytes.Equal(k.Fingerprint(pepper), same.Fingerprint(pepper)) {
		t.Error("got a key that changed with the bytes it handed out, want a copy")
	}
}
