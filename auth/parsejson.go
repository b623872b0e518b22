package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Names under which a JSON object holds kid, algorithm and material; the
// first that is there counts.
var (
	kidMembers       = []string{"kid", "key_id", "keyId"}
	algorithmMembers = []string{"alg", "algorithm"}
	materialMembers  = []string{"secret", "key", "value", "private_key", "jwt_secret", "signing_key", "jwk", "pem"}
)

// object is one JSON object, its members undecoded.
type object map[string]json.RawMessage

// decodeObject reads exactly one JSON object. A member that comes twice is an
// error: readers of the same text would disagree on which of both counts.
func decodeObject(text []byte) (object, error) {
	broken := errors.New("value is not a JSON object: correct it, or store the bare key")
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, broken
	}
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, broken
		}
		if _, twice := o[name]; twice {
			return nil, errors.New("JSON object has a member twice: take one out")
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, broken
		}
		o[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, broken
	}
	return o, nil
}

// text returns the first of the named members, which must be a string, and its name.
func (o object) text(names ...string) (value, member string, err error) {
	for _, n := range names {
		raw, ok := o[n]
		if !ok || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, &value); err != nil {
			return "", n, fmt.Errorf("member %q is not a string: write it in quotes", n)
		}
		return value, n, nil
	}
	return "", "", nil
}

// object tells the three JSON forms apart.
func (p *parser) object(text []byte) (Parsed, error) {
	o, err := decodeObject(text)
	if err != nil {
		return Parsed{}, err
	}
	if raw, ok := o["keys"]; ok && bytes.HasPrefix(raw, []byte("[")) {
		return p.jwks(o)
	}
	if _, ok := o["kty"]; ok {
		key, _, err := p.jwk(o, text)
		if err != nil {
			return Parsed{}, err
		}
		return Parsed{Keys: []Key{key}, Active: active(key), Form: FormJWK}, nil
	}
	if p.nested {
		return Parsed{}, errors.New("JSON in a member of JSON is neither a JWK nor a JWK set: store the key itself there")
	}
	return p.fields(o)
}

// fields reads a JSON object that holds its material in a member.
func (p *parser) fields(o object) (Parsed, error) {
	kid, _, err := o.text(kidMembers...)
	if err != nil {
		return Parsed{}, err
	}
	alg, _, err := o.text(algorithmMembers...)
	if err != nil {
		return Parsed{}, err
	}
	member, others := "", 0
	for _, name := range materialMembers {
		if raw, ok := o[name]; !ok || string(raw) == "null" {
			continue
		}
		if member == "" {
			member = name
		} else {
			others++
		}
	}
	if member == "" {
		return Parsed{}, fmt.Errorf("JSON object holds no key: name it one of %s", strings.Join(materialMembers, ", "))
	}
	if others > 0 {
		p.warn("the JSON object has several members that may hold the key, %q was taken", member)
	}
	p.options = ParseOptions{KID: p.kid(kid), Algorithm: alg, ForceKID: p.options.ForceKID}
	parsed, err := p.member(o, member)
	if err != nil {
		return Parsed{}, err
	}
	switch {
	case kid == "" || p.options.ForceKID:
	case parsed.Form == FormJWKS:
		p.warn("the kid beside the jwk set is not used: add current_kid to the set")
	case parsed.Keys[0].KID() != kid:
		return Parsed{}, errors.New("JSON object and the JWK in it name two kids: keep one")
	}
	parsed.Form, parsed.Member = FormJSON, member
	return parsed, nil
}

// member reads the material itself: an object, or a string that is JSON, PEM
// or a secret.
func (p *parser) member(o object, name string) (Parsed, error) {
	p.nested = true
	raw := o[name]
	if bytes.HasPrefix(raw, []byte("{")) {
		return p.object(raw)
	}
	text, _, err := o.text(name)
	if err != nil {
		return Parsed{}, err
	}
	if text == "" {
		return Parsed{}, fmt.Errorf("member %q is empty: store a key in it", name)
	}
	encoding, _, err := o.text("encoding")
	if err != nil {
		return Parsed{}, err
	}
	if encoding == "" {
		return p.value([]byte(text))
	}
	secret, err := decodeSecret(encoding, text)
	if err != nil {
		return Parsed{}, fmt.Errorf("member %q: %w", name, err)
	}
	return p.raw(secret)
}

// decodeSecret decodes the text of a secret as the "encoding" member says.
func decodeSecret(encoding, text string) (secret []byte, err error) {
	switch encoding {
	case "utf8":
		return []byte(text), nil
	case "base64url":
		secret, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	case "base64":
		secret, err = base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	case "hex":
		secret, err = hex.DecodeString(text)
	default:
		return nil, errors.New("encoding is unknown: use utf8, base64url, base64 or hex")
	}
	if err != nil {
		return nil, fmt.Errorf("text is not %s: encode the secret again, without line breaks", encoding)
	}
	return secret, nil
}
