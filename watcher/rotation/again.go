package rotation

import (
	"slices"
	"time"
)

// Again brings back what a log has lost. remembered is the newest state that
// this process knows of, head what the log holds now: the zero State where it
// holds none. Call it after every read of the head, before [Next].
//
// A head that is missing or has the lower rev was wiped or restored: the
// remembered state follows it under a new rev. A head with the greater rev
// holds, but where it was written by someone who had forgotten more than this
// process has: what no successor of the remembered state may lack is added to
// it, namely revoked and compromised keys, and retiring keys whose time is not
// over. Where nothing is lost head is returned and Change.Row is empty.
func Again(remembered, head State, now time.Time) (State, Change) {
	now = instant(now)
	base, lost, row := head, remembered, ""
	if head.Rev < remembered.Rev {
		base, lost, row = remembered, head, rowRefilled
	}
	if base.IsZero() || !lost.IsZero() && lost.Ring != base.Ring {
		return head, Change{}
	}
	d := begin(base, Policy{}, now)
	d.keys = slices.Clone(base.Keys)
	d.intents = slices.Clone(base.Revoke)
	added, leaked := d.recall(lost)
	switch {
	case leaked:
		row = rowCompromised
	case added:
		row = rowRefilled
	case row == "":
		return head, Change{}
	}
	next := base
	next.Rev = nextRev(max(head.Rev, remembered.Rev), now)
	next.Cause = Cause{By: ByPoll, Change: row}
	if leaked {
		next.Urgency, next.Refresh.AfterMs = Compromise, 0
	}
	return d.fill(next), Change{Row: row, Type: typeOf[row]}
}

// recall adds to the draft what a lost state knew for good. leaked: a live key went.
func (d *draft) recall(lost State) (added, leaked bool) {
	for _, g := range lost.Gone {
		if g.Why == WhyCompromised {
			a, l := d.condemn(g.key())
			added, leaked = added || a, leaked || l
		}
	}
	for _, name := range lost.Revoke {
		if k, live := lost.Key(name); live {
			a, l := d.condemn(k)
			added, leaked = added || a, leaked || l
		}
	}
	for _, k := range lost.Keys {
		if k.Stage == Retiring && d.now.Before(k.VerifyUntil) && !d.knows(k.Name) && len(d.keys) < MaxKeys {
			added = true
			d.keys = append(d.keys, k)
		}
	}
	return added, leaked
}

// condemn makes sure that a leaked key is on its way out, or out for good.
func (d *draft) condemn(k Key) (added, leaked bool) {
	if slices.Contains(d.intents, k.Name) || slices.ContainsFunc(d.gone, func(g Gone) bool { return g.Key == k.Name && g.Why == WhyCompromised }) {
		return false, false
	}
	i := slices.IndexFunc(d.keys, func(o Key) bool { return o.Name == k.Name })
	switch {
	case i >= 0 && d.keys[i].Stage == Current: // it signs: it can only go when another does
		d.intents = append(d.intents, k.Name)
		return true, false
	case i >= 0:
		k = d.keys[i]
		d.keys = slices.Delete(d.keys, i, i+1)
		leaked = true
	}
	d.bury(k, WhyCompromised)
	return true, leaked
}

// knows reports whether the draft has the key, live or gone.
func (d *draft) knows(name string) bool {
	return slices.ContainsFunc(d.keys, func(k Key) bool { return k.Name == name }) ||
		slices.ContainsFunc(d.gone, func(g Gone) bool { return g.Key == name })
}
