package filestore

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// maxRecords bounds the memory: a full file, four times over.
const maxRecords = 4 * maxEntries

// record remembers which material a version had. The file names keys by kid or
// version only, so without memory new material under an old name could not be told.
type record struct {
	Base    string         `json:"base"`    // what the file calls it
	Version string         `json:"version"` // Base, or Base~n
	KID     string         `json:"kid"`
	Alg     string         `json:"alg"`
	Print   rotation.Print `json:"-"` // never encoded by accident; see printsFile
	// Adopted: the version was taken over from a state, or from the file, without
	// having seen that the material is the one which the log means by it.
	Adopted bool  `json:"adopted,omitempty"`
	Logged  bool  `json:"logged,omitempty"` // a state has named the version
	Rev     int64 `json:"rev"`              // of the newest state known when Version was chosen
	Looked  int64 `json:"looked"`           // number of the look that saw it last
}

// same reports whether r is about exactly this key.
func (r *record) same(s seen) bool {
	return r.Base == s.base && r.KID == s.kid && r.Alg == s.alg && r.Print == s.print
}

// seen is an entry as the naming rules need it.
type seen struct {
	base, kid, alg string
	print          rotation.Print
}

// mark tells when the file changed last.
type mark struct {
	serial  int64
	counted bool
	millis  int64 // the file's change time, Unix milliseconds
}

// suffix is what a derived version ends in: the serial, else the change time.
func (m mark) suffix() int64 {
	if m.counted {
		return m.serial
	}
	return m.millis
}

// mayHold reports whether a file of this mark can already hold the version:
// base~9 can't stand in a file of serial 7. Suffixes that are times, not
// serials, prove nothing about a counted file.
func (m mark) mayHold(version string) bool {
	_, suffix, derived := strings.Cut(version, "~")
	n, err := strconv.ParseInt(suffix, 10, 64)
	const leastTime = 1_000_000_000_000 // in milliseconds; far above any serial counted by hand
	return !derived || err != nil || !m.counted || n <= m.serial || n >= leastTime
}

// isAfter reports whether the file is at least as new as the change that gave
// the version its suffix. Unlike mayHold it doubts a file without serial, whose
// time may come from another machine's clock.
func (m mark) isAfter(version string) bool {
	_, suffix, derived := strings.Cut(version, "~")
	n, err := strconv.ParseInt(suffix, 10, 64)
	return !derived || err != nil || m.counted || n <= m.millis
}

// memory is what earlier looks found. It is not safe for concurrent use.
type memory struct {
	records []record
	looks   int64
	dirty   bool // records differ from what was last persisted
}

// named is the result of naming one entry.
type named struct {
	version string
	// changed: other material (or kid, or algorithm) stands under a known name,
	// and nobody has named the change yet.
	changed bool
	adopted bool // see record
	logged  bool // the name is that of a live key of the state
	old     int  // index of the record to keep or rename; -1: a new one
}

// name says which version an entry is. Several processes must come to the same
// answer, so the log's word goes before the memory's wherever both are possible.
func (m *memory) name(s seen, at mark, prev rotation.State) named {
	live := liveVersions(s, prev)
	known := m.find(s)
	newest := ""
	if len(live) > 0 {
		newest = live[0].Version
	}
	// Somebody has put a version in the log of which this memory knows nothing,
	// and which this file may hold.
	foreign := newest != "" && m.version(newest) < 0 && live[0].fits(s) && at.mayHold(newest)

	if known >= 0 {
		r := m.records[known]
		inLog := slices.ContainsFunc(live, func(l liveVersion) bool { return l.Version == r.Version })
		if foreign && at.isAfter(newest) && prev.Rev > r.Rev && (r.Adopted || !r.Logged && !inLog) {
			return named{version: newest, adopted: true, logged: true, old: known}
		}
		return named{version: r.Version, adopted: r.Adopted, logged: inLog, old: known}
	}
	if !m.knows(s.base) {
		for _, l := range live {
			if l.fits(s) && at.mayHold(l.Version) {
				return named{version: l.Version, adopted: true, logged: true, old: -1}
			}
		}
		if len(live) == 0 {
			return named{version: s.base, adopted: true, old: -1}
		}
		// The log knows this name with another kid or algorithm.
		return named{version: m.derive(s, at, prev), changed: true, old: -1}
	}
	if foreign {
		return named{version: newest, adopted: true, logged: true, old: -1}
	}
	return named{version: m.derive(s, at, prev), changed: true, old: -1}
}

// derive makes up a version for changed material: base~serial, or base~time.
// It is taken by nothing else that the memory or the state knows of, but for
// one case: the state already names exactly it, and the memory had only guessed.
func (m *memory) derive(s seen, at mark, prev rotation.State) string {
	free := func(v string) bool {
		live := slices.IndexFunc(prev.Keys, func(k rotation.Key) bool { return k.Version == v })
		fits := live < 0 || liveVersion{v, prev.Keys[live].KID, prev.Keys[live].Algorithm}.fits(s)
		if i := m.version(v); i >= 0 {
			return live >= 0 && fits && m.records[i].Adopted
		}
		return fits && !slices.ContainsFunc(prev.Gone, func(g rotation.Gone) bool { return g.Key == v || g.Version == v })
	}
	v := s.base + "~" + strconv.FormatInt(at.suffix(), 10)
	for millis := at.millis; !free(v); millis++ {
		v = s.base + "~" + strconv.FormatInt(millis, 10)
	}
	return v
}

// learn takes a naming into the memory.
func (m *memory) learn(s seen, n named, prev rotation.State) {
	if n.old >= 0 {
		r := &m.records[n.old]
		if r.Version != n.version {
			r.Version, r.Adopted, r.Rev = n.version, n.adopted, prev.Rev
			m.dirty = true
		}
		if r.Adopted { // nothing in this state speaks against it
			r.Rev = max(r.Rev, prev.Rev)
		}
		r.Looked = m.looks
		return
	}
	if i := m.version(n.version); i >= 0 { // only a guess may be overruled; see derive
		m.records = slices.Delete(m.records, i, i+1)
	}
	m.dirty = true
	m.records = append(m.records, record{
		Base: s.base, Version: n.version, KID: s.kid, Alg: s.alg, Print: s.print,
		Adopted: n.adopted, Rev: prev.Rev, Looked: m.looks,
	})
}

// settle marks what a state has named, and forgets the oldest of too many.
func (m *memory) settle(prev rotation.State) {
	inState := map[string]bool{} // version → named by prev
	for _, k := range prev.Keys {
		inState[k.Version], inState[k.Name] = true, true
	}
	for _, g := range prev.Gone {
		inState[g.Version], inState[g.Key] = true, true
	}
	for i := range m.records {
		if r := &m.records[i]; inState[r.Version] && !r.Logged {
			r.Logged, m.dirty = true, true
		}
	}
	if len(m.records) <= maxRecords {
		return
	}
	slices.SortStableFunc(m.records, func(a, b record) int {
		if x, y := inState[a.Version], inState[b.Version]; x != y {
			return cmp.Compare(btoi(y), btoi(x))
		}
		return cmp.Compare(b.Looked, a.Looked)
	})
	m.records = slices.Delete(m.records, maxRecords, len(m.records))
	m.dirty = true
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *memory) find(s seen) int {
	return slices.IndexFunc(m.records, func(r record) bool { return r.same(s) })
}

func (m *memory) version(v string) int {
	return slices.IndexFunc(m.records, func(r record) bool { return r.Version == v })
}

func (m *memory) knows(base string) bool {
	return slices.ContainsFunc(m.records, func(r record) bool { return r.Base == base })
}

// known returns the prints of all remembered keys by name. A key whose version
// has moved on keeps its first name, so the state is asked too.
func (m *memory) known(prev rotation.State) map[string]rotation.Print {
	out := make(map[string]rotation.Print, len(m.records))
	for _, r := range m.records {
		out[r.Version] = r.Print
	}
	first := func(name, version string) {
		if i := m.version(version); i >= 0 && name != version {
			out[name] = m.records[i].Print
		}
	}
	for _, g := range prev.Gone {
		first(g.Key, g.Version)
	}
	for _, k := range prev.Keys {
		first(k.Name, k.Version)
	}
	return out
}

type liveVersion struct{ Version, kid, alg string }

// fits reports whether the entry can be this key of the state.
func (l liveVersion) fits(s seen) bool {
	return (l.kid == "" || l.kid == s.kid) && (l.alg == "" || l.alg == s.alg)
}

// liveVersions returns the state's live keys that the file calls s.base, in
// the state's order: current first, then the newest.
func liveVersions(s seen, prev rotation.State) []liveVersion {
	var out []liveVersion
	for _, k := range prev.Keys {
		if baseOf(k.Version) == s.base {
			out = append(out, liveVersion{k.Version, k.KID, k.Algorithm})
		}
	}
	return out
}

// baseOf strips what keyturn added to a version. Versions of the file have no "~".
func baseOf(version string) string {
	base, _, _ := strings.Cut(version, "~")
	return base
}
