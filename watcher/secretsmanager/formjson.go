package secretsmanager

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/auth"
)

// span is a piece of a text: text[start:end].
type span struct{ start, end int }

// edit replaces a span.
type edit struct {
	span
	with []byte
}

// splice applies edits, none of which overlaps another.
func splice(text []byte, edits []edit) []byte {
	edits = slices.SortedFunc(slices.Values(edits), func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, text[at:e.start]...), e.with...)
		at = e.end
	}
	return append(out, text[at:]...)
}

// member is one member of a JSON object, and where it stands.
type member struct {
	name  string
	whole span // name and value
	span       // the value
	raw   []byte
}

// text returns the value of a string; "" for any other.
func (m member) text() string {
	if text, err := unquote(m.raw); err == nil {
		return text
	}
	return ""
}

func (m member) null() bool { return string(m.raw) == "null" }

func (m member) replace(with []byte) edit { return edit{m.span, with} }

// members are those of one JSON object, in its order.
type members struct{ list []member }

func (o members) get(name string) (member, bool) { return o.first(name) }

// first returns the first of the names that is there and not null.
func (o members) first(names ...string) (member, bool) {
	for _, name := range names {
		for _, m := range o.list {
			if m.name == name && !m.null() {
				return m, true
			}
		}
	}
	return member{}, false
}

var errNoObject = errors.New("it is not one JSON object")

// membersOf takes a JSON object apart.
func membersOf(text []byte) (members, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return members{}, errNoObject
	}
	var o members
	for dec.More() {
		before := int(dec.InputOffset())
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return members{}, errNoObject
		}
		quoted := bytes.IndexByte(text[before:], '"') // only blanks and a comma stand before the name
		raw, value, err := next(dec, text)
		if err != nil || quoted < 0 {
			return members{}, errNoObject
		}
		o.list = append(o.list, member{name: name, whole: span{before + quoted, value.end}, span: value, raw: raw})
	}
	return o, ends(dec)
}

// elementsOf takes a JSON array apart.
func elementsOf(text []byte) ([]span, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errNoObject
	}
	var out []span
	for dec.More() {
		_, value, err := next(dec, text)
		if err != nil {
			return nil, errNoObject
		}
		out = append(out, value)
	}
	return out, ends(dec)
}

// next reads one value and where it stands.
func next(dec *json.Decoder, text []byte) (raw json.RawMessage, at span, err error) {
	if err := dec.Decode(&raw); err != nil {
		return nil, span{}, err
	}
	at.end = int(dec.InputOffset())
	at.start = at.end - len(raw)
	if at.start < 0 || !bytes.Equal(text[at.start:at.end], raw) {
		return nil, span{}, errNoObject
	}
	return raw, at, nil
}

// ends reads the closing bracket and sees that nothing follows.
func ends(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errNoObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errNoObject
	}
	return nil
}

// rebuild puts other items in the place of some: those of an array, or the
// members of an object. What stands before, between and after them stays.
func rebuild(text []byte, was []span, items [][]byte) []byte {
	first, last := was[0], was[len(was)-1]
	between := []byte(",")
	switch {
	case len(was) > 1:
		between = text[was[0].end:was[1].start]
	case first.start > 0: // as it stands alone, so indented
		blank := text[:first.start]
		between = append(between, blank[len(bytes.TrimRight(blank, " \t\r\n")):]...)
	}
	return slices.Concat(text[:first.start], bytes.Join(items, between), text[last.end:])
}

// Members of a JWK that are material, and those of them that are private
// (RFC 7518 section 6, RFC 8037 section 2).
var (
	jwkMaterial = []string{"k", "n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi"}
	jwkPrivate  = []string{"d", "p", "q", "dp", "dq", "qi"}
	// jwkBound are tied to the old key by a signature that keyturn can't make.
	jwkBound = []string{"x5c", "x5t", "x5t#S256", "x5u", "oth"}
)

// rewriteJWK puts the material of a fresh key into a JWK, and the kid where one
// was. A public JWK stays one.
func rewriteJWK(text []byte, fresh auth.Key, kid string) ([]byte, error) {
	members, err := membersOf(text)
	if err != nil {
		return nil, unwritable("a JWK can't be taken apart: %v", err)
	}
	if m, ok := members.first(jwkBound...); ok {
		return nil, unwritable("its JWK has %q, which binds the key to a certificate: turn the key where certificates are issued", m.name)
	}
	written, err := fresh.MarshalPrivateJWK()
	if err != nil {
		return nil, err
	}
	source, err := membersOf(written)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for _, m := range members.list {
		switch {
		case m.null():
		case slices.Contains(jwkMaterial, m.name):
			now, ok := source.get(m.name)
			if !ok {
				return nil, unwritable("its JWK has the member %q, which the new key has not", m.name)
			}
			edits = append(edits, m.replace(now.raw))
		case m.name == "kid" && m.text() != "":
			edits = append(edits, m.replace(quote(kid)))
		}
	}
	return splice(text, edits), nil
}

// publicOnly takes the private members out of a JWK. One of a shared secret
// stays: it verifies with the same member.
func publicOnly(text []byte) ([]byte, error) {
	members, err := membersOf(text)
	if err != nil {
		return nil, unwritable("a JWK can't be taken apart: %v", err)
	}
	var was []span
	var kept [][]byte
	for _, m := range members.list {
		was = append(was, m.whole)
		switch {
		case slices.Contains(jwkPrivate, m.name):
		case m.name == "key_ops" && !m.null():
			kept = append(kept, append(slices.Clone(text[m.whole.start:m.start]), `["verify"]`...))
		default:
			kept = append(kept, text[m.whole.start:m.whole.end])
		}
	}
	return rebuild(text, was, kept), nil
}

// encodeSecret writes a secret as the "encoding" member says, padded where the
// old text was.
func encodeSecret(encoding string, was, secret []byte) ([]byte, error) {
	padded := bytes.HasSuffix(was, []byte("=")) || len(was)%4 == 0
	var text string
	switch encoding {
	case "utf8":
		return secret, nil
	case "base64url":
		text = base64.URLEncoding.EncodeToString(secret)
		padded = bytes.HasSuffix(was, []byte("="))
	case "base64":
		text = base64.StdEncoding.EncodeToString(secret)
	case "hex":
		text = hex.EncodeToString(secret)
		if bytes.Equal(was, bytes.ToUpper(was)) {
			text = strings.ToUpper(text)
		}
		return []byte(text), nil
	default:
		return nil, unwritable("its encoding %.20q is unknown", encoding)
	}
	if !padded {
		text = strings.TrimRight(text, "=")
	}
	return []byte(text), nil
}
