package filestore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// material makes a key in the file's form of that name.
func material(t testing.TB, form, alg string) string {
	t.Helper()
	k, err := auth.Generate("", alg)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	switch form {
	case "jwk":
		b, err = k.MarshalPrivateJWK()
	case "pem":
		b, err = k.MarshalPEM()
		b = fmt.Appendf(nil, "%q", b)
	default:
		t.Fatalf("no form %s", form)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAFileOfEveryFormIsRead(t *testing.T) {
	for _, c := range []struct {
		name, keys    string
		rule          watcher.KIDRule
		kid, alg, ver string // of the first entry
	}{
		{name: "secret", keys: hs("a", "current", 1), kid: "a", alg: "HS256", ver: "a"},
		{name: "secret of another length", keys: key("kid", "a", "stage", "current", "alg", "HS512", "secret", secret(1)+secret(2)[:43]), kid: "a", alg: "HS512", ver: "a"},
		{name: "jwk", keys: `{"kid":"a","stage":"current","jwk":` + material(t, "jwk", "ES256") + `}`, kid: "a", alg: "ES256", ver: "a"},
		{name: "jwk that names its kid", keys: `{"stage":"current","jwk":{"kty":"oct","kid":"in","alg":"HS256","k":"` + secret(3) + `"}}`, kid: "in", alg: "HS256", ver: "in"},
		{name: "pem", keys: `{"kid":"a","stage":"current","pem":` + material(t, "pem", "EdDSA") + `}`, kid: "a", alg: "EdDSA", ver: "a"},
		{name: "pem with its algorithm", keys: `{"kid":"a","stage":"current","alg":"PS256","pem":` + material(t, "pem", "RS256") + `}`, kid: "a", alg: "PS256", ver: "a"},
		{name: "version alone", keys: key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), kid: rotation.DeriveKID("v1"), alg: "HS256", ver: "v1"},
		{name: "version alone, as kid", keys: key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), rule: watcher.KIDRule{From: watcher.KIDVersion}, kid: "v1", alg: "HS256", ver: "v1"},
		{name: "version alone, literal kid", keys: key("version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), rule: watcher.KIDRule{From: watcher.KIDLiteral, Literal: "main"}, kid: "main", alg: "HS256", ver: "v1"},
		{name: "kid goes before the rule", keys: hs("a", "current", 1), rule: watcher.KIDRule{From: watcher.KIDLiteral, Literal: "main"}, kid: "a", alg: "HS256", ver: "a"},
		{name: "both names", keys: key("kid", "a~b", "version", "v1", "stage", "current", "alg", "HS256", "secret", secret(1)), kid: "a~b", alg: "HS256", ver: "v1"},
		{name: "one kid, two versions", keys: key("kid", "a", "version", "2", "stage", "current", "alg", "HS256", "secret", secret(2)) + "," + key("kid", "a", "version", "1", "stage", "previous", "alg", "HS256", "secret", secret(1)), kid: "a", alg: "HS256", ver: "2"},
		{name: "weak secret", keys: key("kid", "a", "stage", "current", "alg", "HS256", "secret", "c2VjcmV0"), kid: "a", alg: "HS256", ver: "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parse([]byte(`{"serial":7,"keys":[`+c.keys+`]}`), c.rule)
			if err != nil {
				t.Fatal(err)
			}
			e := d.entries[0]
			if e.key.KID() != c.kid || e.key.Algorithm() != c.alg || e.base() != c.ver || d.serial != 7 {
				t.Errorf("got kid %s, alg %s, version %s, serial %d; want %s, %s, %s, 7", e.key.KID(), e.key.Algorithm(), e.base(), d.serial, c.kid, c.alg, c.ver)
			}
		})
	}
}

// hostile are files that must be refused, with what the error must say. The
// canary stands wherever a secret could stand.
const canary = "Q0FOQVJZLWRvLW5vdC1zaG93LW1lLTEyMzQ1Njc4OTA"

var hostile = []struct{ name, file, want string }{
	{"empty", "", "line 1, column 1: is empty"},
	{"blank", " \n\t\n", "line 1, column 1: is empty"},
	{"raw secret", canary, "line 1, column 1: is not JSON"},
	{"byte order mark", "\xef\xbb\xbf" + file(1, hs("a", "current", 1)), "byte order mark"},
	{"not UTF-8", "{\"serial\":1,\n \"keys\":\"\xff\"}", "line 2, column 10: is not UTF-8"},
	{"cut short", `{"serial":1,"keys":[{"kid":"a","secret":"` + canary, "ends in the middle"},
	{"cut after a comma", "{\"serial\":1,\n", "ends in the middle"},
	{"two documents", file(1, hs("a", "current", 1)) + "{}", "line 2, column 1: is not JSON"},
	{"trailing comma", `{"serial":1,"keys":[],}`, "line 1, column 23: is not JSON"},
	{"comment", "{\n  // keys\n}", "line 2, column 3: is not JSON"},
	{"array", `[]`, "is an array: want an object"},
	{"null", `null`, "is true, false or null: want an object"},
	{"too deep", strings.Repeat("[", 20) + strings.Repeat("]", 20), "nested too deeply"},
	{"very deep", strings.Repeat("[", 20000), "not JSON"},
	{"too large", strings.Repeat(" ", maxFile+1), "larger than 1048576 bytes"},
	{"no keys", `{"serial":1}`, `has no "keys"`},
	{"keys no array", `{"keys":{}}`, `"keys" is an object: want an array`},
	{"keys empty", "{\n\"keys\": []}", "line 2, column 9: holds no key"},
	{"too many", file(1, append(slices.Repeat([]string{"{}"}, 64), "{}")...), "line 65, column 1: holds more than 64 keys"},
	{"unknown member above", `{"serial":1,"key":[]}`, `line 1, column 13: unknown member "key": did you mean "keys"?`},
	{"unknown member", "{\"keys\":[\n  {\"kidd\":\"a\"}]}", `line 2, column 4: unknown member "kidd": did you mean "kid"?`},
	{"member of another case", `{"keys":[{"KID":"a"}]}`, `unknown member "KID": did you mean "kid"?`},
	{"secret as member", `{"keys":[{"` + strings.Repeat("x", 500) + `":1}]}`, `xxx…`},
	{"doubled keys", `{"keys":[],"keys":[]}`, `line 1, column 12: member "keys" stands twice, first at line 1, column 2`},
	{"doubled member", `{"keys":[{"kid":"a","kid":"b"}]}`, `member "kid" stands twice`},
	{"doubled by an escape", `{"keys":[{"kid":"a","\u006bid":"b"}]}`, `member "kid" stands twice`},
	{"doubled in the jwk", `{"keys":[{"kid":"a","stage":"current","jwk":{"k":"` + canary + `","k":"x"}}]}`, `member "k" stands twice`},
	{"serial string", `{"serial":"7","keys":[]}`, `"serial" is a string: want a number`},
	{"serial negative", `{"serial":-1,"keys":[]}`, `"serial" is not usable`},
	{"serial fraction", `{"serial":1.5,"keys":[]}`, `"serial" is not usable`},
	{"serial power", `{"serial":1e3,"keys":[]}`, `"serial" is not usable`},
	{"serial huge", `{"serial":9223372036854775807,"keys":[]}`, `"serial" is not usable`},
	{"entry no object", `{"keys":["` + canary + `"]}`, "line 1, column 10: is a string: want an object"},
	{"entry null", `{"keys":[null]}`, "is true, false or null: want an object"},
	{"no stage", file(1, key("kid", "a", "alg", "HS256", "secret", canary)), `has no "stage"`},
	{"unknown stage", file(1, key("kid", "a", "stage", "active", "alg", "HS256", "secret", canary)), `"stage" is unknown: want pending, current or previous`},
	{"state's stage", file(1, key("kid", "a", "stage", "retiring", "alg", "HS256", "secret", canary)), `"stage" is unknown`},
	{"stage number", `{"keys":[{"stage":1}]}`, `"stage" is a number: want a string`},
	{"no name", file(1, key("stage", "current", "alg", "HS256", "secret", canary)), `names neither "kid" nor "version"`},
	{"empty kid", file(1, key("kid", "", "stage", "current", "alg", "HS256", "secret", canary)), `"kid" is empty`},
	{"kid with blanks", file(1, key("kid", "a b", "stage", "current", "alg", "HS256", "secret", canary)), "kid is not usable"},
	{"kid too long", file(1, key("kid", strings.Repeat("k", 129), "stage", "current", "alg", "HS256", "secret", canary)), "kid is not usable"},
	{"kid with line end", `{"keys":[{"kid":"a\nb","stage":"current","alg":"HS256","secret":"` + canary + `"}]}`, "kid is not usable"},
	{"version with tilde", file(1, key("version", "a~8", "stage", "current", "alg", "HS256", "secret", canary)), `"version" is not usable`},
	{"kid with tilde as version", file(1, key("kid", "a~8", "stage", "current", "alg", "HS256", "secret", canary)), `has a kid with "~" and no "version"`},
	{"version with slash", file(1, key("version", "a/b", "stage", "current", "alg", "HS256", "secret", canary)), `"version" is not usable`},
	{"kid is the secret", file(1, key("kid", canary, "stage", "current", "alg", "HS256", "secret", canary)), "shows the secret"},
	{"version is the secret", file(1, key("kid", "a", "version", canary, "stage", "current", "alg", "HS256", "secret", canary)), `"version" shows the material`},
	{"no material", file(1, key("kid", "a", "stage", "current", "alg", "HS256")), `holds no material`},
	{"two materials", file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", canary, "pem", canary)), `holds "secret" and "pem"`},
	{"empty secret", file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", "")), `"secret" is empty`},
	{"secret no string", `{"keys":[{"kid":"a","stage":"current","alg":"HS256","secret":12}]}`, `"secret" is a number: want a string`},
	{"base64 with plus", file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", canary[:40]+"+/==")), "is not base64url"},
	{"padding", file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", canary+"=")), "is not base64url"},
	{"base64url with a line end", `{"keys":[{"kid":"a","stage":"current","alg":"HS256","secret":"` + canary + `\n"}]}`, "is not base64url"},
	{"loose last bits", file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", "AB")), "is not base64url"},
	{"no algorithm", file(1, key("kid", "a", "stage", "current", "secret", canary)), "its algorithm is not named"},
	{"algorithm none", file(1, key("kid", "a", "stage", "current", "alg", "none", "secret", canary)), "algorithm is not supported"},
	{"algorithm of a public key", file(1, key("kid", "a", "stage", "current", "alg", "RS256", "secret", canary)), "algorithm RS256 takes a private or public key"},
	{"jwk string", file(1, key("kid", "a", "stage", "current", "jwk", canary)), `"jwk" is a string: want an object`},
	{"jwk set", `{"keys":[{"kid":"a","stage":"current","jwk":{"keys":[{"kty":"oct","k":"` + canary + `"}]}}]}`, "is not a jwk"},
	{"jwk for encryption", `{"keys":[{"kid":"a","stage":"current","jwk":{"kty":"oct","use":"enc","k":"` + canary + `"}}]}`, "not for signatures"},
	{"jwk broken", `{"keys":[{"kid":"a","stage":"current","jwk":{"kty":"RSA","n":"` + canary + `"}}]}`, `"jwk": parse keys`},
	{"jwk of another kid", `{"keys":[{"kid":"a","stage":"current","jwk":{"kty":"oct","kid":"b","k":"` + canary + `"}}]}`, "differs from the kid inside the jwk"},
	{"jwk of another algorithm", `{"keys":[{"kid":"a","stage":"current","alg":"HS512","jwk":{"kty":"oct","alg":"HS256","k":"` + canary + `"}}]}`, `"alg" differs from the jwk's, which is HS256`},
	{"jwk kid number", `{"keys":[{"stage":"current","jwk":{"kty":"oct","kid":5,"k":"` + canary + `"}}]}`, `"kid" of the jwk is not usable`},
	{"pem of nothing", file(1, key("kid", "a", "stage", "current", "pem", canary)), "is not a pem"},
	{"pem cut", `{"keys":[{"kid":"a","stage":"current","pem":"-----BEGIN PRIVATE KEY-----\n` + canary + `"}]}`, `"pem": parse keys`},
	{"two current", file(1, hs("a", "current", 1), hs("b", "current", 2)), "line 2, column 1: is current, and so is the entry at line 1, column 21"},
	{"no current", file(1, hs("a", "pending", 1), hs("b", "previous", 2)), `has no key of stage "current"`},
	{"doubled kid", file(1, hs("a", "current", 1), hs("a", "previous", 2)), `has the version "a" of the entry at line 1, column 21`},
	{"kid as another's version", file(1, hs("a", "current", 1), key("kid", "b", "version", "a", "stage", "previous", "alg", "HS256", "secret", secret(2))), `has the version "a"`},
}

func TestAHostileFileIsRefusedWithPlaceAndRemedy(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse([]byte(c.file), watcher.KIDRule{})
			var f *flaw
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a flaw", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to say %q", err, c.want)
			}
			if strings.Contains(err.Error(), canary[:12]) {
				t.Errorf("the error shows a value: %q", err)
			}
		})
	}
}

// FuzzParse: a file is refused at a place inside it, without a word of what may
// be a secret, or it is understood, and then what is written back is
// understood the same.
func FuzzParse(f *testing.F) {
	for _, c := range hostile {
		if len(c.file) < 4096 {
			f.Add([]byte(c.file))
		}
	}
	f.Add([]byte(file(7, hs("a", "current", 1), hs("b", "previous", 2), hs("c", "pending", 3))))
	f.Add([]byte(`{"keys":[{"version":"v","stage":"current","jwk":` + material(f, "jwk", "ES256") + `}]}`))
	f.Add([]byte(`{"keys":[{"kid":"v","stage":"current","pem":` + material(f, "pem", "EdDSA") + `}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parse(data, watcher.KIDRule{})
		if err != nil {
			var flaw *flaw
			if !errors.As(err, &flaw) || flaw.at.line < 1 || flaw.at.column < 1 || flaw.at.line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("%v is at no place of %q", err, data)
			}
			if strings.Contains(err.Error(), canary[:12]) {
				t.Fatalf("%v shows a value", err)
			}
			return
		}
		out, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(out, watcher.KIDRule{})
		if err != nil {
			t.Fatalf("%q was understood, %q is not: %v", data, out, err)
		}
		if len(again.entries) != len(d.entries) || again.serial != d.serial || again.counted != d.counted {
			t.Fatalf("%q became %q", data, out)
		}
		pepper := []byte("0123456789abcdef")
		for i, e := range d.entries {
			a := again.entries[i]
			if a.base() != e.base() || a.stage != e.stage || a.key.KID() != e.key.KID() || a.key.Algorithm() != e.key.Algorithm() ||
				string(a.key.Fingerprint(pepper)) != string(e.key.Fingerprint(pepper)) {
				t.Fatalf("entry %d of %q became another in %q", i, data, out)
			}
		}
	})
}

func TestAnEntryShowsNothingWhenItIsPrinted(t *testing.T) {
	d, err := parse([]byte(file(1, key("kid", "a", "stage", "current", "alg", "HS256", "secret", canary))), watcher.KIDRule{})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, d.entries); strings.Contains(out, canary[:12]) {
			t.Errorf("%s shows %s", verb, out)
		}
	}
}

func TestALiteralKIDMustBeOneThatTokensCanCarry(t *testing.T) {
	for _, kid := range []string{"a", "2026-11~b", "sm-0f:1.2_3", strings.Repeat("k", 128), strings.Repeat("k", 129), "", "a b", "a/b", "ä", "a\n"} {
		rule := watcher.KIDRule{From: watcher.KIDLiteral, Literal: kid}
		if got, want := rule.Check() == nil, auth.CheckKID(kid) == nil; got != want {
			t.Errorf("%q: the rule accepts it: %v, tokens carry it: %v", kid, got, want)
		}
	}
}

func TestAWrongKIDRuleIsRefused(t *testing.T) {
	for _, r := range []watcher.KIDRule{{From: "header"}, {From: watcher.KIDLiteral}, {From: watcher.KIDLiteral, Literal: "a b"}, {From: watcher.KIDField, Literal: "a"}, {Literal: "a"}} {
		if _, err := Open("keys.json", Config{Ring: "demo", KID: r}); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
	if _, err := Open("keys.json", Config{Ring: "Demo"}); err == nil {
		t.Error("a wrong ring name is accepted")
	}
	if _, err := Open("", Config{Ring: "demo"}); err == nil {
		t.Error("no path is accepted")
	}
}
