package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Extend pushes the end of a retiring key back to until: to hold it on purpose,
// or because a token outlives what the ring claims. It never brings an end
// forward. A key that does not retire has no end: prev is returned and
// Change.Row is empty, as for an end that is late enough.
//
// The error tells that the key is not live, or that until is more than
// [MaxHold] away.
func Extend(prev State, key string, until, now time.Time) (State, Change, error) {
	now, until = instant(now), instant(until.Add(time.Millisecond-1)) // rounded up: no token is cut short
	i := slices.IndexFunc(prev.Keys, func(k Key) bool { return k.Name == key })
	switch {
	case i < 0:
		return prev, Change{}, fmt.Errorf("extend key %.80q of ring %s: it is not live; live are %s", key, prev.Ring, names(prev))
	case until.After(now.Add(MaxHold)):
		return prev, Change{}, fmt.Errorf("extend key %.80q of ring %s: %s is more than %s away", key, prev.Ring, until.Format(time.RFC3339), MaxHold)
	case prev.Keys[i].Stage != Retiring, !until.After(prev.Keys[i].VerifyUntil):
		return prev, Change{}, nil
	}
	next := normal(prev)
	next.Keys[i].VerifyUntil = until
	next.Rev = nextRev(prev.Rev, now)
	next.Urgency = Planned
	next.Cause = Cause{By: ByOps, Change: rowExtended}
	return next, Change{Row: rowExtended, Type: typeOf[rowExtended]}, nil
}
