package rotation

import (
	"slices"
	"time"
)

// Next compares the last state of a ring with what a look found in its store,
// and returns the state after it. prev is the zero State where nothing is
// known of the ring. now is the time of the look on the log's clock.
//
// Where the look changes nothing that counts ([Equal]), or nothing can be
// concluded from it, prev is returned as it is and Change.Row is empty; the
// alarms and wishes of the Change hold all the same. Otherwise the state
// is complete: its rev is max(prev.Rev+1, now in Unix milliseconds).
func Next(prev State, seen Snapshot, p Policy, now time.Time) (State, Change) {
	if !fits(p.LastSeen) { // nor was it used by the look that saw it
		p.LastSeen = ""
	}
	d := begin(prev, p, instant(now))
	if err := CheckRing(seen.Ring); err != nil || !prev.IsZero() && seen.Ring != prev.Ring {
		d.alarm(alarmForeign, "", "a look at ring %.80q can't tell of ring %.80q: mend the wiring", seen.Ring, prev.Ring)
		return d.nothing()
	}
	l := d.read(seen)
	if !l.recreated && older(l.marker, newest(prev.Seen, p.LastSeen)) {
		return prev, Change{Stale: true}
	}
	next := State{Ring: seen.Ring, Seen: l.marker, Deleted: seen.Deleted, Cause: Cause{By: by(seen.By)}}
	if seen.Deleted {
		return d.deleted(next, seen)
	}
	if !d.signs(l) {
		_, c := d.nothing()
		c.Withheld = l.unread
		return prev, c
	}
	if l.returns() && p.Confirmed != l.current.name {
		return prev, Change{Confirm: l.current.name, Alarms: d.alarms}
	}
	next.Cause.Gap = l.gap(prev, p)
	did := d.place(l, next.Cause.Gap)
	row := d.row(l, did)
	if row == rowReplaced || row == rowKIDReuse {
		d.alarm(alarmReplaced, l.current.name, "key %.80s signs without having been announced: verifiers learn of it only now; add new keys as pending first", l.current.name)
	}
	if row == rowRecreated {
		d.alarm(alarmRecreated, l.current.name, "the secret of ring %s was made anew: keys of the earlier one went at once, and tokens under them fail", next.Ring)
	}
	return d.finish(next, row)
}

func by(who string) string {
	if who == ByHint || who == ByOps {
		return who
	}
	return ByPoll
}

// deleted records that the store says goodbye. Keys stay as they are: what was
// signed must verify until the secret is really gone, and beyond.
func (d *draft) deleted(next State, seen Snapshot) (State, Change) {
	if d.prev.IsZero() {
		d.alarm(alarmUnusable, "", "the secret of ring %s is (scheduled to be) deleted and nothing is known of its keys: restore it, or name another", next.Ring)
		return d.nothing()
	}
	d.alarm(alarmDeleted, "", "the secret of ring %s is (scheduled to be) deleted: its keys are kept; restore it, or name another before the last of them is lost", next.Ring)
	d.keys = slices.Clone(d.prev.Keys)
	row := rowGone
	if len(seen.Keys) > 0 {
		row = rowDeletion
	}
	return d.finish(next, row)
}

// signs reports whether the look names one key that may sign. Where it does
// not, the state stays as it is: a ring never goes without a key.
func (d *draft) signs(l look) bool {
	if l.current == nil {
		if !l.withheld {
			d.alarm(alarmUnusable, "", "the store shows no current key, or more than one: the last known keys are kept; make exactly one key current")
		}
		return false
	}
	cur := *l.current
	switch {
	case l.stays() && cur.leak != "": // alas; to freeze the ring would keep its way out shut
		d.alarm(alarmCompromisedCurrent, cur.name, "current key %.80s holds the material of the compromised key %.80s: turn to a fresh key at once", cur.name, cur.leak)
	case cur.compromised():
		d.alarm(alarmCompromisedCurrent, cur.name, "the store made %.80s current, which holds the material of the compromised key %.80s: nothing was changed; make a fresh key current at once", cur.name, cur.leaked())
		return false
	}
	return !d.refused(l, cur)
}

// refused reports whether StrictKID keeps a new key out.
func (d *draft) refused(l look, s sight) bool {
	if !d.p.StrictKID || !s.isNew() || d.prev.IsZero() || l.recreated {
		return false
	}
	holder := ""
	for _, g := range d.gone {
		if g.KID == s.KID {
			holder = g.Key
		}
	}
	for _, k := range slices.Concat(d.prev.Keys, d.keys) {
		if k.KID == s.KID {
			holder = k.Name
		}
	}
	if holder == "" {
		return false
	}
	d.alarm(alarmRefused, s.name, "key %.80s is refused: its kid %.80q names key %.80s already; give it a kid of its own, or drop kid: {strict: true}", s.name, s.KID, holder)
	return true
}

// row names what happened, the gravest first.
func (d *draft) row(l look, did deeds) string {
	c := l.current
	switch {
	case d.prev.IsZero():
		return rowFirstSight
	case did.leaked:
		return rowCompromised
	case l.recreated:
		return rowRecreated
	case l.returns():
		return rowRolledBack
	case l.moved && c.live != nil:
		return rowPromoted
	case l.moved && slices.ContainsFunc(d.prev.Keys, func(k Key) bool { return k.KID == c.KID }):
		return rowKIDReuse
	case l.moved:
		return rowReplaced
	case d.prev.Deleted:
		return rowRestored
	case did.turned && l.still:
		return rowPreviousFound
	case did.turned:
		return rowRolledBack
	case did.admitted:
		return rowPending
	case did.vanished:
		return rowAbandoned
	}
	return rowReissued
}
