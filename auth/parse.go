package auth

// ParseOptions of [ParseKeys].
type ParseOptions struct {
	KID       string // kid of material that names none; empty: the thumbprint of a public key, none for a secret
	ForceKID  bool   // KID wins over one that the material names; not for a JWKS
	Algorithm string // algorithm of material that names none; empty: HS256, RS256, EdDSA, or that of the curve
}

// The forms in which [ParseKeys] finds keys.
const (
	FormRaw  = "raw"
	FormJSON = "json"
	FormJWK  = "jwk"
	FormJWKS = "jwks"
	FormPEM  = "pem"
)

// Parsed is what a stored value holds.
type Parsed struct {
	Keys     []Key
	Active   int      // index in Keys of the one that signs; -1: none can
	Form     string   // FormRaw, FormJSON, …
	Warnings []string // for people; never of the material
}

// ParseKeys reads the keys of one stored value.
func ParseKeys(data []byte, o ParseOptions) (Parsed, error) { return Parsed{}, nil }
