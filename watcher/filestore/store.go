package filestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// ErrNoValue says that the file does not hold the material of a key (any more).
var ErrNoValue = errors.New("value not found")

// ErrConflict says that somebody else changed the file, so that a writer did nothing.
var ErrConflict = errors.New("file was changed by another")

// maxValues bounds the parsed keys that a Store remembers beyond the file's.
const maxValues = 2 * maxEntries

// Config of a [Store].
type Config struct {
	Ring string          // name of the ring; required
	KID  watcher.KIDRule // kid of entries that name none
	// Prints is a file, for this Store alone, in which it remembers keyed hashes
	// of the material (mode 0600, with their key), so that new material under an
	// old name is seen across a restart. Empty: the memory ends with the process.
	Prints string
	Logger *zap.Logger // nil: none
}

// Store is one secret file. All methods are safe for concurrent use.
type Store struct {
	path    string
	ring    string
	kid     watcher.KIDRule
	log     *zap.Logger
	hints   chan struct{} // capacity 1: what changed is read from the file, so one hint is as good as ten
	looking chan struct{} // capacity 1: held while looking, so that looks learn in order

	prints printsFile

	mu     sync.Mutex
	memory memory
	values map[string]auth.Key // version → its material
	order  []string            // versions of values, the longest unseen first
	alarms []rotation.Alarm
	seen   int64 // highest serial known, from the file or from a state
}

// Open makes a Store of the file at path. The file need not exist yet; a wrong
// configuration or an unreadable Prints file is an error. A Prints file that
// can't be understood is started anew.
func Open(path string, c Config) (*Store, error) {
	if err := rotation.CheckRing(c.Ring); err != nil {
		return nil, err
	}
	if err := c.KID.Check(); err != nil {
		return nil, fmt.Errorf("ring %s: %w", c.Ring, err)
	}
	if path == "" {
		return nil, fmt.Errorf("ring %s: the secret file has no path: set secret", c.Ring)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open secret file %s: %w", path, err)
	}
	log := c.Logger
	if log == nil {
		log = zap.NewNop()
	}
	s := &Store{
		path: path, ring: c.Ring, kid: c.KID,
		log:     log.With(zap.String("ring", c.Ring), zap.String("file", path)),
		hints:   make(chan struct{}, 1),
		looking: make(chan struct{}, 1),
		values:  map[string]auth.Key{},
	}
	s.prints, s.memory.records, err = openPrints(c.Prints, s.log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Look returns what the file holds now. prev is the newest state that the
// caller knows; it decides how material is named that this Store has not seen
// before. An unreadable or wrong file is an error that names the place and the
// remedy, and so is a weak or published key that prev does not have already;
// the first look of a ring (prev is zero) accepts one that is in use, with an
// alarm. A save in progress is waited for, up to about half a second.
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
		return rotation.Snapshot{}, ctx.Err()
	}
	l, err := load(ctx, s.path, s.kid)
	if err != nil {
		return rotation.Snapshot{}, err
	}
	if s.changed(l, prev) {
		// The other half of the save may be on its way: the kid, or the serial.
		if err := wait(ctx, settleWithin); err != nil {
			return rotation.Snapshot{}, err
		}
		if l, err = load(ctx, s.path, s.kid); err != nil {
			return rotation.Snapshot{}, err
		}
	}
	snap, err := s.take(l, prev)
	if err != nil {
		return rotation.Snapshot{}, fmt.Errorf("secret file %s: %w", s.path, err)
	}
	if err := s.remember(); err != nil {
		s.log.Warn("prints not saved, so new material under an old kid may go unseen across a restart", zap.Error(err))
	}
	return snap, nil
}

// changed reports whether any entry has other material under a known name.
func (s *Store) changed(l loaded, prev rotation.State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(l.doc.entries, func(e entry) bool {
		return s.memory.name(s.prints.seen(e), l.mark(), prev).changed
	})
}

// take names the entries, learns them, and makes the snapshot. A file that is
// older than prev teaches nothing; a file that is refused neither.
func (s *Store) take(l loaded, prev rotation.State) (rotation.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := l.mark()
	logged, err := strconv.ParseInt(prev.Seen, 10, 64)
	stale := at.counted && err == nil && at.serial < logged
	if err == nil {
		s.seen = max(s.seen, logged)
	}
	s.seen = max(s.seen, at.serial)

	names := make([]named, len(l.doc.entries))
	for i, e := range l.doc.entries {
		names[i] = s.memory.name(s.prints.seen(e), at, prev)
		if why := e.key.Weak(); why != "" && !stale && isNew(names[i], e, prev) {
			return rotation.Snapshot{}, &flaw{e.at, fmt.Sprintf("the key is not accepted as a new one, %s: make it with keyturn rotate, or of at least 32 random bytes", why)}
		}
	}
	snap := rotation.Snapshot{Ring: s.ring}
	if at.counted {
		snap.Seen = strconv.FormatInt(at.serial, 10)
	}
	s.memory.looks++
	s.alarms = nil
	for i, e := range l.doc.entries {
		as := s.prints.seen(e)
		if !stale {
			s.learnLocked(as, names[i], e.key, prev)
		}
		snap.Keys = append(snap.Keys, rotation.Seen{
			Version: names[i].version, KID: as.kid, Stage: e.stage, Algorithm: as.alg, Print: as.print,
		})
		if why := e.key.Weak(); why != "" {
			s.alarms = append(s.alarms, rotation.Alarm{Code: "weak_secret", Key: names[i].version,
				Text: fmt.Sprintf("key %s of ring %s is weak or published (%s): rotate it now", names[i].version, s.ring, why)})
		}
	}
	s.memory.settle(prev)
	s.forgetLocked(names, prev)
	snap.Known = s.memory.known(prev)
	return snap, nil
}

// isNew reports whether a key was never accepted before.
func isNew(n named, e entry, prev rotation.State) bool {
	inUse := prev.IsZero() && e.stage != rotation.Pending
	return n.old < 0 && !n.logged && !inUse
}

// learnLocked remembers an entry's name and material.
func (s *Store) learnLocked(as seen, n named, key auth.Key, prev rotation.State) {
	if n.old >= 0 {
		if was := s.memory.records[n.old].Version; was != n.version {
			s.dropLocked(was) // it was a guess
		}
	}
	s.memory.learn(as, n, prev)
	s.dropLocked(n.version)
	s.values[n.version] = key
	s.order = append(s.order, n.version)
}

func (s *Store) dropLocked(version string) {
	if _, ok := s.values[version]; ok {
		delete(s.values, version)
		s.order = slices.DeleteFunc(s.order, func(v string) bool { return v == version })
	}
}

// forgetLocked drops material that is gone, and the oldest of too much.
func (s *Store) forgetLocked(inFile []named, prev rotation.State) {
	for _, g := range prev.Gone {
		if !slices.ContainsFunc(inFile, func(n named) bool { return n.version == g.Version }) {
			s.dropLocked(g.Version)
		}
	}
	for len(s.order) > maxValues {
		s.dropLocked(s.order[0])
	}
}

// Value returns the material of a live key k of the state st. Where this Store
// has not seen the key yet, it reads the file. The error wraps [ErrNoValue]
// where neither has it.
func (s *Store) Value(ctx context.Context, st rotation.State, k rotation.Key) (auth.Key, error) {
	if key, ok := s.held(st, k.Version); ok {
		return key, nil
	}
	_, err := s.look(ctx, st)
	s.mu.Lock()
	key, ok := s.values[k.Version] // where the file can't be read, the last good word holds
	s.mu.Unlock()
	switch {
	case ok:
		return key, nil
	case err != nil:
		return auth.Key{}, fmt.Errorf("ring %s: key %s: %w", s.ring, k.Name, err)
	}
	return auth.Key{}, fmt.Errorf("ring %s: key %s is not in secret file %s (any more): put it back as previous, or wait until the file here is as new as the watcher's: %w", s.ring, k.Name, s.path, ErrNoValue)
}

// held returns remembered material, unless its name was a guess that a newer
// state may correct.
func (s *Store) held(st rotation.State, version string) (auth.Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.memory.version(version); i >= 0 && s.memory.records[i].Adopted && st.Rev > s.memory.records[i].Rev {
		return auth.Key{}, false
	}
	key, ok := s.values[version]
	return key, ok
}

// Alarms returns what the last good look found wrong with keys that are in use.
func (s *Store) Alarms() []rotation.Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.alarms)
}

func (s *Store) remember() error {
	s.mu.Lock()
	dirty, records := s.memory.dirty, slices.Clone(s.memory.records)
	s.memory.dirty = false
	s.mu.Unlock()
	if !dirty {
		return nil
	}
	err := s.prints.save(records)
	if err != nil {
		s.mu.Lock()
		s.memory.dirty = true
		s.mu.Unlock()
	}
	return err
}
