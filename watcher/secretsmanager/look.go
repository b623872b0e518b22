package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// maxMoves is how often in one look labels may move while their values are read.
const maxMoves = 5

// Look returns what the secret holds now. prev is the newest state that the
// caller knows: the store holds the answer of AWS against it, and reads what it
// names and AWS does not list any more. It makes one call where no version is
// new. An answer that is behind what is known is an error that wraps
// [watcher.ErrStale]. A secret that does not exist is an error until it has been
// missing for a minute, and then is deleted. A current value that holds no key
// is an error, and so is a weak or published key that prev does not have
// already; the first look of a ring (prev is zero) accepts one that is in use,
// with an alarm. A value that AWS refuses to hand out is an alarm.
func (s *Store) Look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error) {
	snap, err := s.look(ctx, prev)
	if err != nil {
		return rotation.Snapshot{}, fmt.Errorf("ring %s: %w", s.ring, err)
	}
	return snap, nil
}

func (s *Store) look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error) {
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return rotation.Snapshot{}, failed("DescribeSecret", s.id, ctx.Err())
	}
	var err error
	for move := range maxMoves {
		if move > 1 { // a replica of the values may be behind that of the labels
			if err := wait(ctx, s.pauses[min(move, len(s.pauses))-1]); err != nil {
				return rotation.Snapshot{}, failed("DescribeSecret", s.id, err)
			}
		}
		var v view
		if v, err = s.describeAfter(ctx, prev); classOf(err) == classGone {
			return s.absent(prev, err)
		}
		if err != nil {
			return rotation.Snapshot{}, err
		}
		var snap rotation.Snapshot
		if snap, err = s.shown(ctx, v, prev); err == nil {
			s.remember(v, prev)
			s.forget(v, prev)
			return snap, nil
		}
		switch classOf(err) {
		case classMoved, classAbsent, classDeleted, classGone: // another look at the labels will tell
		default:
			return rotation.Snapshot{}, err
		}
	}
	return rotation.Snapshot{}, fmt.Errorf("%w: labels and values do not agree yet: %w", err, watcher.ErrStale)
}

// absent follows an answer that there is no such secret.
func (s *Store) absent(prev rotation.State, err error) (rotation.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone bool
	s.missed, gone = s.missed.again(time.Now())
	if prev.IsZero() || !gone {
		return rotation.Snapshot{}, err
	}
	snap := rotation.Snapshot{Ring: s.ring, Seen: prev.Seen, Deleted: true, Known: s.cache.known(prev)}
	if m := s.newest.marker(); m > snap.Seen || markerTime(snap.Seen).IsZero() {
		snap.Seen = m
	}
	s.alarms.look = nil
	return snap, nil
}

// staged is a version with the stage that its labels give it.
type staged struct {
	version string
	stage   rotation.Stage
}

// stages returns the versions that count for the state, in the store's order:
// current, pending, previous, and those that keyturn has pinned and the state
// still holds live. Where there is no state, the pins alone tell which keys
// verified when the log was lost.
func stages(v view, prev rotation.State) []staged {
	var all []staged
	for _, s := range []staged{{v.current(), rotation.Current}, {v.pending(), rotation.Pending}, {v.previous(), rotation.Retiring}} {
		if s.version != "" {
			all = append(all, s)
		}
	}
	for _, version := range v.pinned() {
		live := slices.ContainsFunc(prev.Keys, func(k rotation.Key) bool { return k.Version == version })
		if (live || prev.IsZero()) && !slices.ContainsFunc(all, func(s staged) bool { return s.version == version }) {
			all = append(all, staged{version, rotation.Retiring})
		}
	}
	return all
}

// shown makes the snapshot of a view, reading what was not read before.
func (s *Store) shown(ctx context.Context, v view, prev rotation.State) (rotation.Snapshot, error) {
	snap := rotation.Snapshot{Ring: s.ring, Seen: v.marker()}
	s.mu.Lock()
	snap.Recreated = s.foreignLocked(v, prev)
	s.mu.Unlock()
	f := findings{ring: s.ring, prev: prev}
	if !v.deleted.IsZero() { // AWS hands out no value of it; its labels are there still
		for _, l := range stages(v, prev) {
			snap.Keys = append(snap.Keys, rotation.Seen{Version: l.version, Stage: l.stage})
		}
		snap.Deleted, snap.Known = true, s.known(prev)
		s.found(f)
		return snap, nil
	}
	for _, l := range stages(v, prev) {
		val, err := s.arrived(ctx, l.version, v.label(l.version))
		if err != nil {
			seen, err := f.withheld(l, err)
			if err != nil {
				return rotation.Snapshot{}, err
			}
			snap.Keys = append(snap.Keys, seen...)
			continue
		}
		snap.Keys = append(snap.Keys, s.sights(val, l.stage)...)
	}
	if err := s.recall(ctx, v, &f); err != nil {
		return rotation.Snapshot{}, err
	}
	snap.Known = s.known(prev)
	var err error
	if snap.Keys, err = s.guard(snap, &f); err != nil {
		return rotation.Snapshot{}, err
	}
	s.found(f)
	return snap, nil
}

// arrived is value for a version that is listed: where a replica does not have
// it yet it asks again, for about a third of a second.
func (s *Store) arrived(ctx context.Context, version, label string) (value, error) {
	for try := 0; ; try++ {
		v, err := s.value(ctx, version, label)
		if classOf(err) != classAbsent || try == len(s.pauses) {
			return v, err
		}
		if err := wait(ctx, s.pauses[try]); err != nil {
			return value{}, failed("GetSecretValue", s.id, err)
		}
	}
}

// sights are the keys of a value. Where it holds several, the active one has
// the label of the value and the others are pending; of a previous value all retire.
func (s *Store) sights(v value, stage rotation.Stage) []rotation.Seen {
	signer, _ := v.signer() // a value without one is no value
	var all []rotation.Seen
	for i, k := range v.parsed.Keys {
		seen := rotation.Seen{
			Version: v.version, KID: k.KID(), Several: len(v.parsed.Keys) > 1,
			Stage: stage, Algorithm: k.Algorithm(), Print: s.pepper.print(k),
		}
		if i != signer && stage == rotation.Current {
			seen.Stage = rotation.Pending
		}
		all = append(all, seen)
	}
	return all
}

// recall reads the versions of live keys that have no label that counts, and of
// compromised keys, whose material must be known should it come back under
// another name. What can't be had is an orphan.
func (s *Store) recall(ctx context.Context, v view, f *findings) error {
	judged := stages(v, f.prev)
	for _, k := range f.prev.Keys {
		if slices.ContainsFunc(judged, func(l staged) bool { return l.version == k.Version }) {
			continue
		}
		err := s.lost(k.Version)
		if err == nil {
			if _, err = s.value(ctx, k.Version, v.label(k.Version)); classOf(err) == classAbsent {
				s.lose(k.Version, err)
			}
		}
		var broken *unusable
		switch c := classOf(err); {
		case c == classAbsent, c.refused(), errors.As(err, &broken):
			f.orphan(k, err)
		case err != nil:
			return err
		}
	}
	leaked := 0
	for _, g := range slices.Backward(f.prev.Gone) {
		if g.Why != rotation.WhyCompromised || g.Version == "" || leaked == maxLeaked || s.printed(g.Version) || s.lost(g.Version) != nil {
			continue
		}
		leaked++
		if _, err := s.value(ctx, g.Version, v.label(g.Version)); err != nil {
			s.lose(g.Version, err) // purged, most likely; its version and kid are known in any case
		}
	}
	return nil
}

// lost returns why a version was not to be had a short while ago; nil: it was
// not asked for.
func (s *Store) lost(version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.cache.lost[version]; time.Now().Before(h.until) {
		return h.err
	}
	return nil
}

func (s *Store) lose(version string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.cache.lost, func(_ string, h kept) bool { return !now.Before(h.until) })
	s.cache.lost[version] = kept{err: err, until: now.Add(askAgain)}
}

// printed reports whether the version was read once.
func (s *Store) printed(version string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.cache.prints[version]) > 0
}

// maxLeaked bounds the values of compromised keys that are read after a start.
const maxLeaked = 4

// guard refuses new keys that are weak or published: a current one is an error,
// others are left out.
func (s *Store) guard(snap rotation.Snapshot, f *findings) ([]rotation.Seen, error) {
	keys := make([]rotation.Seen, 0, len(snap.Keys))
	for _, seen := range snap.Keys {
		why := s.weakness(seen)
		switch {
		case why == "":
		case !isNew(seen, f.prev, snap.Known):
			f.weak(seen, why)
		case seen.Stage == rotation.Current:
			return nil, fmt.Errorf("secret %s: version %s: the key is not accepted as a new one, %s: make it with keyturn rotate, or of at least 32 random bytes", s.id, seen.Version, why)
		default:
			f.refuse(seen, why)
			continue
		}
		keys = append(keys, seen)
	}
	return keys, nil
}

// weakness says why the key must not be taken as a new one; empty: it may, or
// its value is not known.
func (s *Store) weakness(seen rotation.Seen) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.cache.kept[seen.Version].value.parsed.Keys {
		if k.KID() == seen.KID && k.Algorithm() == seen.Algorithm {
			return k.Weak()
		}
	}
	return ""
}

// isNew reports whether a key was never accepted before. Where nothing is known
// of the ring yet, what is in use is accepted.
func isNew(seen rotation.Seen, prev rotation.State, known map[string]rotation.Print) bool {
	if prev.IsZero() {
		return seen.Stage == rotation.Pending
	}
	is := func(name, version, kid, alg string) bool {
		return kid == seen.KID && alg == seen.Algorithm && (version == seen.Version || seen.Print != "" && known[name] == seen.Print)
	}
	return !slices.ContainsFunc(prev.Keys, func(k rotation.Key) bool { return is(k.Name, k.Version, k.KID, k.Algorithm) }) &&
		!slices.ContainsFunc(prev.Gone, func(g rotation.Gone) bool { return is(g.Key, g.Version, g.KID, g.Algorithm) })
}

// forget drops material that no state and no label needs any more.
func (s *Store) forget(v view, prev rotation.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.forget(prev, v)
}

// known returns the prints of the keys that prev names, as far as they are known.
func (s *Store) known(prev rotation.State) map[string]rotation.Print {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cache.known(prev)
}

// Value returns the material of k, a live key of the state st: from memory where
// its version was read before, else from AWS. The error wraps [ErrNoValue] where
// AWS does not have it (any more) or the version holds another key.
func (s *Store) Value(ctx context.Context, st rotation.State, k rotation.Key) (auth.Key, error) {
	v, err := s.valueOf(ctx, k.Version)
	var broken *unusable
	switch {
	case errors.As(err, &broken), classOf(err) == classAbsent:
		return auth.Key{}, fmt.Errorf("ring %s: key %s: %w: %w", s.ring, k.Name, err, ErrNoValue)
	case err != nil:
		return auth.Key{}, fmt.Errorf("ring %s: key %s: %w", s.ring, k.Name, err)
	}
	for _, key := range v.parsed.Keys {
		if key.KID() == k.KID && key.Algorithm() == k.Algorithm {
			return key, nil
		}
	}
	return auth.Key{}, fmt.Errorf("ring %s: key %s: version %s of secret %s holds no key with kid %.80q and algorithm %.20q: give every process of the ring the same kid rule: %w", s.ring, k.Name, k.Version, s.id, k.KID, k.Algorithm, ErrNoValue)
}

// valueOf reads a version by its id and the label that it carries.
func (s *Store) valueOf(ctx context.Context, version string) (v value, err error) {
	if v, ok := s.held(version); ok {
		return v, nil
	}
	seen := s.last()
	for range maxMoves {
		if seen.label(version) == "" || classOf(err) == classMoved { // it may have another since
			if fresh, err := s.describe(ctx); err == nil {
				seen = fresh // else the id alone will do
			}
		}
		if v, err = s.value(ctx, version, seen.label(version)); classOf(err) != classMoved {
			return v, err
		}
	}
	return value{}, err
}
