package watcher

import (
	"errors"
	"fmt"
	"regexp"
)

// Where the kid of material comes from that names none.
const (
	KIDField   = "field"   // from the material or beside it; without one, [rotation.DeriveKID] of the version
	KIDVersion = "version" // the version itself
	KIDLiteral = "literal" // the same text for all
)

// literalKID is what may stand in the header of a token, in a URL and in a log
// line without escaping.
var literalKID = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,128}$`)

// KIDRule gives a kid to material that names none. The zero rule is KIDField.
// What material says of itself goes before every rule.
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
		if !literalKID.MatchString(r.Literal) {
			return errors.New("kid rule literal: kid is not usable: want 1 to 128 of A-Z a-z 0-9 . _ ~ : -")
		}
		return nil
	}
	return fmt.Errorf("kid rule %.40q is unknown: want field, version or literal", r.From)
}
