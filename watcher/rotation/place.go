package rotation

import (
	"slices"
	"time"
)

// deeds is what placing the keys of a look came to.
type deeds struct {
	leaked   bool // a compromised key went
	turned   bool // a key retires that was current, if at all, while nobody looked
	admitted bool // a new key is pending
	vanished bool // a pending key left before it signed
}

// place gives every key its stage.
func (d *draft) place(l look, gap bool) (did deeds) {
	for _, k := range d.prev.Keys {
		d.carry(k, l, gap, &did)
	}
	if c := l.current; c.live == nil {
		d.raise(c.name)
		d.sign(c.key())
	}
	for _, s := range l.sights {
		if s.live == nil && s.name != l.current.name {
			d.admit(s, l, &did)
		}
	}
	d.sweep(l, &did)
	return did
}

// carry places a key that the state knew.
func (d *draft) carry(k Key, l look, gap bool, did *deeds) {
	s, shown := l.sight(k.Name)
	if shown {
		k.Version = s.Version
	}
	switch {
	case k.Name == l.current.name:
		d.sign(k)
	case d.prev.Revoked(k.Name):
		did.leaked = true
		d.bury(k, WhyCompromised)
	case l.recreated && !shown:
		d.bury(k, WhyRetired)
	case k.Stage == Current:
		d.retire(k)
	case k.Stage == Retiring: // until its end, whatever its label
		d.keys = append(d.keys, k)
	case shown && s.signed(), !shown && gap: // it may have signed while nobody looked
		did.turned = true
		d.retire(k)
	case shown && s.Stage != Retiring:
		d.keys = append(d.keys, k)
	default:
		did.vanished = true
		d.bury(k, WhyAbandoned)
	}
}

// admit places a key that the state did not hold live, other than the current one.
func (d *draft) admit(s sight, l look, did *deeds) {
	if s.gone != nil {
		d.shown[s.name] = true
	}
	if s.compromised() && s.Stage == Pending {
		d.alarm(alarmCompromisedPending, s.name, "the store shows %.80s as pending, which holds the material of the compromised key %.80s: it stays out; take it out of the store", s.name, s.leaked())
	}
	if s.compromised() || s.dead() || s.idle() || d.refused(l, s) {
		return
	}
	d.raise(s.name)
	k := s.key()
	if s.Stage == Retiring {
		did.turned = true
		d.retire(k)
		return
	}
	did.admitted = true
	k.Stage, k.Since, k.Logged = Pending, d.now, d.now
	d.keys = append(d.keys, k)
}

// sign makes k current. It may sign once it has stood in the log for a while,
// so a key that verifiers did not hold until now is logged as of now.
func (d *draft) sign(k Key) {
	if k.Stage != Current {
		k.Stage, k.Since = Current, d.now
	}
	k.VerifyUntil = time.Time{}
	if k.Logged.IsZero() {
		k.Logged = d.now
	}
	d.keys = append(d.keys, k)
}

// sweep drops every key but the current one that holds the material of a
// compromised key under another kid: whoever has the one has the other.
func (d *draft) sweep(l look, did *deeds) {
	leaked := make(map[Print]bool)
	for _, g := range d.gone {
		if p := l.prints[g.Key]; p != "" && g.Why == WhyCompromised {
			leaked[p] = true
		}
	}
	for _, k := range slices.Clone(d.keys) {
		if k.Stage == Current || !leaked[l.prints[k.Name]] {
			continue
		}
		did.leaked = true
		d.keys = slices.DeleteFunc(d.keys, func(o Key) bool { return o.Name == k.Name })
		d.bury(k, WhyCompromised)
	}
}
