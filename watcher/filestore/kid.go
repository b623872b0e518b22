package filestore

import (
	"fmt"

	"github.com/keyturn/keyturn/auth"
)

// Where the kid of an entry comes from that names none.
const (
	KIDField   = "field"   // from the entry or its JWK; without one, derived from the version
	KIDVersion = "version" // the version itself
	KIDLiteral = "literal" // the same text for all
)

// KIDRule gives a kid to entries that name none. The zero rule is KIDField.
type KIDRule struct {
	From    string // KIDField, KIDVersion, KIDLiteral; empty: KIDField
	Literal string // the kid, with KIDLiteral only
}

// Check returns an error unless the rule can be followed.
func (r KIDRule) Check() error {
	switch r.From {
	case "", KIDField, KIDVersion:
		if r.Literal != "" {
			return fmt.Errorf("kid rule %q has a literal: remove it, or say from: literal", r.From)
		}
		return nil
	case KIDLiteral:
		if err := auth.CheckKID(r.Literal); err != nil {
			return fmt.Errorf("kid rule literal: %w", err)
		}
		return nil
	}
	return fmt.Errorf("kid rule %q is unknown: want field, version or literal", short(r.From))
}
