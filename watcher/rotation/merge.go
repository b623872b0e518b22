package rotation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Equal reports whether a and b say the same about a ring, as moves go: the
// same deletion, the same live keys with version, stage and end, the same
// intents to revoke and the same compromised keys. Rev, plan, marker, cause
// and other times don't count.
//
// The functions of this package carry the end of a retiring key along and
// never recompute it, so an end that differs was moved on purpose.
func Equal(a, b State) bool {
	return a.Ring == b.Ring && a.Deleted == b.Deleted &&
		slices.Equal(moves(a.Keys), moves(b.Keys)) &&
		slices.Equal(sorted(a.Revoke), sorted(b.Revoke)) &&
		slices.Equal(compromised(a.Gone), compromised(b.Gone))
}

type move struct {
	name, version string
	stage         Stage
	until         int64 // Unix milliseconds; 0: no end
}

func moves(keys []Key) []move {
	out := make([]move, len(keys))
	for i, k := range keys {
		out[i] = move{name: k.Name, version: k.Version, stage: k.Stage}
		if !k.VerifyUntil.IsZero() {
			out[i].until = k.VerifyUntil.UnixMilli()
		}
	}
	slices.SortFunc(out, func(a, b move) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out
}

func compromised(gone []Gone) []string {
	var names []string
	for _, g := range gone {
		if g.Why == WhyCompromised {
			names = append(names, g.Key)
		}
	}
	slices.Sort(names)
	return names
}

func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return out
}

// Merge returns the one of two states of a ring that holds: the one with the
// greater rev, and among equal revs the one whose encoding is greater
// bytewise. So it is commutative, associative and idempotent, and whoever
// merges all states it hears of ends on the same one, in whatever order they
// came and however often.
func Merge(a, b State) State {
	switch {
	case a.Rev > b.Rev:
		return a
	case b.Rev > a.Rev:
		return b
	case bytes.Compare(canonical(a), canonical(b)) >= 0:
		return a
	}
	return b
}

func canonical(s State) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a time outside the years that JSON can carry; Check refuses such a state
		return fmt.Appendf(nil, "%#v", s)
	}
	return b
}
