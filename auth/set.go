package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Stage is where a key stands in its life: pending → current → retiring → gone.
type Stage string

const (
	Pending  Stage = "pending"  // verifies, does not sign
	Current  Stage = "current"  // signs
	Retiring Stage = "retiring" // verifies until its VerifyUntil
)

// Held is one key of a [Set].
type Held struct {
	Name  string // the key's public identity, unique in its set
	Key   Key    // material, kid and algorithm; several keys may share a kid
	Stage Stage  // Pending, Current or Retiring
	// VerifyUntil is the moment from which a retiring key no longer verifies.
	// Zero: no end is known, it verifies until a set comes without it.
	VerifyUntil time.Time
	// SignFrom is the moment from which a current key signs, so that verifiers
	// can get it first; until then the previous key signs. Zero: at once.
	SignFrom time.Time
}

// Set is what is known of the keys of one ring at one moment.
type Set struct {
	// Rev orders sets: a keyring never goes back to a lower one. Zero where no
	// log gave one.
	Rev int64
	// Held are the keys in the order in which they are tried for a token that
	// names none: the current one first, the newest of each stage first.
	Held []Held
	// Gone says why tokens of a kid that no held key has are refused without a
	// look: kid → CodeKeyRetired or CodeKeyRevoked.
	Gone map[string]string
	// Announced are the kids of live keys whose material is not here yet. A
	// token of such a kid causes a look at once; so does, while there is any,
	// one without kid that no held key verifies.
	Announced []string
}

// ErrOlder is returned by [Keyring.Install] for a set whose Rev is lower than
// that of the installed one. There is nothing to do: newer knowledge stays.
var ErrOlder = errors.New("install keys: set is older than the installed one")

// Limits of a set. They bound what one forged token can cost.
const (
	maxHeld  = 64
	maxTried = 4 // keys tried for a token that names none
)

// Check returns an error unless the set is usable: each key has material, its
// own name and a known stage, at most one is current, and there are at most
// 64. A set without keys must say at least which are gone or announced, so
// that an empty answer of a store never disarms a keyring, but the loss of a
// ring's only key to a compromise does.
func (s Set) Check() error {
	if len(s.Held) == 0 && len(s.Gone) == 0 && len(s.Announced) == 0 {
		return errors.New("install keys: set is empty: keep the last one")
	}
	if len(s.Held) > maxHeld {
		return fmt.Errorf("install keys: set has more than %d keys: retire those that no live token needs", maxHeld)
	}
	names := map[string]bool{}
	current := ""
	for _, h := range s.Held {
		switch {
		case h.Name == "":
			return errors.New("install keys: a key has no name")
		case names[h.Name]:
			return fmt.Errorf("install keys: two keys have the name %q", h.Name)
		case h.Key.IsZero():
			return fmt.Errorf("install keys: key %q has no material", h.Name)
		case h.Stage != Pending && h.Stage != Current && h.Stage != Retiring:
			return fmt.Errorf("install keys: key %q has no known stage", h.Name)
		case h.Stage == Current && current != "":
			return fmt.Errorf("install keys: keys %q and %q are both current", current, h.Name)
		}
		names[h.Name] = true
		if h.Stage == Current {
			current = h.Name
		}
	}
	for kid, code := range s.Gone {
		if code != CodeKeyRetired && code != CodeKeyRevoked {
			return fmt.Errorf("install keys: gone kid %q has no known code", kid)
		}
	}
	return nil
}

// live reports whether the key still verifies.
func (h *Held) live(now time.Time) bool {
	return h.Stage != Retiring || h.VerifyUntil.IsZero() || now.Before(h.VerifyUntil)
}

// signer picks the key that signs: the current one from its SignFrom on;
// before, or where there is none, the newest retiring one, which verifies
// anyway; where no other can, the current one after all. Nil: none can.
func (s Set) signer(now time.Time) *Held {
	var current, previous *Held
	for i := range s.Held {
		h := &s.Held[i]
		switch {
		case !h.Key.CanSign():
		case h.Stage == Current:
			current = h
		case h.Stage == Retiring && previous == nil && h.live(now):
			previous = h
		}
	}
	if current == nil || previous != nil && now.Before(current.SignFrom) {
		return previous
	}
	return current
}

// snapshot is a set made ready for verification. It never changes.
type snapshot struct {
	set       Set
	byKID     map[string][]*Held // kid → held keys that have it
	order     []*Held            // for tokens without kid
	announced map[string]bool    // as a set
	kid       string             // of the current key, held or announced; for challenges
}

func newSnapshot(s Set) (*snapshot, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.Held, s.Gone, s.Announced = slices.Clone(s.Held), maps.Clone(s.Gone), slices.Clone(s.Announced)
	n := &snapshot{set: s, byKID: map[string][]*Held{}, announced: map[string]bool{}}
	for i := range s.Held {
		h := &s.Held[i]
		if kid := h.Key.KID(); kid != "" {
			n.byKID[kid] = append(n.byKID[kid], h)
		}
		if h.Stage == Current {
			n.kid = h.Key.KID()
		}
	}
	n.order = kidless(s.Held)
	for _, kid := range s.Announced {
		n.announced[kid] = true
	}
	return n, nil
}

// kidless orders the keys for tokens that name none. Many pending keys must
// not crowd the retiring ones out of the few that are tried.
func kidless(held []Held) []*Held {
	var current, pending, retiring []*Held
	for i := range held {
		switch h := &held[i]; h.Stage {
		case Current:
			current = append(current, h)
		case Pending:
			pending = append(pending, h)
		case Retiring:
			retiring = append(retiring, h)
		}
	}
	first := min(1, len(pending))
	return slices.Concat(current, pending[:first], retiring, pending[first:])
}
