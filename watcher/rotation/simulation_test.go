package rotation_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

var worlds = flag.Int("worlds", 4, "how many worlds the simulation lives through for each kind of store")

// Weeks of a store's life under several watchers: stale looks, missed changes,
// rollbacks, dropped labels, reissues, leaks with crashes, lost logs, restarts.
// On the way the world judges every state (see world.append); at the end all
// watchers agree with the store, and are silent.
func TestWeeksOfAStoresLife(t *testing.T) {
	for marker := range markers {
		for _, watchers := range []int{1, 3} {
			t.Run(fmt.Sprintf("marker %s, %d watchers", marker, watchers), func(t *testing.T) {
				r := random(t)
				for range *worlds {
					w := create(t, r, marker, watchers)
					for range 300 {
						w.step()
					}
					w.settle()
				}
			})
		}
	}
}

func (w *world) step() {
	w.now = w.now.Add(time.Duration(1+w.r.IntN(600)) * time.Second)
	p := w.watchers[w.r.IntN(len(w.watchers))]
	switch what := w.r.IntN(100); {
	case what < 30:
		w.turn()
	case what < 70:
		w.look(p, false)
	case what < 82:
		w.tick(p)
	case what < 88:
		w.escape(p)
	case what < 90:
		w.leak(p)
	case what < 92:
		w.lose()
	case what < 95:
		p.known, p.lastSeen, p.confirm = map[string]rotation.Print{}, "", "" // a restart; the state is remembered in a file
	default:
		w.read(p)
	}
}

// settle lets the world come to rest and compares it with its store.
func (w *world) settle() {
	w.t.Helper()
	for range 3 { // a way out of a leak first, so that the store may say where it ends
		for _, p := range w.watchers {
			w.now = w.now.Add(time.Second)
			w.look(p, true)
			w.escape(p)
		}
	}
	for _, p := range w.watchers {
		w.now = w.now.Add(time.Second)
		w.look(p, true)
	}
	before := w.appended
	for _, p := range w.watchers {
		w.now = w.now.Add(time.Second)
		w.look(p, true)
	}
	if w.appended != before {
		w.fail("the watchers don't come to rest")
	}
	truth := w.keys[w.find(rotation.Current)]
	got, _ := w.head.Current()
	if got.Version != truth.Version || got.KID != truth.KID {
		if !w.leaked(truth) {
			w.fail("the store says %s/%s, the log %s/%s", truth.Version, truth.KID, got.Version, got.KID)
		}
		return // the store came back to a leaked key: nothing may follow it there
	}
	for _, s := range w.keys {
		if s.Stage != rotation.Pending {
			continue
		}
		known := slices.ContainsFunc(w.head.Keys, func(k rotation.Key) bool { return k.Version == s.Version })
		dead := slices.ContainsFunc(w.head.Gone, func(g rotation.Gone) bool { return g.Version == s.Version })
		if !known && !dead && !w.leaked(s) {
			w.fail("pending key %s is missing", s.Version)
		}
	}
	for _, k := range w.head.Keys {
		if k.Stage == rotation.Pending && !slices.ContainsFunc(w.keys, func(s rotation.Seen) bool { return s.Version == k.Version }) {
			w.fail("key %s is pending in the log and not in the store", k.Name)
		}
	}
}

// leaked reports whether an entry holds the material of a leaked key, so that a watcher that can tell leaves it out.
func (w *world) leaked(s rotation.Seen) bool {
	for _, g := range w.head.Gone {
		if g.Why == rotation.WhyCompromised && w.values[g.Version] == s.Print {
			return true
		}
	}
	return slices.ContainsFunc(w.head.Revoke, func(name string) bool {
		k, _ := w.head.Key(name)
		return w.values[k.Version] == s.Print
	})
}

// Whatever a look shows, the state after it is well-formed, holds a current
// key, and the same look again says nothing new.
func TestNoLookHoweverOddBreaksAState(t *testing.T) {
	r := random(t)
	stagesOf := []rotation.Stage{rotation.Pending, rotation.Current, rotation.Retiring, rotation.Retiring, "", "odd"}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 300 {
		s := tell(t)
		for range 60 {
			seen := rotation.Snapshot{Ring: pick("demo", "demo", "demo", "demo", "other"), Seen: pick("", "", "3", "4", "x"), Known: map[string]rotation.Print{}}
			seen.Deleted, seen.Recreated = r.IntN(12) == 0, r.IntN(12) == 0
			for range r.IntN(6) {
				k := rotation.Seen{
					Version: pick("a", "b", "c", "d", "a/x", ""), KID: pick("x", "y", "z", "a", ""), Several: r.IntN(4) == 0,
					Stage: stagesOf[r.IntN(len(stagesOf))], Algorithm: pick("HS256", "HS256", "ES256", ""), Print: rotation.Print(pick("", "1", "2", "3")),
				}
				if !slices.ContainsFunc(seen.Keys, func(o rotation.Seen) bool { return o.Version == k.Version && o.KID == k.KID }) {
					seen.Keys = append(seen.Keys, k) // a version is one value
				}
			}
			for _, k := range s.state.Keys {
				if r.IntN(2) == 0 {
					seen.Known[k.Name] = rotation.Print(pick("", "1", "2", "3"))
				}
			}
			s.policy.StrictKID = r.IntN(4) == 0
			s.policy.Confirmed = ""
			c := s.look(seen)
			if c.Confirm != "" {
				s.policy.Confirmed = c.Confirm
				c = s.look(seen)
			}
			if c.Row != "" {
				between := s.state
				seen.Known = printsAfter(s.state, seen)
				if c := s.look(seen); c.Row != "" {
					t.Fatalf("the same look again: %+v\n%+v\nfirst %+v\nthen %+v", c, seen.Keys, between, s.state)
				}
			}
			switch r.IntN(10) {
			case 0:
				s.tick(time.Hour)
			case 1:
				if k, ok := s.state.Current(); ok && len(s.state.Gone) < 20 {
					s.revoke(k.Name)
				}
			}
		}
	}
}

// printsAfter is what a process remembers after a look.
func printsAfter(s rotation.State, seen rotation.Snapshot) map[string]rotation.Print {
	prints := maps.Clone(seen.Known)
	for _, k := range s.Keys {
		if prints[k.Name] != "" {
			continue
		}
		for _, o := range seen.Keys {
			if o.Version == k.Version && o.KID == k.KID && o.Print != "" && slices.Contains([]rotation.Stage{rotation.Pending, rotation.Current, rotation.Retiring}, o.Stage) {
				prints[k.Name] = o.Print
			}
		}
	}
	return prints
}
