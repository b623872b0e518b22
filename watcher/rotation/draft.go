package rotation

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// maxPending bounds the keys that wait for their turn, so that retiring keys
// always find room in a state.
const maxPending = MaxKeys / 2

// draft is a state in the making. Its lists are its own: it may change them
// while prev stays as it is.
type draft struct {
	prev    State
	p       Policy
	now     time.Time
	keys    []Key
	gone    []Gone
	intents []string        // names of keys to revoke
	shown   map[string]bool // names of gone keys that the store still shows
	alarms  []Alarm
}

// begin drafts a successor of prev that has no keys yet, and remembers the gone.
func begin(prev State, p Policy, now time.Time) *draft {
	return &draft{prev: prev, p: p, now: now, gone: slices.Clone(prev.Gone), intents: slices.Clone(prev.Revoke), shown: map[string]bool{}}
}

func (d *draft) alarm(code, key, format string, args ...any) {
	d.alarms = append(d.alarms, alarmf(code, key, format, args...))
}

// nothing leaves the state as it was.
func (d *draft) nothing() (State, Change) { return d.prev, Change{Alarms: d.alarms} }

// retire lets k verify for as long as tokens under it may live. The end is set
// here, once.
func (d *draft) retire(k Key) {
	k.Stage, k.Since, k.VerifyUntil = Retiring, d.now, d.now.Add(d.p.overlap())
	d.keys = append(d.keys, k)
}

// bury remembers that k is gone. A compromised key stays that.
func (d *draft) bury(k Key, why string) {
	d.gone = slices.DeleteFunc(d.gone, func(g Gone) bool { return g.Key == k.Name })
	d.gone = append(d.gone, k.gone(why))
}

// raise takes a key out of the gone, if it is there.
func (d *draft) raise(name string) {
	d.gone = slices.DeleteFunc(d.gone, func(g Gone) bool { return g.Key == name })
}

// finish makes the draft a state of that row, unless it says the same as prev.
func (d *draft) finish(next State, row string) (State, Change) {
	next.Urgency = Planned
	if row == rowCompromised {
		next.Urgency = Compromise
	}
	var unfit *Alarm
	next.Refresh, unfit = plan(d.p, next.Urgency)
	next.Rev = nextRev(d.prev.Rev, d.now)
	next.Cause.Change = row
	next = d.fill(next)
	d.alarms = append(d.alarms, sharedKIDs(next.Keys)...)
	if unfit != nil {
		d.alarms = append(d.alarms, *unfit)
	}
	if Equal(d.prev, next) {
		return d.nothing()
	}
	return next, Change{Row: row, Type: typeOf[row], Alarms: d.alarms}
}

// fill gives next the lists of the draft, in order and within the caps.
func (d *draft) fill(next State) State {
	next.Keys, next.Gone = d.keys, d.gone
	next.Revoke = revocable(d.intents, next)
	next = normal(next)
	order(next.Keys)
	flagReused(next.Keys)
	d.fit(&next)
	flagReused(next.Keys) // again: what has gone shares no kid any more
	return next
}

// revocable is the intents to revoke that still wait in s: those for its current key.
func revocable(intents []string, s State) []string {
	return slices.DeleteFunc(slices.Clone(intents), func(name string) bool {
		k, live := s.Key(name)
		return !live || k.Stage != Current
	})
}

// order sorts keys: current, then pending, then retiring, each newest first.
func order(keys []Key) {
	slices.SortStableFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(rankAmong(a), rankAmong(b)), b.Since.Compare(a.Since), strings.Compare(a.Name, b.Name))
	})
}

func rankAmong(k Key) int { return slices.Index([]Stage{Current, Pending, Retiring}, k.Stage) }

// flagReused marks the keys that share a kid with another.
func flagReused(keys []Key) {
	count := make(map[string]int, len(keys))
	for _, k := range keys {
		count[k.KID]++
	}
	for i := range keys {
		keys[i].Reused = count[keys[i].KID] > 1
	}
}

// fit keeps the caps. What goes first is what is missed least: the memory of
// retired keys, the retiring key that would end first, the pending key that came
// last. The current key always stays.
func (d *draft) fit(s *State) {
	var early, out []string // names of retiring and pending keys that went
	drop := func(stage Stage) (freed int) {
		name, freed := drop(s, stage)
		switch {
		case freed == 0:
		case stage == Retiring:
			early = append(early, name)
		default:
			out = append(out, name)
		}
		return freed
	}
	pending := 0
	for _, k := range s.Keys {
		if k.Stage == Pending {
			pending++
		}
	}
	for ; pending > maxPending; pending-- {
		drop(Pending)
	}
	for len(s.Keys) > MaxKeys && drop(Retiring) > 0 {
	}
	for len(s.Gone) > MaxGone {
		forget(s, d.shown, true)
	}
	for over := size(*s) - maxState; over > 0; {
		freed := forget(s, d.shown, false)
		if freed == 0 {
			freed = drop(Retiring)
		}
		if freed == 0 {
			freed = drop(Pending)
		}
		if freed == 0 {
			break
		}
		over -= freed
	}
	if n := len(early); n > 0 {
		d.alarm(alarmTooMany, early[n-1], "%d retiring keys went before their time, the last of them %.80s: a state carries %d keys and %d bytes; turn keys less often",
			n, early[n-1], MaxKeys, maxState)
	}
	if n := len(out); n > 0 {
		d.alarm(alarmTooMany, out[n-1], "%d pending keys are left out, the first of them %.80s: a state carries %d of them and %d bytes; take those out of the store that will not sign",
			n, out[n-1], maxPending, maxState)
	}
}

// drop takes the key of that stage out that is missed least, and returns how
// many bytes of the encoded state that saves; 0: there is none.
func drop(s *State, stage Stage) (name string, freed int) {
	least := -1
	for i, k := range s.Keys {
		switch {
		case k.Stage != stage:
		case least < 0,
			stage == Retiring && k.VerifyUntil.Before(s.Keys[least].VerifyUntil),
			stage == Pending && !k.Since.Before(s.Keys[least].Since):
			least = i
		}
	}
	if least < 0 {
		return "", 0
	}
	k := s.Keys[least]
	s.Keys = slices.Delete(s.Keys, least, least+1)
	freed = encoded(k)
	if stage == Retiring {
		g := k.gone(WhyRetired)
		s.Gone = append(s.Gone, g)
		freed -= encoded(g)
	}
	return k.Name, freed
}

// forget drops the oldest gone key, and returns how many bytes that saves: first
// one that the store does not show any more, then any; a compromised one only
// where even those says so and nothing else is left.
func forget(s *State, shown map[string]bool, even bool) (freed int) {
	for _, may := range []func(Gone) bool{
		func(g Gone) bool { return g.Why != WhyCompromised && !shown[g.Key] },
		func(g Gone) bool { return g.Why != WhyCompromised },
		func(Gone) bool { return even },
	} {
		if i := slices.IndexFunc(s.Gone, may); i >= 0 {
			freed = encoded(s.Gone[i])
			s.Gone = slices.Delete(s.Gone, i, i+1)
			return freed
		}
	}
	return 0
}
