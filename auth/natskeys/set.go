package natskeys

import (
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// value is the material of a key, and the version it was read from.
type value struct {
	key     auth.Key
	version string
}

// added is a key that labels show and no state of the log has.
type added struct {
	key   rotation.Key
	in    rotation.State // the state that the labels amount to; see Store.Value
	until time.Time      // counts until then
}

// wanted is a live key of which no value is held, or one of another version.
type wanted struct {
	key  rotation.Key
	in   rotation.State
	held bool // the value of an earlier version is held meanwhile
}

// picture is all that decides about a set. It is a value.
type picture struct {
	state     rotation.State // of the log, or what labels amount to
	labels    bool           // state comes from labels: no log has spoken yet
	added     map[string]added
	values    map[string]value // key name → material
	signAfter time.Duration
	labelLag  time.Duration // how late others may read a label
}

// set returns the keys of the picture, and those that are to be fetched. Keys
// past their time are not: nothing they signed is good any more.
func (p picture) set(now time.Time) (auth.Set, []wanted) {
	var s auth.Set
	if !p.labels {
		s.Rev = p.state.Rev
	}
	var want []wanted
	live := map[string]bool{} // kids
	hold := func(k rotation.Key, in rotation.State) {
		v, ok := p.values[k.Name]
		if (!ok || v.version != k.Version) && !over(k, now) {
			want = append(want, wanted{key: k, in: in, held: ok})
		}
		if k.KID != "" && !over(k, now) {
			live[k.KID] = true
			if !ok {
				s.Announced = append(s.Announced, k.KID)
			}
		}
		if ok {
			s.Held = append(s.Held, auth.Held{
				Name: k.Name, Key: v.key, Stage: auth.Stage(k.Stage),
				VerifyUntil: k.VerifyUntil, SignFrom: p.signFrom(k),
			})
		}
	}
	for _, k := range p.state.Keys {
		hold(k, p.state)
	}
	for _, a := range p.added {
		if _, ok := p.state.Key(a.key.Name); !ok && now.Before(a.until) && !gone(p.state, a.key) {
			hold(a.key, a.in)
		}
	}
	s.Gone = goneKIDs(p.state, live)
	return s, want
}

// over reports whether a key no longer verifies anything.
func over(k rotation.Key, now time.Time) bool {
	return k.Stage == rotation.Retiring && !k.VerifyUntil.IsZero() && !now.Before(k.VerifyUntil)
}

// signFrom is the first moment at which a current key signs, if an earlier one
// can until then. A key needs to have stood in the log for signAfter, so that
// every verifier has it by then; while there is no log, others learn of it by
// their own look at the labels. In a compromise nothing is worth waiting for.
func (p picture) signFrom(k rotation.Key) time.Time {
	switch {
	case k.Stage != rotation.Current || p.state.Urgency == rotation.Compromise:
		return time.Time{}
	case p.labels:
		return k.Since.Add(p.labelLag + p.signAfter)
	case k.Logged.IsZero():
		return time.Time{}
	}
	return k.Logged.Add(p.signAfter)
}

// gone reports whether the log says that a key which labels show is to stay out.
func gone(s rotation.State, k rotation.Key) bool {
	for _, g := range s.Gone {
		if g.Key == k.Name || g.Version != "" && g.Version == k.Version && g.KID == k.KID {
			return true
		}
	}
	return false
}

// goneKIDs tells of each kid that only dead keys have how tokens of it are
// refused. A key that was abandoned before it signed may come back: tokens of
// its kid are worth a look.
func goneKIDs(s rotation.State, live map[string]bool) map[string]string {
	codes := map[string]string{}
	for _, g := range s.Gone {
		switch {
		case g.KID == "" || live[g.KID]:
		case g.Why == rotation.WhyCompromised:
			codes[g.KID] = auth.CodeKeyRevoked
		case g.Why == rotation.WhyRetired && codes[g.KID] == "":
			codes[g.KID] = auth.CodeKeyRetired
		}
	}
	return codes
}
