package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
)

// stand holds keys of every family, a dead one, and knows of two that are gone.
type stand struct {
	hs, rs, es, ed, dead, other Key
	ring                        *Keyring
}

func newStand(tb testing.TB, c Config) stand {
	tb.Helper()
	s := stand{
		hs: mustGenerate(tb, "hs", HS256), rs: mustGenerate(tb, "rs", RS256), es: mustGenerate(tb, "es", ES256),
		ed: mustGenerate(tb, "ed", EdDSA), dead: mustGenerate(tb, "dead", HS256), other: mustGenerate(tb, "other", HS256),
	}
	s.ring = NewKeyring(c)
	err := s.ring.Install(Set{Rev: 1,
		Held: []Held{
			{Name: "1", Key: s.hs, Stage: Current}, {Name: "2", Key: s.rs, Stage: Pending}, {Name: "3", Key: s.es, Stage: Pending},
			{Name: "4", Key: s.ed, Stage: Retiring, VerifyUntil: time.Now().Add(time.Hour)},
			{Name: "5", Key: s.dead, Stage: Retiring, VerifyUntil: time.Now().Add(-time.Second)},
		},
		Gone: map[string]string{"buried": CodeKeyRetired, "leaked": CodeKeyRevoked},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// good is a payload that passes; with adds or replaces members, as JSON text.
func good(with ...string) string {
	members := append([]string{`"sub":"alice"`, fmt.Sprintf(`"exp":%d`, time.Now().Add(time.Hour).Unix())}, with...)
	return "{" + strings.Join(members, ",") + "}"
}

// Each of these tokens is refused, and with this code.
func TestHostileTokensAreRefused(t *testing.T) {
	s := newStand(t, Config{Issuer: "https://issuer.test", Audience: "api"})
	ours := `"iss":"https://issuer.test","aud":"api"`
	fine := good(ours)
	hs := func(header, payload string) string { return tokenOf(t, s.hs, header, payload) }
	honest := hs(`{"alg":"HS256","kid":"hs"}`, fine)
	parts := strings.Split(honest, ".")
	publicPEM := publicKeyPEM(t, s.rs)
	confused, err := NewHMAC("", HS256, publicPEM)
	if err != nil {
		t.Fatal(err)
	}
	otherRSA := mustGenerate(t, "otherRSA", RS256)
	jwk, _ := otherRSA.Public()
	embedded := jsonOf(t, jwk)
	if _, err := s.ring.Verify(t.Context(), honest); err != nil {
		t.Fatalf("got error %v for the honest token, want none", err)
	}

	cases := []struct{ name, token, want string }{
		{"empty", "", CodeTokenMalformed},
		{"one dot", ".", CodeTokenMalformed},
		{"two dots", "..", CodeTokenMalformed},
		{"two segments", parts[0] + "." + parts[1], CodeTokenMalformed},
		{"four segments", honest + ".", CodeTokenMalformed},
		{"five segments, as a JWE", strings.Repeat(parts[0]+".", 4) + parts[0], CodeTokenMalformed},
		{"huge", strings.Repeat("a", maxToken+1), CodeTokenMalformed},
		{"not base64", "!!!." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"padded header", base64.URLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"hs"}  `)) + "." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"padded signature", honest + "=", CodeTokenMalformed},
		{"signature in the other alphabet", parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:], CodeTokenMalformed},
		{"line break inside", honest[:len(honest)-4] + "\n" + honest[len(honest)-4:], CodeTokenMalformed},
		{"loose last bits of the signature", loosened(honest), CodeTokenMalformed},
		{"header is no JSON", segment("hello") + "." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"header is null", segment("null") + "." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"header is an array", segment(`["HS256"]`) + "." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"header with text after it", segment(`{"alg":"HS256","kid":"hs"}{}`) + "." + parts[1] + "." + parts[2], CodeTokenMalformed},
		{"header without alg", hs(`{"kid":"hs"}`, fine), CodeTokenMalformed},
		{"alg is a number", hs(`{"alg":256,"kid":"hs"}`, fine), CodeTokenMalformed},
		{"alg none", segment(`{"alg":"none","kid":"hs"}`) + "." + parts[1] + ".", CodeSignatureInvalid},
		{"alg None", segment(`{"alg":"None","kid":"hs"}`) + "." + parts[1] + ".", CodeSignatureInvalid},
		{"alg nOnE with a signature", segment(`{"alg":"nOnE","kid":"hs"}`) + "." + parts[1] + "." + parts[2], CodeSignatureInvalid},
		{"alg none without kid", segment(`{"alg":"none"}`) + "." + parts[1] + ".", CodeSignatureInvalid},
		{"alg empty", segment(`{"alg":"","kid":"hs"}`) + "." + parts[1] + "." + parts[2], CodeSignatureInvalid},
		{"alg of encryption", segment(`{"alg":"RSA-OAEP","kid":"rs"}`) + "." + parts[1] + "." + parts[2], CodeSignatureInvalid},
		{"alg in lower case", hs(`{"alg":"hs256","kid":"hs"}`, fine), CodeSignatureInvalid},
		{"longer hash than the key's", hs(`{"alg":"HS512","kid":"hs"}`, fine), CodeSignatureInvalid},
		{"public key as secret", tokenOf(t, confused, `{"alg":"HS256","kid":"rs"}`, fine), CodeSignatureInvalid},
		{"public key as secret, without kid", tokenOf(t, confused, `{"alg":"HS256"}`, fine), CodeSignatureInvalid},
		{"PSS under an RS256 key", tokenOf(t, mustAlgorithm(t, s.rs, PS256), `{"alg":"PS256","kid":"rs"}`, fine), CodeSignatureInvalid},
		{"RSA key under the kid of an HMAC key", tokenOf(t, s.rs, `{"alg":"RS256","kid":"hs"}`, fine), CodeSignatureInvalid},
		{"another key under a known kid", tokenOf(t, s.other, `{"alg":"HS256","kid":"hs"}`, fine), CodeSignatureInvalid},
		{"another key without kid", tokenOf(t, s.other, `{"alg":"HS256"}`, fine), CodeSignatureInvalid},
		{"no signature", parts[0] + "." + parts[1] + ".", CodeSignatureInvalid},
		{"signature cut short", honest[:len(honest)-7], CodeSignatureInvalid},
		{"payload of another token", parts[0] + "." + segment(good(ours, `"roles":["admin"]`)) + "." + parts[2], CodeSignatureInvalid},
		{"header changed after signing", segment(`{"alg":"HS256","kid":"hs","x":1}`) + "." + parts[1] + "." + parts[2], CodeSignatureInvalid},
		{"ECDSA signature of zeros", segment(`{"alg":"ES256","kid":"es"}`) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), CodeSignatureInvalid},
		{"ECDSA signature too long", segment(`{"alg":"ES256","kid":"es"}`) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 132)), CodeSignatureInvalid},
		{"embedded jwk", tokenOf(t, otherRSA, `{"alg":"RS256","jwk":`+embedded+`}`, fine), CodeSignatureInvalid},
		{"embedded jwk under a known kid", tokenOf(t, otherRSA, `{"alg":"RS256","kid":"rs","jwk":`+embedded+`}`, fine), CodeSignatureInvalid},
		{"jku", tokenOf(t, otherRSA, `{"alg":"RS256","kid":"rs","jku":"https://evil.test/jwks.json"}`, fine), CodeSignatureInvalid},
		{"x5u", tokenOf(t, otherRSA, `{"alg":"RS256","kid":"rs","x5u":"https://evil.test/cert.pem"}`, fine), CodeSignatureInvalid},
		{"x5c", tokenOf(t, otherRSA, `{"alg":"RS256","kid":"rs","x5c":["MIIB"]}`, fine), CodeSignatureInvalid},
		{"crit", hs(`{"alg":"HS256","kid":"hs","crit":["exp"],"exp":1}`, fine), CodeTokenMalformed},
		{"crit with b64", hs(`{"alg":"HS256","kid":"hs","crit":["b64"],"b64":false}`, fine), CodeTokenMalformed},
		{"crit empty", hs(`{"alg":"HS256","kid":"hs","crit":[]}`, fine), CodeTokenMalformed},
		{"kid is a number", hs(`{"alg":"HS256","kid":1}`, fine), CodeTokenMalformed},
		{"kid is null", hs(`{"alg":"HS256","kid":null}`, fine), CodeTokenMalformed},
		{"kid is an array", hs(`{"alg":"HS256","kid":["hs"]}`, fine), CodeTokenMalformed},
		{"kid is empty", hs(`{"alg":"HS256","kid":""}`, fine), CodeKIDUnknown},
		{"kid unknown", hs(`{"alg":"HS256","kid":"nobody"}`, fine), CodeKIDUnknown},
		{"kid is a path", hs(`{"alg":"HS256","kid":"../../dev/null"}`, fine), CodeKIDUnknown},
		{"kid is SQL", hs(`{"alg":"HS256","kid":"' UNION SELECT 'secret"}`, fine), CodeKIDUnknown},
		{"kid is a URL", hs(`{"alg":"HS256","kid":"https://evil.test/key"}`, fine), CodeKIDUnknown},
		{"kid with a null byte", hs(`{"alg":"HS256","kid":"hs\u0000"}`, fine), CodeKIDUnknown},
		{"kid with a line break", hs(`{"alg":"HS256","kid":"hs\r\nX-Admin: 1"}`, fine), CodeKIDUnknown},
		{"kid in another case", hs(`{"alg":"HS256","kid":"HS"}`, fine), CodeKIDUnknown},
		{"kid very long", hs(`{"alg":"HS256","kid":"`+strings.Repeat("k", 4000)+`"}`, fine), CodeKIDUnknown},
		{"kid twice, the last unknown", hs(`{"alg":"HS256","kid":"hs","kid":"nobody"}`, fine), CodeKIDUnknown},
		{"kid of a retired key", hs(`{"alg":"HS256","kid":"buried"}`, fine), CodeKeyRetired},
		{"kid of a revoked key", hs(`{"alg":"HS256","kid":"leaked"}`, fine), CodeKeyRevoked},
		{"key whose time is over", tokenOf(t, s.dead, `{"alg":"HS256","kid":"dead"}`, fine), CodeKeyRetired},
		{"key whose time is over, without kid", tokenOf(t, s.dead, `{"alg":"HS256"}`, fine), CodeSignatureInvalid},
		{"forged under a key whose time is over", tokenOf(t, s.other, `{"alg":"HS256","kid":"dead"}`, fine), CodeSignatureInvalid},
		{"payload is no JSON", hs(`{"alg":"HS256","kid":"hs"}`, "hello"), CodeTokenMalformed},
		{"payload is null", hs(`{"alg":"HS256","kid":"hs"}`, "null"), CodeIssuerInvalid},
		{"payload is an array", hs(`{"alg":"HS256","kid":"hs"}`, "[]"), CodeTokenMalformed},
		{"payload with text after it", hs(`{"alg":"HS256","kid":"hs"}`, fine+"{}"), CodeTokenMalformed},
		{"payload nested deeply", hs(`{"alg":"HS256","kid":"hs"}`, strings.Repeat("[", 8000)+strings.Repeat("]", 8000)), CodeTokenMalformed},
		{"no exp", hs(`{"alg":"HS256","kid":"hs"}`, "{"+ours+"}"), CodeTokenMalformed},
		{"exp is text", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":"9999999999"}`), CodeTokenMalformed},
		{"exp is null", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":null}`), CodeTokenMalformed},
		{"exp is true", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":true}`), CodeTokenMalformed},
		{"exp in milliseconds", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":1795304374123}`), CodeTokenMalformed},
		{"exp beyond all numbers", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":1e308}`), CodeTokenMalformed},
		{"exp beyond even that", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":1e999}`), CodeTokenMalformed},
		{"exp is zero", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":0}`), CodeTokenExpired},
		{"exp is negative", hs(`{"alg":"HS256","kid":"hs"}`, `{`+ours+`,"exp":-1}`), CodeTokenExpired},
		{"exp is past", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, fmt.Sprintf(`"exp":%d`, time.Now().Unix()-1))), CodeTokenExpired},
		{"nbf is to come", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, fmt.Sprintf(`"nbf":%d`, time.Now().Unix()+60))), CodeTokenNotYetValid},
		{"nbf is text", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, `"nbf":"now"`)), CodeTokenMalformed},
		{"iat is an object", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, `"iat":{}`)), CodeTokenMalformed},
		{"sub is a number", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, `"sub":7`)), CodeTokenMalformed},
		{"iss missing", hs(`{"alg":"HS256","kid":"hs"}`, good(`"aud":"api"`)), CodeIssuerInvalid},
		{"iss is another", hs(`{"alg":"HS256","kid":"hs"}`, good(`"aud":"api","iss":"https://evil.test"`)), CodeIssuerInvalid},
		{"iss with a slash more", hs(`{"alg":"HS256","kid":"hs"}`, good(`"aud":"api","iss":"https://issuer.test/"`)), CodeIssuerInvalid},
		{"iss is an array", hs(`{"alg":"HS256","kid":"hs"}`, good(`"aud":"api","iss":["https://issuer.test"]`)), CodeTokenMalformed},
		{"iss twice, the last another", hs(`{"alg":"HS256","kid":"hs"}`, good(ours, `"iss":"https://evil.test"`)), CodeIssuerInvalid},
		{"aud missing", hs(`{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test"`)), CodeAudienceInvalid},
		{"aud is another", hs(`{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test","aud":["web","apis"]`)), CodeAudienceInvalid},
		{"aud empty", hs(`{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test","aud":[]`)), CodeAudienceInvalid},
		{"aud with a number", hs(`{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test","aud":["api",1]`)), CodeTokenMalformed},
		{"aud is an object", hs(`{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test","aud":{"api":1}`)), CodeTokenMalformed},
		{"Bearer before it", "Bearer " + honest, CodeTokenMalformed},
		{"in quotes", `"` + honest + `"`, CodeTokenMalformed},
	}
	if len(cases) < 60 {
		t.Fatalf("got %d hostile tokens, want at least 60", len(cases))
	}
	for _, c := range cases {
		token, err := s.ring.Verify(t.Context(), c.token)
		if got := codeOf(t, err); got != c.want || token != nil {
			t.Errorf("%s: got code %q and token %v, want %q and none", c.name, got, token, c.want)
		}
	}
}

func TestOddButHonestTokensPass(t *testing.T) {
	s := newStand(t, Config{Issuer: "https://issuer.test", Audience: "api"})
	ours := `"iss":"https://issuer.test","aud":"api"`
	for _, c := range []struct{ name, token, key string }{
		{"no kid, current key", tokenOf(t, s.hs, `{"alg":"HS256"}`, good(ours)), "1"},
		{"no kid, pending key of another family", tokenOf(t, s.rs, `{"alg":"RS256"}`, good(ours)), "2"},
		{"retiring key", tokenOf(t, s.ed, `{"alg":"EdDSA","kid":"ed"}`, good(ours)), "4"},
		{"other header members", tokenOf(t, s.es, `{"typ":"at+jwt","alg":"ES256","kid":"es","jku":"https://elsewhere.test","zip":"DEF"}`, good(ours)), "3"},
		{"aud among several", tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(`"iss":"https://issuer.test","aud":["web","api"]`)), "1"},
		{"fractions of seconds", tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(ours, fmt.Sprintf(`"iat":%d.75,"nbf":%d.5`, time.Now().Unix()-2, time.Now().Unix()-2))), "1"},
		{"times with an exponent", tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, good(ours, `"exp":2.5e10`)), "1"},
		{"no sub", tokenOf(t, s.hs, `{"alg":"HS256","kid":"hs"}`, fmt.Sprintf(`{%s,"exp":%d}`, ours, time.Now().Add(time.Minute).Unix())), "1"},
	} {
		token, err := s.ring.Verify(t.Context(), c.token)
		if err != nil || token.Key != c.key {
			t.Errorf("%s: got token %v and error %v, want it verified by key %s", c.name, token, err, c.key)
		}
	}
}

func publicKeyPEM(tb testing.TB, k Key) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.m().public)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func mustAlgorithm(tb testing.TB, k Key, alg string) Key {
	tb.Helper()
	other, err := k.WithAlgorithm(alg)
	if err != nil {
		tb.Fatal(err)
	}
	return other
}

// loosened changes bits of the last character that carry no data: 32 bytes
// are 43 characters, of which the last holds four bits only.
func loosened(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last|1])
}

// A foreign text is never verified: whatever Verify accepts was made with a
// key of the ring, so its signed part is one of those that the test made.
func FuzzVerify(f *testing.F) {
	s := newStand(f, Config{})
	made := map[string]bool{}
	seeds := 0
	for _, k := range []Key{s.hs, s.rs, s.es, s.ed, s.dead} {
		token := tokenOf(f, k, fmt.Sprintf(`{"alg":%q,"kid":%q}`, k.Algorithm(), k.KID()), good(`"exp":250000000000`))
		made[token[:strings.LastIndexByte(token, '.')]] = true
		f.Add(token)
		f.Add(token[1:])
		f.Add(strings.Replace(token, ".", "..", 1))
		seeds++
	}
	if seeds == 0 {
		f.Fatal("got no seeds")
	}
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := s.ring.Verify(t.Context(), raw)
		if (token == nil) == (err == nil) {
			t.Fatalf("got token %v and error %v, want exactly one", token, err)
		}
		if err != nil {
			if e := err.(*Error); e.Code == "" || e.Status != 401 || e.KID != "hs" || strings.ContainsAny(e.Description, "\"\\\n") {
				t.Fatalf("got error %+v, want a code, 401, the current kid and a plain description", e)
			}
			return
		}
		if signed := raw[:strings.LastIndexByte(raw, '.')]; !made[signed] {
			t.Fatalf("got %q verified, which nobody signed", raw)
		}
	})
}
