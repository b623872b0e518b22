package filestore

import (
	"testing"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// at is a mark of that serial; at(-1) one of a file without.
func at(serial int64) mark {
	return mark{serial: max(serial, 0), counted: serial >= 0, millis: 1_795_304_374_123}
}

// live makes a state of keys "version stage", all of kid a unless the base says other.
func live(rev int64, versions ...string) rotation.State {
	st := rotation.State{Rev: rev}
	for i, v := range versions {
		stage := rotation.Retiring
		if i == 0 {
			stage = rotation.Current
		}
		st.Keys = append(st.Keys, rotation.Key{Name: v, Version: v, KID: baseOf(v), Algorithm: "HS256", Stage: stage})
	}
	return st
}

func TestProcessesComeToTheSameVersionNames(t *testing.T) {
	one := seen{"a", "a", "HS256", "one"}
	two := seen{"a", "a", "HS256", "two"}
	remembers := func(records ...record) *memory { return &memory{records: records} }
	rec := func(version string, s seen, f func(*record)) record {
		r := record{Base: s.base, Version: version, KID: s.kid, Alg: s.alg, Print: s.print, Rev: 5}
		if f != nil {
			f(&r)
		}
		return r
	}
	adopted := func(r *record) { r.Adopted = true }
	logged := func(r *record) { r.Logged = true }
	for _, c := range []struct {
		name    string
		memory  *memory
		entry   seen
		at      mark
		prev    rotation.State
		want    string
		changed bool
	}{
		{"nothing known", remembers(), one, at(1), rotation.State{}, "a", false},
		{"the log knows it", remembers(), one, at(9), live(6, "a~8", "a"), "a~8", false},
		{"the log knows it as retiring only", remembers(), one, at(9), live(6, "b", "a~8"), "a~8", false},
		{"the file is older than the newest of the log", remembers(), one, at(7), live(6, "a~8", "a"), "a", false},
		{"a time is no serial", remembers(), one, at(7), live(6, "a~1795304374123", "a"), "a~1795304374123", false},
		{"the log knows the kid with another algorithm", remembers(), seen{"a", "a", "HS512", "one"}, at(9), live(6, "a"), "a~9", true},
		{"remembered", remembers(rec("a", one, nil)), one, at(9), live(6, "a"), "a", false},
		{"remembered, with other material since", remembers(rec("a", one, logged)), two, at(9), live(6, "a"), "a~9", true},
		{"without serial by time", remembers(rec("a", one, logged)), two, at(-1), live(6, "a"), "a~1795304374123", true},
		{"the name is taken by another", remembers(rec("a", one, logged), rec("a~9", seen{"a", "a", "HS256", "three"}, logged)), two, at(9), live(6, "a~9", "a"), "a~1795304374123", true},
		{"the name is gone", remembers(rec("a", one, logged)), two, at(9),
			rotation.State{Rev: 6, Keys: live(6, "a").Keys, Gone: []rotation.Gone{{Key: "a~9", Version: "a~9"}}}, "a~1795304374123", true},
		{"somebody was first to name the change", remembers(rec("a", one, logged)), two, at(9), live(6, "a~8", "a"), "a~8", false},
		{"back to earlier material", remembers(rec("a", one, logged), rec("a~8", two, logged)), one, at(9), live(6, "a~8", "a"), "a", false},
		{"back to material of a gone key", remembers(rec("a", one, logged), rec("a~8", two, logged)), one, at(9), live(6, "a~8"), "a", false},
		{"own name did not get into the log", remembers(rec("a", one, logged), rec("a~7", two, nil)), two, at(8), live(6, "a~8", "a"), "a~8", false},
		{"own name is not in the log yet", remembers(rec("a", one, logged), rec("a~7", two, nil)), two, at(8), live(5, "a"), "a~7", false},
		{"an adopted name was wrong", remembers(rec("a", two, adopted)), two, at(8), live(6, "a~8", "a"), "a~8", false},
		{"an adopted name may be right: the file is older", remembers(rec("a", one, adopted)), one, at(7), live(6, "a~8", "a"), "a", false},
		{"without serial an older copy of the file keeps its name", remembers(rec("a", one, adopted)), one, at(-1), live(6, "a~1795304374999", "a"), "a", false},
		{"without serial as new a file takes the log's name", remembers(rec("a", one, adopted)), one, at(-1), live(6, "a~1795304374123", "a"), "a~1795304374123", false},
		{"a new copy on a machine that is behind", remembers(rec("a", one, adopted)), two, at(-1), live(6, "a~1795304374999", "a"), "a~1795304374999", false},
		{"an adopted name gives way to the state's", remembers(rec("a~8", one, adopted)), two, at(8), live(6, "a~8", "a"), "a~8", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.memory.name(c.entry, c.at, c.prev)
			if got.version != c.want || got.changed != c.changed {
				t.Errorf("got %s (changed %v), want %s (changed %v)", got.version, got.changed, c.want, c.changed)
			}
			// Once learnt, the name stays as it is.
			c.memory.learn(c.entry, got, c.prev)
			c.memory.settle(c.prev)
			if again := c.memory.name(c.entry, c.at, c.prev); again.version != c.want || again.changed {
				t.Errorf("then got %s (changed %v), want %s again", again.version, again.changed, c.want)
			}
		})
	}
}

// Two watchers that name one change differently must not push each other's
// name out of the log for ever.
func TestTwoWatchersAgreeAfterADisagreement(t *testing.T) {
	for _, first := range []string{"left", "right"} {
		oldMaterial, newMaterial := seen{"a", "a", "HS256", "1"}, seen{"a", "a", "HS256", "2"}
		left, right := &memory{}, &memory{}
		st := live(1, "a")
		for _, m := range []*memory{left, right} {
			m.learn(oldMaterial, m.name(oldMaterial, at(6), st), st)
			m.settle(st)
		}
		// left sees the file between the two steps of a slow save, right after it.
		l, r := left.name(newMaterial, at(7), st), right.name(newMaterial, at(8), st)
		left.learn(newMaterial, l, st)
		right.learn(newMaterial, r, st)
		winner := l.version
		if first == "right" {
			winner = r.version
		}
		st = live(2, winner, "a")
		for range 3 {
			for _, m := range []*memory{left, right} {
				n := m.name(newMaterial, at(8), st)
				if n.version != winner || n.changed {
					t.Fatalf("%s was first with %s, and a watcher says %s", first, winner, n.version)
				}
				m.learn(newMaterial, n, st)
				m.settle(st)
			}
		}
	}
}

func TestMemoryPrefersWhatTheStateNames(t *testing.T) {
	m := &memory{}
	for i := range maxRecords + 10 {
		s := seen{base: string(rune('a'+i%26)) + string(rune('a'+i/26)), print: "p"}
		m.looks++
		m.learn(s, named{version: s.base, old: -1}, rotation.State{})
	}
	m.settle(rotation.State{Rev: 1, Gone: []rotation.Gone{{Key: "aa", Version: "aa"}}})
	if len(m.records) != maxRecords {
		t.Errorf("got %d records, want %d", len(m.records), maxRecords)
	}
	if m.version("aa") < 0 {
		t.Error("a gone key was forgotten, so it could come back unnoticed")
	}
	if m.version("ba") >= 0 {
		t.Error("the oldest was kept")
	}
}

func TestKnownPrintsGoByTheKeysFirstName(t *testing.T) {
	m := &memory{records: []record{{Base: "b", Version: "b", Print: "p"}, {Base: "g", Version: "g", Print: "q"}}}
	got := m.known(rotation.State{
		Keys: []rotation.Key{{Name: "a", Version: "b"}},
		Gone: []rotation.Gone{{Key: "f", Version: "g"}},
	})
	if got["a"] != "p" || got["b"] != "p" || got["f"] != "q" || got["g"] != "q" {
		t.Errorf("got %d prints", len(got))
	}
}
