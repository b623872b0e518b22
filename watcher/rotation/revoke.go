package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Revoke writes down that a key has leaked.
//
// For the current key it is an intent: stages stay as they are, and the key goes
// the moment current leaves it ([Next]), without ever retiring. Any other key is
// gone at once; one that is gone already will never come back. Where all that
// is written down already, prev is returned and Change.Row is empty.
//
// The error tells that the ring does not know the key, or that it remembers
// as many leaked keys as a state may carry.
func Revoke(prev State, key string, p Policy, now time.Time) (State, Change, error) {
	d := begin(prev, p, instant(now))
	d.keys = slices.Clone(prev.Keys)
	gone := slices.IndexFunc(prev.Gone, func(g Gone) bool { return g.Key == key })
	k, live := prev.Key(key)
	switch {
	case !live && gone < 0:
		return prev, Change{}, fmt.Errorf("revoke key %.80q of ring %s: no such key; it knows %s", key, prev.Ring, names(prev))
	case live && prev.Revoked(key), gone >= 0 && prev.Gone[gone].Why == WhyCompromised:
		return prev, Change{}, nil
	case len(compromised(prev.Gone))+len(prev.Revoke) >= maxCompromised:
		return prev, Change{}, fmt.Errorf("revoke key %.80q of ring %s: it remembers %d leaked keys already, and may forget none; move to a new ring", key, prev.Ring, maxCompromised)
	}
	row := rowCompromised
	switch {
	case !live:
		d.bury(prev.Gone[gone].key(), WhyCompromised)
	case k.Stage == Current:
		row = rowRevoke
		d.intents = append(d.intents, key)
	default:
		d.keys = slices.DeleteFunc(d.keys, func(o Key) bool { return o.Name == key })
		d.bury(k, WhyCompromised)
	}
	s, c := d.follow(row, ByOps)
	return s, c, nil
}

func names(s State) string {
	var all []string
	for _, k := range s.Keys {
		all = append(all, k.Name)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
