package auth

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Signed is a fresh token and the key that signed it. Printing, logging or
// encoding it does not show the token, which is a credential.
type Signed struct {
	Token string // the compact JWS
	Key   string // name of the key
	KID   string // its kid, as in the token's header
}

// Sign signs claims with the key that signs at this moment: the current one
// once its SignFrom has come; until then, or while its material is not here,
// the newest retiring one, which every verifier still holds. The caller sets
// all claims, "exp" too. The error is an *[Error] with [CodeUnavailable] where no
// key can sign, and a plain one where the claims can't be encoded.
func (k *Keyring) Sign(claims map[string]any) (Signed, error) {
	h := k.Set().signer(time.Now())
	if h == nil {
		return Signed{}, unavailable(textNoSigner, time.Second, nil)
	}
	m := h.Key.m()
	token := jwt.NewWithClaims(m.algorithm.method, jwt.MapClaims(claims))
	if m.kid != "" {
		token.Header["kid"] = m.kid
	}
	var material any = m.secret
	if m.signer != nil {
		material = m.signer
	}
	compact, err := token.SignedString(material)
	if err != nil {
		return Signed{}, fmt.Errorf("sign token with key %q: %w", h.Name, err)
	}
	return Signed{Token: compact, Key: h.Name, KID: m.kid}, nil
}

// Signer returns the name of the key that [Keyring.Sign] would use now; empty
// where none can.
func (k *Keyring) Signer() string {
	if h := k.Set().signer(time.Now()); h != nil {
		return h.Name
	}
	return ""
}
