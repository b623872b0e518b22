package rotation

import "slices"

// look is a snapshot as far as it can be believed, held against the last state.
type look struct {
	marker    string           // Snapshot.Seen
	sights    []sight          // readable keys, each once
	prints    map[string]Print // name of a known key → its print
	current   *sight           // the one the store calls current; nil: none, or more than one
	withheld  bool             // the current key is there and can't be read or carried: alarmed already
	unread    bool             // likewise, because its value can't be read
	recreated bool             // the secret is another one under the same name
	moved     bool             // current is another key than in the state
	still     bool             // the store has not been written since the state: only what can be read changed
}

// read matches a snapshot with the state, and raises an alarm for everything in it
// that can't be used.
func (d *draft) read(seen Snapshot) look {
	prev := d.prev
	l := look{recreated: seen.Recreated && !prev.IsZero() && !shows(seen, prev.Keys)}
	switch {
	case seen.Seen == "":
	case fits(seen.Seen):
		l.marker = seen.Seen
	default:
		d.alarm(alarmMalformed, "", "the store's change marker %.40q is not used: want at most %d printable bytes", seen.Seen, MaxString)
	}
	l.still = l.marker != "" && l.marker == prev.Seen
	if l.recreated { // the memory of another secret says nothing about this one
		prev.Gone = slices.DeleteFunc(slices.Clone(prev.Gone), func(g Gone) bool { return g.Why != WhyCompromised })
		d.gone = prev.Gone
	}
	if seen.Deleted { // values can't be read any more; that says nothing about keys
		return l
	}
	seen.Keys = slices.DeleteFunc(slices.Clone(seen.Keys), func(s Seen) bool {
		if rank(s.Stage) < 0 {
			d.alarm(alarmMalformed, "", "version %.80q of the store is left out: its stage %.40q is none of pending, current and retiring", s.Version, s.Stage)
		}
		return rank(s.Stage) < 0
	})
	l.prints = printsOf(prev, seen)
	sights, unreadable := identify(prev, seen, l.prints)
	for _, s := range unreadable {
		l.unread = l.unread || s.Stage == Current
		d.unread(s)
	}
	l.withheld = l.unread
	for _, s := range sights {
		if !(fits(s.name) && fits(s.KID) && fits(s.Version) && fits(s.Algorithm)) {
			l.withheld = l.withheld || s.Stage == Current
			d.alarm(alarmMalformed, "", "key %.80q of the store is left out: its name, kid, version and algorithm want 1 to %d printable bytes each", s.name, MaxString)
			continue
		}
		l.sights = append(l.sights, s)
	}
	l.choose(prev)
	return l
}

// shows reports whether the look has any of the versions that the keys name.
func shows(seen Snapshot, keys []Key) bool {
	return slices.ContainsFunc(seen.Keys, func(s Seen) bool {
		return slices.ContainsFunc(keys, func(k Key) bool { return k.Version == s.Version })
	})
}

// unread raises the alarm for a version that can't be read and that no live key names.
func (d *draft) unread(s Seen) {
	switch {
	case slices.ContainsFunc(d.gone, func(g Gone) bool { return g.Version == s.Version }) && s.Stage != Current:
	case s.Stage == Pending:
		d.alarm(alarmStarted, "", "pending version %.80q has no value that can be read yet: a rotation has begun; if this lasts, see to whoever began it", s.Version)
	default:
		d.alarm(alarmUnreadable, "", "the value of %s version %.80q can't be read: grant the permission to read and decrypt it", s.Stage, s.Version)
	}
}

// choose finds the current key.
func (l *look) choose(prev State) {
	for i := range l.sights {
		s := &l.sights[i]
		if s.Stage != Current {
			continue
		}
		if l.current != nil { // two: not to be believed
			l.current = nil
			return
		}
		l.current = s
	}
	if l.withheld {
		l.current = nil
	}
	was, _ := prev.Current()
	l.moved = !prev.IsZero() && l.current != nil && was.Name != l.current.name
}

// sight returns the sight of a live key.
func (l look) sight(name string) (sight, bool) {
	for _, s := range l.sights {
		if s.live != nil && s.name == name {
			return s, true
		}
	}
	return sight{}, false
}

// stays reports whether the current key is the one that signs already.
func (l look) stays() bool { return l.current.live != nil && l.current.live.Stage == Current }

// returns reports whether current was handed back to an earlier key. A stale
// look shows just that, so one look alone is no proof.
func (l look) returns() bool {
	c := l.current
	return l.moved && !l.recreated &&
		(c.live != nil && c.live.Stage == Retiring || c.gone != nil && c.gone.Why == WhyRetired)
}

// gap reports whether the look tells of a change before it that nobody saw.
//
// A counter tells by itself. Else the earlier keys tell: one that was never
// current here must have been so in between, and a current key that leaves
// without becoming the previous one has been followed by another.
func (l look) gap(prev State, p Policy) bool {
	if prev.IsZero() || l.recreated {
		return false
	}
	was, _ := prev.Current()
	revoked := l.moved && prev.Revoked(was.Name)
	from := newest(prev.Seen, p.LastSeen)
	a, okA := counter(from)
	b, okB := counter(l.marker)
	switch {
	case okA && okB && b == a+1:
		return false
	case okA && okB && b > a+1 && !revoked: // a revoked key is taken out of the store by a write of its own
		return true
	}
	previous := false
	for _, s := range l.sights {
		if s.Stage != Retiring || s.compromised() {
			continue
		}
		previous = true
		if s.signed() && (s.live != nil || !l.still) {
			return true
		}
	}
	_, shown := l.sight(was.Name)
	return l.moved && previous && !shown && !revoked
}
