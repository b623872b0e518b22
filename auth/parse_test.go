package auth

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

const rawSecret = "k3Jx9QbZ-71f0c2d8e4ab95-Wm6Rt8Ys"

// form is a value as a store may hold it.
type form struct {
	name string
	data string
	o    ParseOptions

	want    string // form
	kids    string // of the keys, separated by blanks
	alg     string // of the first key
	active  int
	warning string // part of one; empty: there is none
}

func TestKeysAreReadFromEveryForm(t *testing.T) {
	rs, es, ed := mustGenerate(t, "rs", RS256), mustGenerate(t, "es", ES256), mustGenerate(t, "ed", EdDSA)
	rsPEM, edPEM := string(mustMarshal(t, rs.MarshalPEM)), string(mustMarshal(t, ed.MarshalPEM))
	rsJWK, esJWK := string(mustMarshal(t, rs.MarshalPrivateJWK)), string(mustMarshal(t, es.MarshalPrivateJWK))
	public, _ := rs.Public()
	publicJWK := jsonOf(t, public)
	bare := func(jwk string, without ...string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(jwk), &m); err != nil {
			t.Fatal(err)
		}
		for _, w := range without {
			delete(m, w)
		}
		return jsonOf(t, m)
	}
	oct := `{"kty":"oct","kid":"o1","k":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"}`
	sec1, err := x509.MarshalECPrivateKey(es.m().signer.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rs.m().signer.(*rsa.PrivateKey))
	pub1 := x509.MarshalPKCS1PublicKey(rs.m().public.(*rsa.PublicKey))
	thumb := thumbprint(rs.m().public)

	for _, f := range []form{
		{name: "raw", data: rawSecret, want: FormRaw, alg: HS256},
		{name: "raw with kid and algorithm", data: rawSecret, o: ParseOptions{KID: "a", Algorithm: HS512}, want: FormRaw, kids: "a", alg: HS512},
		{name: "raw with a line break", data: rawSecret + "\n", want: FormRaw, alg: HS256, warning: "line break"},
		{name: "binary", data: "\x00\xff{\x80binary-secret-of-thirty-two-by", want: FormRaw, alg: HS256},
		{name: "binary that begins like JSON", data: "{\xff\xfe\x80binary-secret-of-thirty-two-b", want: FormRaw, alg: HS256},
		{name: "one member", data: `{"secret":"` + rawSecret + `"}`, o: ParseOptions{KID: "v1"}, want: FormJSON, kids: "v1", alg: HS256},
		{name: "field kid wins", data: `{"kid":"f1","secret":"` + rawSecret + `"}`, o: ParseOptions{KID: "v1"}, want: FormJSON, kids: "f1", alg: HS256},
		{name: "forced kid wins", data: `{"kid":"f1","secret":"` + rawSecret + `"}`, o: ParseOptions{KID: "v1", ForceKID: true}, want: FormJSON, kids: "v1", alg: HS256},
		{name: "key_id and alg", data: `{"key_id":"f2","alg":"HS384","key":"` + rawSecret + `"}`, want: FormJSON, kids: "f2", alg: HS384},
		{name: "keyId and algorithm", data: `{"keyId":"f3","algorithm":"HS512","jwt_secret":"` + rawSecret + `","other":1}`, want: FormJSON, kids: "f3", alg: HS512},
		{name: "kid null", data: `{"kid":null,"value":"` + rawSecret + `"}`, o: ParseOptions{KID: "v1"}, want: FormJSON, kids: "v1", alg: HS256},
		{name: "blanks and byte order mark", data: "\xef\xbb\xbf  {\"signing_key\":\"" + rawSecret + "\"}\n", want: FormJSON, alg: HS256},
		{name: "hex", data: `{"encoding":"hex","secret":"` + hex.EncodeToString([]byte(rawSecret)) + `"}`, want: FormJSON, alg: HS256},
		{name: "base64", data: `{"encoding":"base64","secret":"` + base64.StdEncoding.EncodeToString([]byte(rawSecret)) + `"}`, want: FormJSON, alg: HS256},
		{name: "base64url", data: `{"encoding":"base64url","secret":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"}`, want: FormJSON, alg: HS256},
		{name: "utf8 that looks like JSON", data: `{"encoding":"utf8","secret":"{\"kty\":\"oct\"} is our secret, alas"}`, want: FormJSON, alg: HS256},
		{name: "several members", data: `{"value":"other","secret":"` + rawSecret + `"}`, want: FormJSON, alg: HS256, warning: "several members"},
		{name: "PEM in a member", data: `{"kid":"p1","private_key":` + quote(rsPEM) + `}`, want: FormJSON, kids: "p1", alg: RS256},
		{name: "PEM with escaped line breaks in a member", data: `{"kid":"p1","pem":` + quote(strings.ReplaceAll(rsPEM, "\n", `\n`)) + `}`, want: FormJSON, kids: "p1", alg: RS256, warning: "line breaks belong"},
		{name: "JWK object in a member", data: `{"jwk":` + esJWK + `}`, want: FormJSON, kids: "es", alg: ES256},
		{name: "JWK text in a member", data: `{"kid":"es","value":` + quote(esJWK) + `}`, want: FormJSON, kids: "es", alg: ES256},
		{name: "JWK without kid in a member", data: `{"kid":"w","value":` + quote(bare(esJWK, "kid")) + `}`, want: FormJSON, kids: "w", alg: ES256},
		{name: "JWK set in a member", data: `{"value":` + quote(`{"keys":[`+esJWK+`]}`) + `}`, want: FormJSON, kids: "es", alg: ES256},
		{name: "JWK set in a member beside a kid", data: `{"kid":"x","value":` + quote(`{"keys":[`+esJWK+`]}`) + `}`, want: FormJSON, kids: "es", alg: ES256, warning: "not used"},
		{name: "JWK oct", data: oct, want: FormJWK, kids: "o1", alg: HS256},
		{name: "JWK oct without kid", data: bare(oct, "kid"), o: ParseOptions{KID: "v1", Algorithm: HS384}, want: FormJWK, kids: "v1", alg: HS384},
		{name: "JWK oct nobody names", data: bare(oct, "kid"), want: FormJWK, kids: "", alg: HS256},
		{name: "JWK RSA", data: rsJWK, want: FormJWK, kids: "rs", alg: RS256},
		{name: "JWK RSA without kid and alg", data: bare(rsJWK, "kid", "alg", "use"), want: FormJWK, kids: thumb, alg: RS256},
		{name: "JWK RSA as the options say", data: bare(rsJWK, "alg"), o: ParseOptions{Algorithm: PS512}, want: FormJWK, kids: "rs", alg: PS512},
		{name: "JWK EC", data: esJWK, want: FormJWK, kids: "es", alg: ES256},
		{name: "JWK Ed25519", data: string(mustMarshal(t, ed.MarshalPrivateJWK)), want: FormJWK, kids: "ed", alg: EdDSA},
		{name: "JWK public", data: publicJWK, want: FormJWK, kids: "rs", alg: RS256, active: -1},
		{name: "set with one private key", data: `{"keys":[` + publicJWK + `,` + esJWK + `]}`, want: FormJWKS, kids: "rs es", alg: RS256, active: 1},
		{name: "set with a current kid", data: `{"current_kid":"o1","keys":[` + esJWK + `,` + oct + `]}`, want: FormJWKS, kids: "es o1", alg: ES256, active: 1},
		{name: "set with an active kid", data: `{"active_kid":"es","keys":[` + oct + `,` + esJWK + `]}`, want: FormJWKS, kids: "o1 es", alg: HS256, active: 1},
		{name: "set with the first for signatures", data: `{"keys":[` + bare(rsJWK, "use") + `,` + esJWK + `]}`, want: FormJWKS, kids: "rs es", alg: RS256, active: 1, warning: "add current_kid"},
		{name: "set with others in it", data: `{"keys":[{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"new"},{"kty":"RSA","use":"enc"},` + esJWK + `]}`, want: FormJWKS, kids: "es", alg: ES256, warning: "left out"},
		{name: "set of one without kid", data: `{"keys":[` + bare(oct, "kid") + `]}`, o: ParseOptions{KID: "v1"}, want: FormJWKS, kids: "v1", alg: HS256},
		{name: "set of public keys", data: `{"keys":[` + publicJWK + `]}`, want: FormJWKS, kids: "rs", alg: RS256, active: -1},
		{name: "PKCS8", data: edPEM, o: ParseOptions{KID: "v1"}, want: FormPEM, kids: "v1", alg: EdDSA},
		{name: "PKCS8 nobody names", data: rsPEM, want: FormPEM, kids: thumb, alg: RS256},
		{name: "text around PEM", data: "Bag Attributes\n  friendlyName: x\n" + rsPEM + "thanks\n", want: FormPEM, kids: thumb, alg: RS256},
		{name: "PKCS1", data: block("RSA PRIVATE KEY", pkcs1), o: ParseOptions{Algorithm: PS256}, want: FormPEM, kids: thumb, alg: PS256},
		{name: "SEC1 with its parameters", data: block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}) + block("EC PRIVATE KEY", sec1), want: FormPEM, kids: thumbprint(es.m().public), alg: ES256},
		{name: "public PEM", data: string(publicKeyPEM(t, rs)), want: FormPEM, kids: thumb, alg: RS256, active: -1, warning: "public key only"},
		{name: "PKCS1 public", data: block("RSA PUBLIC KEY", pub1), want: FormPEM, kids: thumb, alg: RS256, active: -1, warning: "public key only"},
		{name: "certificate", data: certificate(t, es), want: FormPEM, kids: thumbprint(es.m().public), alg: ES256, active: -1, warning: "public key only"},
		{name: "certificate with its key", data: certificate(t, es) + block("EC PRIVATE KEY", sec1), want: FormPEM, kids: thumbprint(es.m().public), alg: ES256},
	} {
		p, err := ParseKeys([]byte(f.data), f.o)
		if err != nil {
			t.Errorf("%s: got error %v, want none", f.name, err)
			continue
		}
		var kids []string
		for _, k := range p.Keys {
			kids = append(kids, k.KID())
		}
		if p.Form != f.want || strings.Join(kids, " ") != f.kids || p.Keys[0].Algorithm() != f.alg || p.Active != f.active {
			t.Errorf("%s: got form %s, kids %q, algorithm %s, active %d; want %s, %q, %s, %d", f.name, p.Form, kids, p.Keys[0].Algorithm(), p.Active, f.want, f.kids, f.alg, f.active)
		}
		if warnings := strings.Join(p.Warnings, "; "); f.warning == "" && warnings != "" || !strings.Contains(warnings, f.warning) {
			t.Errorf("%s: got warnings %q, want %q", f.name, warnings, f.warning)
		}
	}
}

func TestARawSecretKeepsItsLineBreak(t *testing.T) {
	p, err := ParseKeys([]byte(rawSecret+"\r\n"), ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(mustMarshal(t, p.Keys[0].MarshalSecret)); got != rawSecret+"\r\n" {
		t.Errorf("got secret %q, want it byte by byte", got)
	}
}

func TestValuesThatAreWrongAreRefusedWithARemedy(t *testing.T) {
	rs, es := mustGenerate(t, "rs", RS256), mustGenerate(t, "es", ES256)
	rsPEM := string(mustMarshal(t, rs.MarshalPEM))
	esJWK := string(mustMarshal(t, es.MarshalPrivateJWK))
	oct := func(kid string) string {
		return `{"kty":"oct","kid":"` + kid + `","k":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"}`
	}
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	for _, c := range []struct {
		name, data string
		o          ParseOptions
		want       string
	}{
		{"empty", "", ParseOptions{}, "empty"},
		{"blank", " \n\t", ParseOptions{}, "blank"},
		{"huge", strings.Repeat("x", MaxValue+1), ParseOptions{}, "larger than"},
		{"bad kid in the options", rawSecret, ParseOptions{KID: "a b"}, "kid is not usable"},
		{"forced without a kid", rawSecret, ParseOptions{ForceKID: true}, "name it"},
		{"raw for RSA", rawSecret, ParseOptions{Algorithm: RS256}, "not a secret"},
		{"raw for an unknown algorithm", rawSecret, ParseOptions{Algorithm: "XX"}, "not supported"},
		{"kid is the secret", rawSecret, ParseOptions{KID: rawSecret}, "kid shows the secret"},
		{"JSON cut short", `{"secret":"` + rawSecret, ParseOptions{}, "not a JSON object"},
		{"JSON with text after it", `{"secret":"` + rawSecret + `"} x`, ParseOptions{}, "not a JSON object"},
		{"member twice", `{"secret":"` + rawSecret + `","secret":"other"}`, ParseOptions{}, "twice"},
		{"no material", `{"kid":"a","password":"` + rawSecret + `"}`, ParseOptions{}, "name it one of"},
		{"material is a number", `{"secret":12345678901234567890}`, ParseOptions{}, "not a string"},
		{"material is empty", `{"secret":""}`, ParseOptions{}, "is empty"},
		{"material is an array", `{"secret":["` + rawSecret + `"]}`, ParseOptions{}, "not a string"},
		{"kid is a number", `{"kid":7,"secret":"` + rawSecret + `"}`, ParseOptions{}, `member "kid" is not a string`},
		{"kid with a slash", `{"kid":"a/b","secret":"` + rawSecret + `"}`, ParseOptions{}, "kid is not usable"},
		{"kid with the secret in it", `{"kid":"k-` + rawSecret + `","secret":"` + rawSecret + `"}`, ParseOptions{}, "kid shows the secret"},
		{"alg is none", `{"alg":"none","secret":"` + rawSecret + `"}`, ParseOptions{}, "not supported"},
		{"alg is a list", `{"alg":["HS256"],"secret":"` + rawSecret + `"}`, ParseOptions{}, `member "alg" is not a string`},
		{"unknown encoding", `{"encoding":"rot13","secret":"` + rawSecret + `"}`, ParseOptions{}, "encoding is unknown"},
		{"bad hex", `{"encoding":"hex","secret":"` + rawSecret + `"}`, ParseOptions{}, "text is not hex"},
		{"bad base64", `{"encoding":"base64","secret":"` + rawSecret + `!"}`, ParseOptions{}, "text is not base64"},
		{"nested twice", `{"value":` + quote(`{"value":`+quote(esJWK)+`}`) + `}`, ParseOptions{}, "neither a JWK"},
		{"two kids", `{"kid":"other","jwk":` + esJWK + `}`, ParseOptions{}, "two kids"},
		{"PEM of JSON member cut short", `{"pem":` + quote(rsPEM[:200]) + `}`, ParseOptions{}, "PEM can't be decoded"},
		{"PEM cut short", rsPEM[:300], ParseOptions{}, "PEM can't be decoded"},
		{"PEM of garbage", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(rawSecret)})), ParseOptions{}, "can't be read"},
		{"PEM encrypted", encrypted, ParseOptions{}, "store it decrypted"},
		{"PEM of an SSH key", string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte("x")})), ParseOptions{}, "holds no key"},
		{"two private keys", rsPEM + string(mustMarshal(t, es.MarshalPEM)), ParseOptions{}, "several private keys"},
		{"key with another's certificate", string(mustMarshal(t, mustGenerate(t, "es2", ES256).MarshalPEM)) + certificate(t, es), ParseOptions{}, "of another"},
		{"too many blocks", strings.Repeat(string(publicKeyPEM(t, rs)), maxBlocks+1), ParseOptions{}, "more than"},
		{"PEM for another algorithm", rsPEM, ParseOptions{Algorithm: ES256}, "does not fit"},
		{"JWK of an unknown kind", `{"kty":"AKP","alg":"ML-DSA-44"}`, ParseOptions{}, "not supported"},
		{"JWK for encryption", strings.Replace(esJWK, `"use":"sig"`, `"use":"enc"`, 1), ParseOptions{}, "not for signatures"},
		{"JWK whose kid is a number", `{"kty":"oct","kid":1,"k":"AAAA"}`, ParseOptions{}, `member "kid" is not a string`},
		{"JWK without k", `{"kty":"oct","kid":"a"}`, ParseOptions{}, "is missing or wrong"},
		{"JWK oct for RS256", `{"kty":"oct","alg":"RS256","k":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"}`, ParseOptions{}, "not a secret"},
		{"JWK with a point off the curve", `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, ParseOptions{}, "is missing or wrong"},
		{"JWK whose kid is the thumbprint of the secret", `{"kty":"oct","kid":"` + oct256(rawSecret) + `","k":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"}`, ParseOptions{}, "kid shows the secret"},
		{"set empty", `{"keys":[]}`, ParseOptions{}, "no key for signatures"},
		{"set with a forced kid", `{"keys":[` + oct("a") + `]}`, ParseOptions{KID: "v", ForceKID: true}, "members name their kids"},
		{"set with kids twice", `{"keys":[` + oct("a") + `,` + oct("a") + `]}`, ParseOptions{}, "kid of an earlier one"},
		{"set with a member that is text", `{"keys":["` + rawSecret + `"]}`, ParseOptions{}, "key 1 of the jwk set"},
		{"set with a nameless secret", `{"keys":[{"kty":"oct","k":"` + base64.RawURLEncoding.EncodeToString([]byte(rawSecret)) + `"},` + esJWK + `]}`, ParseOptions{}, "without kid"},
		{"set with several signers", `{"keys":[` + oct("a") + `,` + oct("b") + `]}`, ParseOptions{}, "unclear which one signs"},
		{"set whose active kid is not there", `{"current_kid":"z","keys":[` + esJWK + `]}`, ParseOptions{}, "names an active kid"},
		{"set too large", `{"keys":[` + strings.Repeat(`{"kty":"x"},`, maxKeys) + `{"kty":"x"}]}`, ParseOptions{}, "more than 32 keys"},
	} {
		p, err := ParseKeys([]byte(c.data), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(p.Keys) != 0 {
			t.Errorf("%s: got %d keys and error %v, want an error about %q", c.name, len(p.Keys), err, c.want)
			continue
		}
		for _, shown := range []string{rawSecret, rawSecret[:12], "k3Jx9QbZ"} {
			if strings.Contains(err.Error(), shown) {
				t.Errorf("%s: got error %v, which shows the secret", c.name, err)
			}
		}
	}
}

func oct256(secret string) string { return oct(secret) }

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func mustMarshal(tb testing.TB, f func() ([]byte, error)) []byte {
	tb.Helper()
	b, err := f()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// certificate is a self-signed one of the key's public half.
func certificate(tb testing.TB, k Key) string {
	tb.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1e10, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.m().public, k.m().signer)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Whatever the bytes, ParseKeys either fails and shows nothing of them, or
// returns keys that hold together: usable kids, known algorithms, an active one
// that signs what the others' holder verifies, and a form that reads back.
func FuzzParseKeys(f *testing.F) {
	es, ed := mustGenerate(f, "es", ES256), mustGenerate(f, "ed", EdDSA)
	esJWK, edPEM := mustMarshal(f, es.MarshalPrivateJWK), mustMarshal(f, ed.MarshalPEM)
	seeds := [][]byte{
		[]byte(rawSecret), fmt.Appendf(nil, `{"kid":"a","secret":%q}`, rawSecret), esJWK, edPEM,
		fmt.Appendf(nil, `{"current_kid":"es","keys":[%s]}`, esJWK), fmt.Appendf(nil, `{"pem":%s}`, quote(string(edPEM))),
		[]byte(`{"encoding":"hex","value":"00ff00ff00ff00ff"}`), publicKeyPEM(f, es), []byte(certificate(f, es)),
	}
	if len(seeds) == 0 {
		f.Fatal("got no seeds")
	}
	for _, s := range seeds {
		f.Add(s, "v1", "")
		f.Add(s, "", HS256)
	}
	f.Fuzz(func(t *testing.T, data []byte, kid, alg string) {
		p, err := ParseKeys(data, ParseOptions{KID: kid, Algorithm: alg})
		if err != nil {
			if len(p.Keys) != 0 {
				t.Fatalf("got %d keys with error %v, want none", len(p.Keys), err)
			}
			return
		}
		if len(p.Keys) == 0 || len(p.Keys) > maxKeys || p.Active >= len(p.Keys) || p.Active < -1 {
			t.Fatalf("got %d keys, active %d", len(p.Keys), p.Active)
		}
		for _, k := range p.Keys {
			if k.IsZero() || k.KID() != "" && !validKID(k.KID()) || algorithms[k.Algorithm()].method == nil || k.m().shows(k.KID()) {
				t.Fatalf("got a key that does not hold together: %v", k)
			}
		}
		if p.Active < 0 {
			return
		}
		k := p.Keys[p.Active]
		ring := NewKeyring(Config{})
		if err := ring.Install(Set{Held: []Held{{Name: "1", Key: k, Stage: Current}}}); err != nil {
			t.Fatal(err)
		}
		signed, err := ring.Sign(map[string]any{"exp": 1e10})
		if err != nil {
			t.Fatalf("got error %v from signing with %v", err, k)
		}
		if _, err := ring.Verify(t.Context(), signed.Token); err != nil {
			t.Fatalf("got error %v from verifying what %v signed", err, k)
		}
		jwk, err := k.MarshalPrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseKeys(jwk, ParseOptions{KID: k.KID()})
		pepper := []byte("pepper of this process")
		if err != nil || string(back.Keys[0].Fingerprint(pepper)) != string(k.Fingerprint(pepper)) {
			t.Fatalf("got error %v or another key from the JWK of %v", err, k)
		}
	})
}
