package rotation

import (
	"slices"
	"strconv"
)

// A key is the triple of kid, algorithm and material. The state knows kid,
// algorithm and the version of the store that holds the material; whether
// another version holds the same material only the prints of a look can tell.

// sight is one key that a look shows, matched with what the state knows.
type sight struct {
	Seen
	name string // the key's public name; for a new key the name it gets
	live *Key   // it is this live key
	gone *Gone  // or this gone one; both nil: a new key
	leak string // name of the compromised key, or the one to be revoked, whose material it holds
}

// isNew reports whether the state did not know the key.
func (s sight) isNew() bool { return s.live == nil && s.gone == nil }

// compromised reports whether the sight is a key that must never come back.
func (s sight) compromised() bool {
	return s.leak != "" || s.gone != nil && s.gone.Why == WhyCompromised
}

// dead reports whether the sight stays out unless it is current.
func (s sight) dead() bool { return s.gone != nil && s.gone.Why != WhyAbandoned }

// idle reports whether the sight is a member of a previous value that did not
// sign: in the value that the state names another member was the active one.
func (s sight) idle() bool {
	return s.Stage == Retiring && s.Several &&
		(s.live != nil && s.live.Stage == Pending && s.Version == s.live.Version ||
			s.gone != nil && s.gone.Why == WhyAbandoned && s.Version == s.gone.Version)
}

// signed reports whether a key that never signed here must have done so since:
// the store calls it previous.
func (s sight) signed() bool {
	return s.Stage == Retiring && !s.dead() && !s.idle() && (s.live == nil || s.live.Stage == Pending)
}

// leaked is the name of the key whose material leaked.
func (s sight) leaked() string {
	if s.leak != "" {
		return s.leak
	}
	return s.name
}

// key is the sight as a key of a state, without stage and times.
func (s sight) key() Key {
	return Key{Name: s.name, KID: s.KID, Version: s.Version, Algorithm: s.Algorithm}
}

// identify matches every readable key of a look with the state. Keys that the
// look shows under several versions come once, with their strongest stage.
// Keys whose value can't be read are matched by version; those that match
// nothing are returned as unreadable.
func identify(prev State, seen Snapshot, prints map[string]Print) (sights []sight, unreadable []Seen) {
	for _, s := range seen.Keys {
		if s.Print == "" {
			found := unread(prev, s)
			if found == nil {
				unreadable = append(unreadable, s)
			}
			for _, f := range found {
				sights = join(sights, f)
			}
			continue
		}
		sights = join(sights, match(prev, prints, s))
	}
	name(prev, sights)
	return sights, unreadable
}

// printsOf gathers the prints by name of key: what the look remembers, and what
// it read of the very versions that the state names.
func printsOf(prev State, seen Snapshot) map[string]Print {
	prints := make(map[string]Print, len(seen.Known)+len(seen.Keys))
	for name, p := range seen.Known {
		if p != "" {
			prints[name] = p
		}
	}
	for _, s := range seen.Keys {
		if s.Print == "" {
			continue
		}
		for _, k := range prev.Keys {
			if _, known := prints[k.Name]; !known && k.Version == s.Version && k.KID == s.KID {
				prints[k.Name] = s.Print
			}
		}
		for _, g := range prev.Gone {
			if _, known := prints[g.Key]; !known && g.Version != "" && g.Version == s.Version && g.KID == s.KID {
				prints[g.Key] = s.Print
			}
		}
	}
	return prints
}

// holds reports whether s is k going by the store's own names.
func holds(k Key, s Seen) bool {
	return k.Version == s.Version && k.KID == s.KID && k.Algorithm == s.Algorithm
}

// held is holds for a gone key, of which less may be remembered.
func held(g Gone, s Seen) bool {
	return g.Version != "" && g.Version == s.Version &&
		(g.KID == s.KID || g.KID == "" && !s.Several) && (g.Algorithm == s.Algorithm || g.Algorithm == "")
}

func match(prev State, prints map[string]Print, s Seen) sight {
	out := sight{Seen: s}
	other := func(name string) bool { p, known := prints[name]; return known && p != s.Print }
	same := func(name string) bool { return prints[name] == s.Print }

	for i := range prev.Keys { // by version first: it needs no print
		if k := &prev.Keys[i]; holds(*k, s) && !other(k.Name) {
			out.live = k
			break
		}
	}
	for i := range prev.Keys {
		if k := &prev.Keys[i]; out.live == nil && k.KID == s.KID && k.Algorithm == s.Algorithm && same(k.Name) {
			out.live = k
		}
	}
	for i := range prev.Gone {
		g := &prev.Gone[i]
		if out.live == nil && out.gone == nil && (held(*g, s) && !other(g.Key) || g.KID == s.KID && g.Algorithm == s.Algorithm && same(g.Key)) {
			out.gone = g
		}
	}
	// The value of a leaked key is the same leak under another kid. Where there is no print to compare, its version tells.
	leak := func(name, version string) bool {
		_, known := prints[name]
		return same(name) || !known && version == s.Version && !s.Several && out.live == nil
	}
	for _, g := range prev.Gone {
		if g.Why == WhyCompromised && leak(g.Key, g.Version) {
			out.leak = g.Key
		}
	}
	for _, name := range prev.Revoke {
		if k, live := prev.Key(name); live && (out.live == nil || out.live.Name != name) && leak(name, k.Version) {
			out.leak = name
		}
	}
	return out
}

// unread matches a version whose value could not be read with the live keys
// that it is known to hold. A current version that holds several keys, none of
// them the current one, doesn't tell which of them signs: nil.
func unread(prev State, s Seen) []sight {
	var found []sight
	hasCurrent := false
	for i := range prev.Keys {
		k := &prev.Keys[i]
		if k.Version != s.Version || s.KID != "" && k.KID != s.KID {
			continue
		}
		shown := Seen{Version: k.Version, KID: k.KID, Several: s.Several, Stage: s.Stage, Algorithm: k.Algorithm}
		hasCurrent = hasCurrent || k.Stage == Current
		found = append(found, sight{Seen: shown, live: k})
	}
	if s.Stage != Current || len(found) < 2 {
		return found
	}
	if !hasCurrent {
		return nil
	}
	for i := range found {
		found[i].Stage = found[i].live.Stage
	}
	return found
}

// rank orders the labels of one key: the strongest holds.
func rank(s Stage) int { return slices.Index([]Stage{Retiring, Pending, Current}, s) }

// join adds a sight, or folds it into the earlier sight of the same key. Of two
// equal labels the one on the version that the state names holds.
func join(sights []sight, s sight) []sight {
	for i, o := range sights {
		same := o.live != nil && o.live == s.live || o.gone != nil && o.gone == s.gone ||
			o.isNew() && s.isNew() && o.KID == s.KID && o.Algorithm == s.Algorithm && o.Print == s.Print
		if !same {
			continue
		}
		stays := s.live != nil && s.Version == s.live.Version
		if rank(s.Stage) > rank(o.Stage) || s.Stage == o.Stage && stays {
			sights[i] = s
		}
		return sights
	}
	return append(sights, s)
}

// name gives every sight its public name. A new key's is the version it is
// first seen in, made longer only where that is another key's name already.
func name(prev State, sights []sight) {
	taken := make(map[string]bool, len(prev.Keys)+len(prev.Gone)+len(sights))
	for _, k := range prev.Keys {
		taken[k.Name] = true
	}
	for _, g := range prev.Gone {
		taken[g.Key] = true
	}
	for i := range sights {
		s := &sights[i]
		switch {
		case s.live != nil:
			s.name = s.live.Name
		case s.gone != nil:
			s.name = s.gone.Key
		default:
			s.name = s.Name()
			if taken[s.name] {
				s.name = s.Version + "/" + s.KID
			}
			for n, base := 2, s.name; taken[s.name]; n++ {
				s.name = base + "~" + strconv.Itoa(n)
			}
			taken[s.name] = true
		}
	}
}
