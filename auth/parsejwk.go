package auth

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// errOtherJWK marks a JWK that is well-formed but no signing key of ours;
// RFC 7517 §5 wants such members of a set ignored.
var errOtherJWK = errors.New("jwk is not for signatures, or of a kind that is not supported: use oct, RSA, EC or OKP with Ed25519")

// jwk reads one JSON Web Key. Causes are left out: they may quote the material.
// Certificates and their URLs are not looked at.
func (p *parser) jwk(o object, text []byte) (key Key, use string, err error) {
	head := map[string]string{}
	for _, name := range []string{"kty", "crv", "use", "alg", "kid"} {
		if head[name], _, err = o.text(name); err != nil {
			return Key{}, "", fmt.Errorf("jwk: %w", err)
		}
	}
	kty, use, alg, kid := head["kty"], head["use"], head["alg"], head["kid"]
	supported := kty == "oct" || kty == "RSA" || kty == "EC" || kty == "OKP" && head["crv"] == "Ed25519"
	_, known := algorithms[alg]
	if !supported || use != "" && use != "sig" || alg != "" && !known {
		return Key{}, "", errOtherJWK
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil {
		return Key{}, "", fmt.Errorf("jwk of kty %s can't be read: a member is missing or wrong, write the key again", kty)
	}
	if secret, ok := jwk.Key.([]byte); ok {
		if alg == "" {
			alg = p.options.Algorithm
		}
		if alg == "" {
			alg = HS256
		}
		key, err = NewHMAC(p.kid(kid), alg, secret)
		return key, use, err
	}
	key, err = p.keyOf(kid, alg, jwk.Key)
	return key, use, err
}

// jwks reads a JSON Web Key Set.
func (p *parser) jwks(o object) (Parsed, error) {
	if p.options.ForceKID {
		return Parsed{}, errors.New("value is a JWK set, whose members name their kids: take the kid from the field")
	}
	var members []json.RawMessage
	if err := json.Unmarshal(o["keys"], &members); err != nil {
		return Parsed{}, errors.New(`jwk set has no array of keys: write {"keys":[…]}`)
	}
	if len(members) > maxKeys {
		return Parsed{}, fmt.Errorf("jwk set has more than %d keys: take out those that no live token needs", maxKeys)
	}
	wanted, _, err := o.text("current_kid", "active_kid")
	if err != nil {
		return Parsed{}, err
	}
	if len(members) > 1 {
		p.options.KID = "" // it can name only one
	}
	parsed := Parsed{Active: -1, Form: FormJWKS}
	first, marked := -1, -1 // the first private key, and the first with use "sig"
	signers := 0
	kids := map[string]bool{}
	for i, m := range members {
		member, err := decodeObject(m)
		if err != nil {
			return Parsed{}, fmt.Errorf("key %d of the jwk set: %w", i+1, err)
		}
		key, use, err := p.jwk(member, m)
		if errors.Is(err, errOtherJWK) {
			p.warn("key %d of the jwk set is left out: it is not for signatures, or of a kind that is not supported", i+1)
			continue
		}
		if err != nil {
			return Parsed{}, fmt.Errorf("key %d of the jwk set: %w", i+1, err)
		}
		switch {
		case key.KID() == "" && len(members) > 1:
			return Parsed{}, fmt.Errorf("key %d of the jwk set is a shared secret without kid: give it one", i+1)
		case kids[key.KID()]:
			return Parsed{}, fmt.Errorf("key %d of the jwk set has the kid of an earlier one: give each its own", i+1)
		}
		kids[key.KID()] = true
		n := len(parsed.Keys)
		parsed.Keys = append(parsed.Keys, key)
		if key.CanSign() {
			signers++
			if first < 0 {
				first = n
			}
			if use == "sig" && marked < 0 {
				marked = n
			}
			if wanted != "" && key.KID() == wanted {
				parsed.Active = n
			}
		}
	}
	switch {
	case len(parsed.Keys) == 0:
		return Parsed{}, errors.New("jwk set has no key for signatures: add one with use sig")
	case wanted != "" && parsed.Active < 0:
		return Parsed{}, errors.New("jwk set names an active kid that none of its private keys has: correct current_kid")
	case wanted != "":
	case signers == 1:
		parsed.Active = first
	case marked >= 0:
		parsed.Active = marked
		p.warn(`the jwk set has several private keys and names no active one, the first with use "sig" was taken: add current_kid`)
	case signers > 1:
		return Parsed{}, errors.New("jwk set has several private keys, so it is unclear which one signs: add current_kid")
	}
	return parsed, nil
}
