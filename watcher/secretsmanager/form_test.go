package secretsmanager

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/auth"
)

const (
	oldText = "q7Lr0p-Zc1yWvTn4KdBxJ9mEoGhUfAsS2iXk5Vw8_bM"
	newKID  = "2026-11-22-3f1c9a2e"
)

var testPepper = []byte("the pepper of this test process.")

// keyFor makes a key, once for each name.
var madeKeys = map[string]auth.Key{}

func keyFor(t testing.TB, kid, alg string) auth.Key {
	t.Helper()
	if k, ok := madeKeys[kid+alg]; ok {
		return k
	}
	k, err := auth.Generate(kid, alg)
	if err != nil {
		t.Fatal(err)
	}
	madeKeys[kid+alg] = k
	return k
}

func jwkOf(t testing.TB, k auth.Key) string {
	t.Helper()
	b, err := k.MarshalPrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func publicJWKOf(t testing.TB, k auth.Key) string {
	t.Helper()
	jwk, ok := k.Public()
	if !ok {
		t.Fatal("no public half")
	}
	b, err := jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func pemOf(t testing.TB, k auth.Key, typ string) string {
	t.Helper()
	private, err := privateOf(k)
	if err != nil {
		t.Fatal(err)
	}
	der, err := encodeAs(typ, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
}

func drop(t testing.TB, object string, names ...string) string {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &o); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		delete(o, n)
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// a form of secret as somebody may have stored it.
type sample struct {
	name   string
	value  string
	binary bool
	writes bool // a kid
}

func samples(t testing.TB) []sample {
	hs, es, ed, rs := keyFor(t, "old", auth.HS256), keyFor(t, "old", auth.ES256), keyFor(t, "old", auth.EdDSA), keyFor(t, "old", auth.RS256)
	second := keyFor(t, "second", auth.ES256)
	return []sample{
		{"raw text", oldText, false, false},
		{"raw text with a line break", oldText + "\n", false, false},
		{"raw text of 24 bytes", oldText[:24], false, false},
		{"binary", string(append([]byte{0, 255, 1, 254}, oldText...)), true, false},
		{"binary of text", oldText, true, false},
		{"JSON", fmt.Sprintf("{\n  \"db\" : \"a\\u00e9<b>&\",\n  \"secret\":%q, \"kid\": \"old\",\"n\":1.50e3 ,\"deep\":{\"secret\":\"x\",\"kid\":\"y\"}\n}\n", oldText), false, true},
		{"JSON without kid", fmt.Sprintf(`{"jwt_secret":%q,"alg":"HS512","list":[1,2]}`, oldText+oldText), false, false},
		{"JSON in binary", fmt.Sprintf(`{"value":%q,"key_id":"old"}`, oldText), true, true},
		{"JSON with an empty kid", fmt.Sprintf(`{"kid":"","secret":%q}`, oldText), false, false},
		{"JSON in base64url", fmt.Sprintf(`{"encoding":"base64url","secret":%q,"keyId":"old"}`, base64.RawURLEncoding.EncodeToString([]byte(oldText))), false, true},
		{"JSON in base64", fmt.Sprintf(`{"encoding":"base64","secret":%q,"keyId":"old"}`, base64.StdEncoding.EncodeToString([]byte(oldText))), false, true},
		{"JSON in hex", fmt.Sprintf(`{"secret":"%x","encoding":"hex"}`, oldText), false, false},
		{"JSON in utf8", fmt.Sprintf(`{"secret":%q,"encoding":"utf8"}`, oldText), false, false},
		{"JSON with copies", fmt.Sprintf(`{"secret":%q,"key":%q,"JWT_SECRET":%q,"kid":"old","key_id":"old"}`, oldText, oldText, oldText), false, true},
		{"JSON with a PEM", fmt.Sprintf(`{"private_key":%s,"public_key":%s,"kid":"old"}`, quote(pemOf(t, es, "EC PRIVATE KEY")), quote(pemOf(t, es, "PUBLIC KEY"))), false, true},
		{"JSON with a PEM on one line", fmt.Sprintf(`{"pem":%s}`, quote(strings.ReplaceAll(pemOf(t, es, "PRIVATE KEY"), "\n", `\n`))), false, false},
		{"JSON with a JWK", fmt.Sprintf(`{"note":"x","jwk": %s}`, jwkOf(t, es)), false, true},
		{"the console's JSON with a JWK in text", fmt.Sprintf(`{"jwk":%s,"kid":"old"}`, quote(jwkOf(t, rs))), false, true},
		{"the console's JSON with a set in text", fmt.Sprintf(`{"jwk":%s,"other":"1"}`, quote(fmt.Sprintf(`{"keys":[%s,%s]}`, jwkOf(t, es), publicJWKOf(t, second)))), false, true},
		{"JWK", jwkOf(t, es), false, true},
		{"JWK of RSA", jwkOf(t, rs), false, true},
		{"JWK of Ed25519", jwkOf(t, ed), false, true},
		{"JWK of a shared secret", jwkOf(t, hs), false, true},
		{"JWK without kid", drop(t, jwkOf(t, es), "kid"), false, false},
		{"JWK of a shared secret without kid", drop(t, jwkOf(t, hs), "kid", "alg", "use"), false, false},
		{"set of one", fmt.Sprintf(`{"keys": [ %s ]}`, jwkOf(t, es)), false, true},
		{"set of one without kid", fmt.Sprintf(`{"keys":[%s]}`, drop(t, jwkOf(t, hs), "kid")), false, false},
		{"set of one shared secret", fmt.Sprintf(`{"keys":[%s]}`, jwkOf(t, hs)), false, true},
		{"set with current_kid", fmt.Sprintf("{\"current_kid\":\"old\",\n \"keys\":[\n  %s,\n  %s\n ], \"v\":1}", publicJWKOf(t, second), jwkOf(t, es)), false, true},
		{"set with two private keys", fmt.Sprintf(`{"active_kid":"old","keys":[%s,%s]}`, jwkOf(t, es), jwkOf(t, second)), false, true},
		{"set with an encryption key", fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"enc","n":"x","e":"AQAB"},%s]}`, jwkOf(t, es)), false, true},
		{"PKCS#8", pemOf(t, ed, "PRIVATE KEY"), false, false},
		{"PKCS#1", "# of the payments team\n" + pemOf(t, rs, "RSA PRIVATE KEY") + "# end", false, false},
		{"SEC1", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pemOf(t, es, "EC PRIVATE KEY"), false, false},
		{"PEM with its public half, CRLF", strings.ReplaceAll(pemOf(t, rs, "PRIVATE KEY")+pemOf(t, rs, "RSA PUBLIC KEY"), "\n", "\r\n"), false, false},
	}
}

func parsed(t testing.TB, value []byte, o auth.ParseOptions) auth.Parsed {
	t.Helper()
	p, err := auth.ParseKeys(value, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reading reads a value that is in a version which gives it that kid.
func reading(kid string) func([]byte) (auth.Parsed, error) {
	return func(b []byte) (auth.Parsed, error) { return auth.ParseKeys(b, auth.ParseOptions{KID: kid}) }
}

func same(a, b auth.Key) bool {
	return bytes.Equal(a.Fingerprint(testPepper), b.Fingerprint(testPepper))
}

func TestEveryFormIsWrittenAsItWasFound(t *testing.T) {
	for _, c := range samples(t) {
		t.Run(c.name, func(t *testing.T) {
			old := []byte(c.value)
			was := parsed(t, old, auth.ParseOptions{KID: "derived-1"})
			text, now, err := successor(old, c.binary, was, newKID, reading("derived-2"), nil)
			if err != nil {
				t.Fatal(err)
			}
			keeps(t, old, text, was, now, c.writes)
			if c.binary != (c.name == "binary") && printable(old) && !printable(text) {
				t.Errorf("text became %q", text)
			}
			// And again from there: the third rotation is as good as the first.
			again, third, err := successor(text, c.binary, now, "third", reading("derived-3"), nil)
			if err != nil {
				t.Fatal(err)
			}
			keeps(t, text, again, now, third, c.writes)
		})
	}
}

// keeps is the property of every rewriting: the fresh key is the active one, in
// the same form and member, and all else is equal.
func keeps(t testing.TB, old, text []byte, was, now auth.Parsed, writesKID bool) {
	t.Helper()
	before, after := was.Keys[was.Active], now.Keys[now.Active]
	switch {
	case same(before, after):
		t.Fatal("the key did not change")
	case now.Form != was.Form, now.Member != was.Member, before.Algorithm() != after.Algorithm():
		t.Fatalf("got %s %q %s, want %s %q %s", now.Form, now.Member, after.Algorithm(), was.Form, was.Member, before.Algorithm())
	case after.Weak() != "", !after.CanSign():
		t.Fatalf("got a key that is weak (%s) or can't sign", after.Weak())
	case before.KID() == after.KID():
		t.Fatalf("the kid %q did not change", after.KID())
	}
	if writesKID && bytes.Contains(text, []byte(before.KID()+`"`)) && len(now.Keys) == 1 && before.KID() != "x" {
		t.Errorf("the old kid %q is still there: %s", before.KID(), skeleton(text))
	}
	if a, b := skeleton(old), skeleton(text); was.Form != auth.FormJWKS && was.Form != auth.FormRaw && len(was.Keys) == 1 && a != b {
		t.Errorf("more than material and kid changed:\n%s\n%s", a, b)
	}
	if len(was.Keys) > 1 || len(now.Keys) > 1 { // a set: whoever verified goes on
		for _, k := range was.Keys {
			i := slices.IndexFunc(now.Keys, func(o auth.Key) bool { return same(k, o) && k.KID() == o.KID() && k.Algorithm() == o.Algorithm() })
			if i < 0 {
				t.Fatalf("key %q is not in the set any more", k.KID())
			}
			if k.KID() == before.KID() && !k.Symmetric() && now.Keys[i].CanSign() {
				t.Error("the old key has its private half still")
			}
			if k.KID() != before.KID() && k.CanSign() != now.Keys[i].CanSign() {
				t.Errorf("the half of key %q changed", k.KID())
			}
		}
	}
}

var (
	materialText = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----.*?-----END [A-Z0-9 ]+-----`)
	longText     = regexp.MustCompile(`\\?"[A-Za-z0-9_+/=-]{16,}\\?"`)
	kidText      = regexp.MustCompile(`\\?"(kid|key_id|keyId)\\?"\s*:\s*\\?"(old|second|third|` + newKID + `)\\?"`)
)

// skeleton is a value without its material and kids.
func skeleton(value []byte) string {
	text := materialText.ReplaceAllString(string(value), "<PEM $1>")
	text = kidText.ReplaceAllString(text, "<KID $1>")
	return longText.ReplaceAllString(text, "<LONG>")
}

func TestCopiesOfTheKeyTurnWithIt(t *testing.T) {
	es := keyFor(t, "old", auth.ES256)
	value := fmt.Sprintf(`{"private_key":%s,"public_key":%s,"public_jwk":%s,"other":%s}`,
		quote(pemOf(t, es, "PRIVATE KEY")), quote(pemOf(t, es, "PUBLIC KEY")), publicJWKOf(t, es), quote(pemOf(t, keyFor(t, "else", auth.ES256), "PUBLIC KEY")))
	was := parsed(t, []byte(value), auth.ParseOptions{})
	text, now, err := successor([]byte(value), false, was, newKID, reading(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got, old map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal([]byte(value), &old)); err != nil {
		t.Fatal(err)
	}
	fresh := now.Keys[now.Active]
	for _, name := range []string{"public_key", "public_jwk"} {
		inner := []byte(got[name])
		if inner[0] == '"' {
			s, err := unquote(inner)
			if err != nil {
				t.Fatal(err)
			}
			inner = []byte(s)
		}
		if p := parsed(t, inner, auth.ParseOptions{}); !same(p.Keys[0], fresh) || p.Keys[0].CanSign() {
			t.Errorf("%s is not the public half of the new key", name)
		}
	}
	if !bytes.Equal(got["other"], old["other"]) {
		t.Error("the key of somebody else changed")
	}
}

func TestAKidThatIsAThumbprintStaysOne(t *testing.T) {
	k := keyFor(t, "", auth.ES256)
	print, _ := thumbprint(k)
	named, err := k.WithKID(print)
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(jwkOf(t, named))
	_, now, err := successor(value, false, parsed(t, value, auth.ParseOptions{}), newKID, reading("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := thumbprint(now.Keys[0]); now.Keys[0].KID() != want {
		t.Errorf("got kid %q, want %q", now.Keys[0].KID(), want)
	}
}

func TestASetLeavesOutKeysThatAreGone(t *testing.T) {
	a, b, c := keyFor(t, "a", auth.ES256), keyFor(t, "b", auth.ES256), keyFor(t, "c", auth.ES256)
	value := fmt.Appendf(nil, `{"current_kid":"a","keys":[%s,%s,%s]}`, jwkOf(t, a), publicJWKOf(t, b), publicJWKOf(t, c))
	_, now, err := successor(value, false, parsed(t, value, auth.ParseOptions{}), newKID, reading(""), func(kid string) bool { return kid == "b" })
	if err != nil {
		t.Fatal(err)
	}
	var kids []string
	for _, k := range now.Keys {
		kids = append(kids, k.KID())
	}
	if want := []string{newKID, "a", "c"}; !reflect.DeepEqual(kids, want) {
		t.Errorf("got %v, want %v", kids, want)
	}
}

func TestALeakedKeyIsTakenOutOfASet(t *testing.T) {
	a, b := keyFor(t, "a", auth.ES256), keyFor(t, "b", auth.ES256)
	set := fmt.Sprintf(`{"current_kid":"a","keys":[%s, %s]}`, jwkOf(t, a), publicJWKOf(t, b))
	for name, value := range map[string]string{"set": set, "set in a member": fmt.Sprintf(`{"x":1,"jwk":%s}`, quote(set)), "set as a member": fmt.Sprintf(`{"jwk":%s}`, set)} {
		out, changed, err := without([]byte(value), parsed(t, []byte(value), auth.ParseOptions{}), func(k auth.Key) bool { return same(k, b) })
		if err != nil || !changed {
			t.Fatalf("%s: got %v, %v", name, changed, err)
		}
		if p := parsed(t, out, auth.ParseOptions{}); len(p.Keys) != 1 || !same(p.Keys[0], a) || p.Active != 0 {
			t.Errorf("%s: got %v", name, p.Keys)
		}
		if out, changed, err := without([]byte(value), parsed(t, []byte(value), auth.ParseOptions{}), func(k auth.Key) bool { return same(k, a) }); changed || err != nil || string(out) != value {
			t.Errorf("%s: the active key was taken out: %v %v", name, changed, err)
		}
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	es, rs := keyFor(t, "old", auth.ES256), keyFor(t, "old", auth.RS256)
	withCertificate := strings.TrimSuffix(jwkOf(t, es), "}") + `,"x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA"}`
	for _, c := range []struct{ name, value, says string }{
		{"public half", pemOf(t, es, "PUBLIC KEY"), "public half"},
		{"certificate thumbprint", withCertificate, "x5t"},
		{"copy in a set", fmt.Sprintf(`{"private_key":%s,"jwks":{"keys":[%s]}}`, quote(pemOf(t, es, "PRIVATE KEY")), publicJWKOf(t, es)), "repeats the key in a set"},
		{"too large", fmt.Sprintf(`{"key":%s,"fill":%q}`, quote(strings.Repeat("ab", 8)), strings.Repeat("x", auth.MaxValue-60)), "takes 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := parsed(t, []byte(c.value), auth.ParseOptions{})
			text, _, err := successor([]byte(c.value), false, was, newKID, reading(""), nil)
			if !errors.Is(err, errForm) || text != nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
	if _, err := rewritePEM([]byte(pemOf(t, rs, "RSA PRIVATE KEY")), es); !errors.Is(err, errForm) {
		t.Errorf("an EC key in a PKCS#1 block: got %v", err)
	}
}

func TestAnRSAKeyGetsNoShorter(t *testing.T) {
	short, err := generate(keyFor(t, "old", auth.RS256))
	if err != nil {
		t.Fatal(err)
	}
	jwk, _ := short.Public()
	if bits := jwk.Key.(*rsa.PublicKey).N.BitLen(); bits != 2048 {
		t.Errorf("got %d bits", bits)
	}
}

func TestPEMKeepsItsEncoding(t *testing.T) {
	es, rs := keyFor(t, "old", auth.ES256), keyFor(t, "old", auth.RS256)
	for typ, check := range map[string]func([]byte) error{
		"EC PRIVATE KEY":  func(b []byte) error { _, err := x509.ParseECPrivateKey(b); return err },
		"RSA PRIVATE KEY": func(b []byte) error { _, err := x509.ParsePKCS1PrivateKey(b); return err },
		"PRIVATE KEY":     func(b []byte) error { _, err := x509.ParsePKCS8PrivateKey(b); return err },
	} {
		k := es
		if typ == "RSA PRIVATE KEY" {
			k = rs
		}
		value := []byte(pemOf(t, k, typ))
		text, _, err := successor(value, false, parsed(t, value, auth.ParseOptions{}), "", reading("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(text)
		if block == nil || block.Type != typ || len(rest) != 0 || check(block.Bytes) != nil {
			t.Errorf("%s: got another block", typ)
		}
	}
	if _, ok := any(es).(*ecdsa.PrivateKey); ok {
		t.Error("a key shows its material")
	}
}

// Whatever somebody stored, either it is refused with nothing written, or the
// new value holds exactly the fresh key as its active one, in the same form.
func FuzzSuccessor(f *testing.F) {
	for _, s := range samples(f) {
		if !strings.Contains(s.name, "RSA") { // making one takes too long
			f.Add([]byte(s.value), s.binary)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte, binary bool) {
		was, err := auth.ParseKeys(value, auth.ParseOptions{KID: "derived-1"})
		if err != nil {
			return
		}
		if was.Active >= 0 && strings.HasPrefix(was.Keys[was.Active].Algorithm(), "RS") {
			return
		}
		text, now, err := successor(value, binary, was, newKID, reading("derived-2"), nil)
		if err != nil {
			if text != nil || !errors.Is(err, errForm) {
				t.Fatalf("got %q and %v", text, err)
			}
			return
		}
		back, err := auth.ParseKeys(text, auth.ParseOptions{KID: "derived-2"})
		if err != nil || back.Form != was.Form || back.Member != was.Member || back.Active < 0 ||
			same(back.Keys[back.Active], was.Keys[was.Active]) || !same(back.Keys[back.Active], now.Keys[now.Active]) || len(text) > auth.MaxValue {
			t.Fatalf("got %v from %q", err, text)
		}
		if was.Form == auth.FormJSON { // members that hold no key are equal
			a, errA := membersOf(bytes.TrimSpace(bytes.TrimPrefix(value, []byte("\xef\xbb\xbf"))))
			b, errB := membersOf(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
			if errA != nil || errB != nil || len(a.list) != len(b.list) {
				t.Fatalf("members %d became %d", len(a.list), len(b.list))
			}
			for i, m := range a.list {
				if o := b.list[i]; m.name != o.name || m.name == "encoding" && !bytes.Equal(m.raw, o.raw) {
					t.Fatalf("member %q became %q", m.name, o.name)
				}
			}
		}
	})
}
