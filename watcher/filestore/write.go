package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	lockWithin = 10 * time.Second // a writer holds the lock for milliseconds
	lockEvery  = 10 * time.Millisecond
	rounds     = 5 // how often a writer starts again because an editor, which takes no lock, was faster
)

// Writable returns nil if this process may turn the ring's keys in the file,
// else an error that says why the file is watched only.
func (s *Store) Writable() error {
	if err := writable(s.path); err != nil {
		return fmt.Errorf("secret file %s is watched only: %w", s.path, err)
	}
	return nil
}

func writable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode()&os.ModeSymlink != 0:
		return errors.New("it is a symbolic link, so somebody else manages it: turn the key there (in Kubernetes: in the Secret)")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Mode().Perm()&0o200 == 0:
		return errors.New("it is read-only: chmod u+w it, or turn the key where it is managed")
	}
	if err := replaceable(path, info); err != nil {
		return fmt.Errorf("%w: let keyturn's user own file and directory, or turn the key where it is managed", err)
	}
	return nil
}

// draft is a file that a writer has read under the lock.
type draft struct {
	loaded
	names []string // versions of doc.entries
}

// find returns the index of the entry that is the key, -1 if there is none.
func (d *draft) find(k rotation.Key) int {
	for i, v := range d.names {
		if v == k.Version {
			return i
		}
	}
	return -1
}

// edit reads the file under the writers' lock, lets change alter it, and
// replaces it unless change says that there is nothing to do. change runs again
// on the new content when an editor, which takes no lock, was faster. prev
// helps to name entries; see [memory.name].
func (s *Store) edit(ctx context.Context, prev rotation.State, change func(*draft) (bool, error)) error {
	if err := s.Writable(); err != nil {
		return err
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // nothing was written to it
	for range rounds {
		l, err := load(ctx, s.path, s.kid)
		if err != nil {
			return err
		}
		d := &draft{loaded: l, names: s.nameAll(l, prev)}
		todo, err := change(d)
		if err != nil || !todo {
			return err
		}
		d.doc.serial, d.doc.counted = s.nextSerial(d.doc.serial, prev), true
		err = s.put(d)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("write secret file %s: it keeps changing while it is written: %w", s.path, ErrConflict)
}

func (s *Store) nameAll(l loaded, prev rotation.State) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(l.doc.entries))
	for i, e := range l.doc.entries {
		names[i] = s.memory.name(s.prints.seen(e), l.mark(), prev).version
	}
	return names
}

// nextSerial is above all that was ever seen, so that no look takes the new
// file for an older one.
func (s *Store) nextSerial(inFile int64, prev rotation.State) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(inFile, s.seen, serialOf(prev)) + 1
}

// errMoved says that the file is no longer the one that was read.
var errMoved = errors.New("file moved")

func (s *Store) put(d *draft) error {
	data, err := encode(d.doc)
	if err != nil {
		return fmt.Errorf("encode secret file %s: %w", s.path, err)
	}
	if _, err := parse(data, s.kid); err != nil { // never write what could not be read
		return fmt.Errorf("write secret file %s: the new content would be wrong: %w", s.path, err)
	}
	// Who could read the old file through its group can read the new one.
	mode := 0o600 | d.info.Mode().Perm()&0o060
	return replace(s.path, data, mode, d.info, func() error {
		now, err := os.Lstat(s.path)
		if err != nil || !d.is(now) {
			return errMoved
		}
		return nil
	})
}

// lock waits for the writers' lock, a file beside the secret file.
func (s *Store) lock(ctx context.Context) (*os.File, error) {
	path := s.path + ".lock"
	for waited := time.Duration(0); ; waited += lockEvery {
		f, err := tryLock(path)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, errLocked):
			return nil, fmt.Errorf("lock secret file: %w", err)
		case waited >= lockWithin:
			return nil, fmt.Errorf("lock secret file: another process has held %s for %v: see who writes the file", path, lockWithin)
		}
		if err := wait(ctx, lockEvery); err != nil {
			return nil, fmt.Errorf("lock secret file %s: %w", path, err)
		}
	}
}

// encode writes the document as people would: indented, in the order it had.
func encode(d *document) ([]byte, error) {
	type row struct {
		KID     string          `json:"kid,omitempty"`
		Version string          `json:"version,omitempty"`
		Stage   string          `json:"stage"`
		Alg     string          `json:"alg,omitempty"`
		Secret  string          `json:"secret,omitempty"`
		JWK     json.RawMessage `json:"jwk,omitempty"`
		PEM     string          `json:"pem,omitempty"`
	}
	file := struct {
		Serial *int64 `json:"serial,omitempty"`
		Keys   []row  `json:"keys"`
	}{Keys: make([]row, len(d.entries))}
	if d.counted {
		file.Serial = &d.serial
	}
	for i, e := range d.entries {
		file.Keys[i] = row{e.kid, e.version, stageName(e.stage), e.alg, e.secret, e.jwk, e.pem}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(file)
	return b.Bytes(), err
}

func stageName(s rotation.Stage) string {
	for name, stage := range stages {
		if stage == s {
			return name
		}
	}
	return ""
}

// replace puts data in the place of the file at path, at once or not at all,
// and durably. old, where there was a file, lends its owner and group; ready,
// if any, is asked last, and its error leaves everything as it was. Only one
// caller a path may be in it.
func replace(path string, data []byte, mode os.FileMode, old os.FileInfo, ready func() error) (err error) {
	dir, pattern := filepath.Dir(path), "."+filepath.Base(path)+".*.tmp"
	sweep(filepath.Join(dir, pattern))
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil && f != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := fill(f, data, mode, old); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if ready != nil {
		if err := ready(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s (a file that is mounted alone can't be replaced, mount its directory): %w", path, err)
	}
	f = nil
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("write %s: it is written, but may not survive a power cut: %w", path, err)
	}
	return nil
}

// fill writes, syncs and closes the new file.
func fill(f *os.File, data []byte, mode os.FileMode, old os.FileInfo) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if old != nil {
		if err := keepOwner(f, old); err != nil {
			return fmt.Errorf("keep its owner and group: %w", err)
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// sweep removes what a writer left that was killed half-way.
func sweep(pattern string) {
	left, err := filepath.Glob(pattern)
	if err != nil {
		return // the path has characters of a pattern: nothing is swept
	}
	for _, name := range left {
		_ = os.Remove(name) // gone already, or not ours; harmless either way
	}
}
