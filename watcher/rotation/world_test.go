package rotation_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// world is a store that people turn keys in, a log, and watchers between them.
type world struct {
	t      *testing.T
	r      *rand.Rand
	now    time.Time
	marker func(w *world) string
	n      int // keys and versions made so far

	keys    []rotation.Seen // as the store holds them
	serial  int
	values  map[string]rotation.Print // version → its material, of all versions ever
	history []rotation.Snapshot       // every value that a stale look may show

	head     rotation.State
	newest   rotation.State   // the newest head ever
	copies   []rotation.State // older heads, as a backup holds them
	maxRev   int64
	appended int
	watchers []*process

	left    map[string]time.Time // key → when a state first showed it not current any more, having been so
	revoked map[string]bool      // key → its leak was written down
	dead    map[string]bool      // key → some state called it compromised
	trail   []string
}

// process is one watcher.
type process struct {
	remembered rotation.State
	known      map[string]rotation.Print
	lastSeen   string
	confirm    string
}

// markers are the ways in which stores tell of their age.
var markers = map[string]func(w *world) string{
	"counter": func(w *world) string { return fmt.Sprint(w.serial) },
	"time":    func(w *world) string { return w.now.Format("2006-01-02T15:04:05.000Z") },
	"none":    func(*world) string { return "" },
}

func create(t *testing.T, r *rand.Rand, marker string, watchers int) *world {
	w := &world{t: t, r: r, now: start, marker: markers[marker], values: map[string]rotation.Print{}, left: map[string]time.Time{}, revoked: map[string]bool{}, dead: map[string]bool{}}
	for range watchers {
		w.watchers = append(w.watchers, &process{known: map[string]rotation.Print{}})
	}
	w.keys = []rotation.Seen{w.fresh(rotation.Current)}
	w.written("create")
	return w
}

func (w *world) note(format string, args ...any) {
	w.trail = append(w.trail, w.now.Format("02T15:04:05 ")+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trail[max(0, len(w.trail)-25):] {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

func (w *world) fresh(stage rotation.Stage) rotation.Seen {
	w.n++
	return entry(fmt.Sprintf("k%d", w.n), stage)
}

func (w *world) version() string {
	w.n++
	return fmt.Sprintf("v%d", w.n)
}

func (w *world) written(what string) {
	w.serial++
	for _, k := range w.keys {
		w.values[k.Version] = k.Print
	}
	l := look(w.marker(w), slices.Clone(w.keys)...)
	w.history = append(w.history, l)
	w.note("store: %s → %s", what, describe(w.keys))
}

func describe(keys []rotation.Seen) (s string) {
	for _, k := range keys {
		s += fmt.Sprintf("%s/%s %s, ", k.Version, k.KID, k.Stage)
	}
	return s
}

func (w *world) find(stage rotation.Stage) int {
	return slices.IndexFunc(w.keys, func(s rotation.Seen) bool { return s.Stage == stage })
}

func (w *world) remove(stage rotation.Stage) {
	w.keys = slices.DeleteFunc(w.keys, func(s rotation.Seen) bool { return s.Stage == stage })
}

// take makes a key current: the current one becomes previous, the previous one loses its label.
func (w *world) take(k rotation.Seen) {
	w.keys = slices.DeleteFunc(w.keys, func(s rotation.Seen) bool { return s.Version == k.Version || s.Stage == rotation.Retiring })
	if i := w.find(rotation.Current); i >= 0 {
		w.keys[i].Stage = rotation.Retiring
	}
	k.Stage = rotation.Current
	w.keys = append([]rotation.Seen{k}, w.keys...)
}

// turn does one thing to the store.
func (w *world) turn() {
	current := w.keys[w.find(rotation.Current)]
	pending, previous := w.find(rotation.Pending), w.find(rotation.Retiring)
	what := w.r.IntN(11)
	switch {
	case what <= 1 && pending < 0:
		w.keys = append(w.keys, w.fresh(rotation.Pending))
		w.written("prepare")
	case what <= 3 && pending >= 0:
		w.take(w.keys[pending])
		w.written("promote")
	case what == 4:
		w.take(w.fresh(rotation.Current))
		w.written("replace")
	case what == 5 && previous >= 0:
		w.take(w.keys[previous])
		w.written("roll back")
	case what == 6 && pending >= 0:
		w.remove(rotation.Pending)
		w.written("abandon")
	case what == 7 && previous >= 0:
		w.remove(rotation.Retiring)
		w.written("drop previous")
	case what == 8:
		current.Version = w.version()
		w.take(current)
		w.written("reissue")
	case what == 9:
		current.Version, current.KID = w.version(), w.version()
		w.take(current)
		w.written("another kid")
	case what == 10:
		current.Version = w.version()
		current.Print = rotation.Print("material of " + current.Version)
		w.take(current)
		w.written("another secret")
	default:
		w.written("touch")
	}
}

// saw is what a watcher's look shows: now and then an older value.
func (w *world) saw(p *process, fresh bool) rotation.Snapshot {
	i := len(w.history) - 1
	if !fresh && w.r.IntN(5) == 0 {
		i = max(0, i-w.r.IntN(4))
	}
	l := w.history[i]
	l.Known = maps.Clone(p.known)
	return l
}

func (w *world) policy(p *process, confirmed string) rotation.Policy {
	pol := policy
	pol.Confirmed = confirmed
	pol.LastSeen = p.lastSeen
	return pol
}

// read is what a watcher does with the head before it decides anything.
func (w *world) read(p *process) rotation.State {
	if next, c := rotation.Again(p.remembered, w.head, w.now); c.Row != "" {
		w.append(p, next, c, w.head)
	}
	p.remembered = rotation.Merge(p.remembered, w.head)
	return w.head
}

// look is one look of one watcher, with somebody else in between now and then.
func (w *world) look(p *process, fresh bool) rotation.Change {
	seen := w.saw(p, fresh)
	confirmed := p.confirm
	p.confirm = ""
	for {
		head := w.read(p)
		if !fresh && len(w.watchers) > 1 && w.r.IntN(6) == 0 {
			w.look(w.watchers[w.r.IntN(len(w.watchers))], true)
		}
		next, c := rotation.Next(head, seen, w.policy(p, confirmed), w.now)
		if c.Row != "" && w.head.Rev != head.Rev {
			continue // somebody was first
		}
		if c.Row != "" {
			w.append(p, next, c, head)
		}
		if !c.Stale {
			p.lastSeen = seen.Seen
			w.learn(p, seen)
		}
		if c.Confirm != "" {
			w.now = w.now.Add(rotation.ConfirmAfter)
			p.confirm = c.Confirm
			return w.look(p, fresh)
		}
		return c
	}
}

// learn remembers prints, as a process does until it restarts.
func (w *world) learn(p *process, seen rotation.Snapshot) {
	for _, k := range w.head.Keys {
		for _, s := range seen.Keys {
			if s.Version == k.Version && s.KID == k.KID {
				p.known[k.Name] = s.Print
			}
		}
	}
}

func (w *world) tick(p *process) {
	head := w.read(p)
	if next, c := rotation.Tick(head, w.policy(p, ""), w.now); c.Row != "" {
		w.append(p, next, c, head)
	}
}

// leak begins a compromise: a fresh key is pending, and the intent stands in the log.
func (w *world) leak(p *process) {
	if w.find(rotation.Pending) < 0 {
		w.keys = append(w.keys, w.fresh(rotation.Pending))
		w.written("prepare for a leak")
	}
	w.look(p, true)
	head := w.read(p)
	k, ok := head.Current()
	if !ok || len(w.dead) > 20 {
		return
	}
	next, c, err := rotation.Revoke(head, k.Name, w.policy(p, ""), w.now)
	if err != nil {
		w.fail("%v", err)
	}
	if c.Row != "" {
		w.append(p, next, c, head)
	}
}

// escape is what any watcher that may write does with an intent it finds: the pending key signs, the leaked one leaves the store.
func (w *world) escape(p *process) {
	head := w.read(p)
	k, ok := head.Current()
	pending := w.find(rotation.Pending)
	if !ok || !head.Revoked(k.Name) || pending < 0 || w.keys[w.find(rotation.Current)].Version != k.Version {
		return
	}
	w.take(w.keys[pending])
	w.written("escape")
	if w.r.IntN(2) == 0 {
		w.look(w.watchers[w.r.IntN(len(w.watchers))], false) // the one who escaped has crashed
	}
	w.remove(rotation.Retiring)
	w.written("drop the leaked key")
}

// append is the log, and the judge of everything that reaches it.
func (w *world) append(p *process, next rotation.State, c rotation.Change, prev rotation.State) {
	w.t.Helper()
	w.note("log: %s gap=%v → %s; revoke %v, %d gone", c.Row, next.Cause.Gap, stages(next), next.Revoke, len(next.Gone))
	if err := rotation.Check(next); err != nil {
		w.fail("%s: %v", c.Row, err)
	}
	if c.Row != "refilled" && rotation.Equal(prev, next) { // a refill brings back the rev, at least
		w.fail("%s is no change", c.Row)
	}
	if next.Rev <= w.maxRev {
		w.fail("%s: rev %d after %d", c.Row, next.Rev, w.maxRev)
	}
	w.maxRev = next.Rev
	for _, k := range next.Keys {
		if w.dead[k.Name] && k.Stage != rotation.Current || w.revoked[k.Name] && k.Stage == rotation.Retiring {
			w.fail("%s: leaked key %s is %s", c.Row, k.Name, k.Stage)
		}
		if k.Stage == rotation.Current {
			if w.dead[k.Name] {
				w.fail("%s: leaked key %s signs again", c.Row, k.Name)
			}
			delete(w.left, k.Name)
		}
	}
	was, _ := w.newest.Current() // what the log said before it lost anything
	if is, _ := next.Current(); was.Name != "" && was.Name != is.Name {
		w.left[was.Name] = w.now
	}
	for name, at := range w.left {
		if _, live := next.Key(name); live || w.now.Sub(at) >= overlap {
			continue
		}
		if !slices.ContainsFunc(next.Gone, func(g rotation.Gone) bool { return g.Key == name && g.Why == rotation.WhyCompromised }) {
			w.fail("%s: key %s verified for %s after its turn, want %s", c.Row, name, w.now.Sub(at), overlap)
		}
	}
	for _, name := range next.Revoke {
		w.revoked[name] = true
	}
	for _, g := range next.Gone {
		if g.Why == rotation.WhyCompromised {
			w.dead[g.Key] = true
		}
	}
	w.copies = append(w.copies, w.head)
	w.head, w.newest = next, next
	w.appended++
	p.remembered = next
}

// lose wipes the log, or restores it from a copy, once every watcher has read it.
func (w *world) lose() {
	for _, p := range w.watchers {
		w.read(p)
	}
	w.head = rotation.State{}
	if len(w.copies) > 3 && w.r.IntN(2) == 0 {
		w.head = w.copies[len(w.copies)-3]
	}
	w.note("the log is back at rev %d", w.head.Rev)
}
