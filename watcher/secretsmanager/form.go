package secretsmanager

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/keyturn/keyturn/auth"
)

// A turn writes the form it finds, since whoever else reads the secret expects
// it: material and kid change, everything else stays byte for byte.

// maxAttempts bounds how often a fresh key is made anew because its random
// bytes happen to look like another form, or like something a person typed.
const maxAttempts = 8

// errForm says that the value that follows can't be written.
var errForm = errors.New("keyturn can't write the form of this secret")

func unwritable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errForm, fmt.Sprintf(format, args...))
}

// successor makes the value that follows old, with a fresh key as its active
// one. was is what old holds; read is how the new value will be read. Where the
// old one wrote a kid, the new one writes kid. A set of keys keeps the old
// active key for verification, and leaves out members whose kid gone names.
//
// It returns the value and what it holds, or an error wrapping errForm; the
// value has been read back: the fresh key is its active one, in the same form.
func successor(old []byte, binary bool, was auth.Parsed, kid string, read func([]byte) (auth.Parsed, error), gone func(kid string) bool) ([]byte, auth.Parsed, error) {
	if was.Active < 0 || was.Active >= len(was.Keys) {
		return nil, auth.Parsed{}, unwritable("it holds the public half of the key only: turn the key where its private half is")
	}
	var text []byte
	var now auth.Parsed
	err := errors.New("no attempt was made")
	for range maxAttempts {
		r := rewriter{old: was.Keys[was.Active], kid: kid, gone: gone}
		if text, err = r.value(old, binary && !printable(old)); err != nil {
			return nil, auth.Parsed{}, err
		}
		if len(text) > auth.MaxValue {
			return nil, auth.Parsed{}, unwritable("the new value would have %d bytes, and Secrets Manager takes %d: take members out that nobody needs", len(text), auth.MaxValue)
		}
		if now, err = read(text); err != nil {
			err = unwritable("the new value could not be read back: %v", err)
			continue
		}
		if err = r.same(was, now); err == nil {
			return text, now, nil
		}
	}
	return nil, auth.Parsed{}, err
}

// printable reports whether a value is plain text, so that its readers may
// take it for text.
func printable(value []byte) bool {
	return !bytes.ContainsFunc(value, func(r rune) bool { return r != '\n' && r != '\r' && r != '\t' && (r < ' ' || r > '~') })
}

// rewriter makes one new value.
type rewriter struct {
	old  auth.Key // active in the old value
	kid  string   // what is written where a kid was
	gone func(kid string) bool

	fresh auth.Key // made once the kind of text it is written in is known
}

// same reports, as an error, what of the value read back is not as it must be.
func (r *rewriter) same(was, now auth.Parsed) error {
	pepper := make([]byte, 32)
	rand.Read(pepper)
	switch {
	case now.Active < 0 || !bytes.Equal(now.Keys[now.Active].Fingerprint(pepper), r.fresh.Fingerprint(pepper)):
		return unwritable("it is unclear which key of it signs: name it in current_kid")
	case now.Form != was.Form || now.Member != was.Member:
		return unwritable("the new value would be read as another form")
	case now.Keys[now.Active].Algorithm() != r.old.Algorithm():
		return unwritable("the new key would have another algorithm")
	case now.Keys[now.Active].Weak() != "":
		return unwritable("the new key came out weak: %s", now.Keys[now.Active].Weak())
	}
	return nil
}

// make makes the fresh key: random bytes, or text that every reader of text
// takes as it is.
func (r *rewriter) make(asText bool) error {
	key, err := generate(r.old)
	if err == nil && asText && key.Symmetric() {
		var secret []byte
		if secret, err = key.MarshalSecret(); err == nil {
			key, err = auth.NewHMAC("", r.old.Algorithm(), []byte(base64.RawURLEncoding.EncodeToString(secret)))
		}
	}
	if err != nil {
		return fmt.Errorf("make a %s key: %w", r.old.Algorithm(), err)
	}
	r.fresh = key
	if named, ok := thumbprint(r.old); ok && named == r.old.KID() { // readers may check that kids are thumbprints
		if named, ok = thumbprint(key); ok {
			r.kid = named
		}
	}
	return nil
}

// generate makes a key like old: same algorithm, an RSA key no shorter.
func generate(old auth.Key) (auth.Key, error) {
	if jwk, ok := old.Public(); ok {
		if public, ok := jwk.Key.(*rsa.PublicKey); ok && public.N.BitLen() > 2048 {
			private, err := rsa.GenerateKey(rand.Reader, public.N.BitLen())
			if err != nil {
				return auth.Key{}, err
			}
			return auth.NewKey("", old.Algorithm(), private)
		}
	}
	return auth.Generate("", old.Algorithm())
}

// thumbprint is the RFC 7638 thumbprint of a public key, in base64url.
func thumbprint(k auth.Key) (string, bool) {
	jwk, ok := k.Public()
	if !ok {
		return "", false
	}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err == nil
}

// The kinds of text that auth.ParseKeys tells apart.
type kind int

const (
	kindRaw kind = iota
	kindPEM
	kindJWK
	kindSet
	kindFields
)

// kindOf tells them apart by the same rules.
func kindOf(value []byte) (kind, []byte) {
	text := bytes.TrimSpace(bytes.TrimPrefix(value, []byte("\xef\xbb\xbf")))
	object := len(text) > 0 && text[0] == '{'
	switch {
	case bytes.Contains(text, []byte("-----BEGIN ")) && !object:
		return kindPEM, text
	case !object || !utf8.Valid(text):
		return kindRaw, value
	}
	members, err := membersOf(text)
	if err != nil {
		return kindFields, text
	}
	if m, ok := members.get("keys"); ok && bytes.HasPrefix(m.raw, []byte("[")) {
		return kindSet, text
	}
	if _, ok := members.get("kty"); ok {
		return kindJWK, text
	}
	return kindFields, text
}

// value rewrites a whole value, or what a member holds. What stands around the
// text (a byte order mark, blanks) stays.
func (r *rewriter) value(value []byte, random bool) ([]byte, error) {
	kind, text := kindOf(value)
	var out []byte
	var err error
	if kind != kindRaw && kind != kindFields && r.fresh.IsZero() {
		if err := r.make(false); err != nil {
			return nil, err
		}
	}
	switch kind {
	case kindRaw:
		if err := r.make(!random); err != nil {
			return nil, err
		}
		return r.fresh.MarshalSecret()
	case kindPEM:
		out, err = rewritePEM(text, r.fresh)
	case kindJWK:
		out, err = rewriteJWK(text, r.fresh, r.kid)
	case kindSet:
		out, err = r.set(text)
	default:
		out, err = r.fields(text)
	}
	if err != nil {
		return nil, err
	}
	at := bytes.Index(value, text)
	return slices.Concat(value[:at], out, value[at+len(text):]), nil
}

// Members of a JSON object that may hold kid and material, in the order of
// auth.ParseKeys.
var (
	kidMembers      = []string{"kid", "key_id", "keyId"}
	materialMembers = []string{"secret", "key", "value", "private_key", "jwt_secret", "signing_key", "jwk", "pem"}
)

// minCopy is how long the text of another member must be for its being equal
// to the secret to be no accident, in bytes.
const minCopy = 16

// fields rewrites a JSON object with the material in a member: that one, the
// kid beside it, and other members that hold the same key over again.
func (r *rewriter) fields(text []byte) ([]byte, error) {
	members, err := membersOf(text)
	if err != nil {
		return nil, unwritable("its JSON can't be taken apart: %v", err)
	}
	held, ok := members.first(materialMembers...)
	if !ok {
		return nil, unwritable("its JSON names no member that holds the key")
	}
	kidBeside := true
	var edits []edit
	if held.raw[0] == '{' {
		inner, _ := kindOf(held.raw)
		kidBeside = inner != kindSet // auth.ParseKeys does not use the kid beside a set
		out, err := r.value(held.raw, false)
		if err != nil {
			return nil, err
		}
		edits = append(edits, held.replace(out))
	} else {
		was, err := unquote(held.raw)
		if err != nil {
			return nil, unwritable("member %q is not a string", held.name)
		}
		now, err := r.member(members, []byte(was))
		if err != nil {
			return nil, err
		}
		inner, _ := kindOf([]byte(was))
		kidBeside = inner != kindSet
		edits = append(edits, held.replace(quote(now)))
		for _, m := range members.list {
			if m.name != held.name && m.text() == was && (slices.Contains(materialMembers, m.name) || len(was) >= minCopy) {
				edits = append(edits, m.replace(quote(now)))
			}
		}
	}
	if kid, ok := members.first(kidMembers...); ok && kid.text() != "" && kidBeside {
		for _, m := range members.list {
			if slices.Contains(kidMembers, m.name) && m.text() == kid.text() {
				edits = append(edits, m.replace(quote(r.kid)))
			}
		}
	}
	copies, err := r.copies(members, held, edits)
	if err != nil {
		return nil, err
	}
	return splice(text, append(edits, copies...)), nil
}

// member rewrites the text of a member, encoded as the object says.
func (r *rewriter) member(members members, was []byte) ([]byte, error) {
	encoding := ""
	if m, ok := members.get("encoding"); ok {
		encoding = m.text()
	}
	if encoding == "" {
		return r.value(was, false)
	}
	if err := r.make(encoding == "utf8"); err != nil {
		return nil, err
	}
	secret, err := r.fresh.MarshalSecret()
	if err != nil {
		return nil, err
	}
	return encodeSecret(encoding, was, secret)
}

// copies finds the other members that hold the same key in another form: the
// public half beside the private one, most often.
func (r *rewriter) copies(members members, held member, done []edit) ([]edit, error) {
	pepper := make([]byte, 32)
	rand.Read(pepper)
	var edits []edit
	for _, m := range members.list {
		text, quoted := m.raw, false
		if m.raw[0] == '"' {
			text, quoted = []byte(m.text()), true
		}
		kind, _ := kindOf(text)
		if m.name == held.name || kind == kindRaw || kind == kindFields || slices.ContainsFunc(done, func(e edit) bool { return e.start == m.start }) {
			continue
		}
		inside, err := auth.ParseKeys(text, auth.ParseOptions{Algorithm: r.old.Algorithm()})
		if err != nil || !slices.ContainsFunc(inside.Keys, func(k auth.Key) bool {
			return bytes.Equal(k.Fingerprint(pepper), r.old.Fingerprint(pepper))
		}) {
			continue // something else, of somebody else
		}
		if kind == kindSet {
			return nil, unwritable("member %.40q repeats the key in a set of keys: take it out, or keep the set in a secret of its own", m.name)
		}
		out, err := r.value(text, false)
		if err != nil {
			return nil, fmt.Errorf("member %.40q: %w", m.name, err)
		}
		if quoted {
			out = quote(out)
		}
		edits = append(edits, m.replace(out))
	}
	return edits, nil
}

// quote writes a JSON string, without the escapes that only HTML needs.
func quote[T string | []byte](text T) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(text)); err != nil { // strings always encode
		panic("secretsmanager: a string did not encode")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func unquote(raw []byte) (string, error) {
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}
