package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// ErrRefused says that a rotation was refused before anything was changed.
var ErrRefused = errors.New("rotation refused")

// ErrVerifiers says that a verifier which reports does not hold the new key,
// which for that reason was not made current.
var ErrVerifiers = errors.New("a verifier lacks the new key")

// compromiseWait is all that verifiers get when the old key has leaked.
const compromiseWait = time.Second

// plan is what a rotation starts from.
type plan struct {
	from    rotation.Key
	pending string // name of a key that is pending already; "": a fresh one will be made
	revoked bool   // the intent to revoke from stands in the log already
}

// planFor decides whether the ring can be turned, and from where.
func planFor(s watcher.Status, r Request) (plan, error) {
	refuse := func(format string, args ...any) (plan, error) {
		return plan{}, fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
	}
	st := s.Head
	from, ok := st.Current()
	switch {
	case s.Error != "":
		return refuse("the ring is degraded, so that nobody would see the turn: %s", s.Error)
	case st.IsZero() || !ok:
		return refuse("the ring has no current key yet: see what keyturn check says")
	case r.Key != "" && r.Key != from.Name:
		return refuse("key %.80q is meant, and %s; key %s is current now: if that one is to be turned, name it", r.Key, fate(st, r.Key), from.Name)
	case st.Deleted:
		return refuse("the secret is deleted, or will be: restore it first")
	case st.Revoked(from.Name) && !r.Compromise:
		return refuse("key %s is being revoked: finish that with --compromise", from.Name)
	}
	p := plan{from: from, revoked: st.Revoked(from.Name)}
	for _, k := range st.Keys {
		if k.Stage == rotation.Pending && !st.Revoked(k.Name) && (r.Pending == "" || r.Pending == k.Name) {
			p.pending = k.Name
			break
		}
	}
	if r.Pending != "" && p.pending == "" {
		return refuse("key %.80q is to be turned to, and %s", r.Pending, fate(st, r.Pending))
	}
	return p, nil
}

// fate says what has become of a key that is not current.
func fate(st rotation.State, key string) string {
	if k, live := st.Key(key); live {
		return "it is " + string(k.Stage)
	}
	for _, g := range st.Gone {
		if g.Key == key {
			return "it is gone already, " + g.Why
		}
	}
	return "no such key is known"
}

// wait returns how long verifiers may take.
func (r Request) wait() time.Duration {
	d := r.VerifierWait
	if d <= 0 {
		d = DefaultVerifierWait
	}
	if r.Compromise {
		d = min(d, compromiseWait)
	}
	return d
}

// outline tells what a rotation would do from here.
func (p plan) outline(d Deps, r Request) []Step {
	var out []Step
	say := func(name, format string, args ...any) {
		out = append(out, Step{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	if storeTurns(d.Store) {
		return p.storeOutline(d, r)
	}
	if p.pending != "" {
		say(StepPrepare, "would take key %s, which is pending already", p.pending)
	} else {
		say(StepPrepare, "would put a fresh %s key into the store, pending", p.from.Algorithm)
	}
	switch {
	case r.Compromise && p.revoked:
		say(StepRevoke, "key %s is being revoked already", p.from.Name)
	case r.Compromise:
		say(StepRevoke, "would write down that key %s goes when current leaves it", p.from.Name)
	}
	say(StepVerifiers, "would wait until the verifiers hold the new key, at most %v", r.wait())
	if r.Compromise {
		say(StepPromote, "would make the new key current and take key %s out of the store", p.from.Name)
		say(StepRecord, "key %s would be gone everywhere; tokens under it fail, and clients refresh", p.from.Name)
	} else {
		say(StepPromote, "would make the new key current and key %s previous", p.from.Name)
		say(StepRecord, "key %s would verify until the tokens it signed have ended", p.from.Name)
	}
	if !d.External {
		say(StepSign, "would wait until the new key signs")
	}
	return out
}

// roll is what the verifiers' rows say of one key.
type roll struct {
	reported int
	lacking  []string // instances, with why, that do not hold the key
	signing  int      // instances that sign with it
	others   int      // instances that sign with another
}

// callRoll reads rows of a ring for one key. Rows of other rings don't count.
func callRoll(rows []rotation.VerifierRow, ring, key string) roll {
	var c roll
	for _, row := range rows {
		if row.Ring != ring {
			continue
		}
		c.reported++
		switch row.Signs {
		case key:
			c.signing++
		case "":
		default:
			c.others++
		}
		if slices.Contains(row.Keys, key) {
			continue
		}
		why := ""
		if row.Error != "" {
			why = " (" + row.Error + ")"
		}
		c.lacking = append(c.lacking, row.Instance+why)
	}
	slices.Sort(c.lacking)
	return c
}

// ready reports whether all who report hold the key, and somebody reports.
func (c roll) ready() bool { return c.reported > 0 && len(c.lacking) == 0 }

// signs reports whether all who sign, sign with the key, and somebody does.
func (c roll) signs() bool { return c.signing > 0 && c.others == 0 }

// pendingOf returns the state's pending key of that kid.
func pendingOf(st rotation.State, kid string) (rotation.Key, bool) {
	for _, k := range st.Keys {
		if k.KID == kid && k.Stage == rotation.Pending && !st.Revoked(k.Name) {
			return k, true
		}
	}
	return rotation.Key{}, false
}

// alarms joins what a person should see to, for an error.
func alarms(s watcher.Status) string {
	var texts []string
	for _, a := range s.Alarms {
		texts = append(texts, a.Text)
	}
	if s.Error != "" {
		texts = append(texts, s.Error)
	}
	if len(texts) == 0 {
		return "look at the daemon's status"
	}
	return strings.Join(texts, "; ")
}
