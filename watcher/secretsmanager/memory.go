package secretsmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// identity tells a secret from another one of the same name: AWS gives each a
// new ARN. The zero identity is that of no secret.
type identity struct {
	ID      string    `json:"secret"` // as configured when it was seen
	ARN     string    `json:"arn"`
	Created time.Time `json:"created"`
}

// differs reports whether the view, got under the configured id, is of another
// secret than i, and not of one that i has replaced.
func (i identity) differs(id string, v view) bool {
	return i.ARN != "" && i.ARN != v.arn && !i.overtakes(id, v)
}

// overtakes reports whether i is the later secret of the two that had this name.
func (i identity) overtakes(id string, v view) bool {
	return i.ARN != "" && i.ARN != v.arn && i.ID == id && v.created.Before(i.Created)
}

// memory is a file that holds the identity of the secret last seen. "" is no file.
type memory string

// load returns the zero identity where there is no file, or where it can't be
// understood: what it is missed for is rare, and the file is written anew.
func (m memory) load() (identity, error) {
	if m == "" {
		return identity{}, nil
	}
	data, err := os.ReadFile(string(m))
	if errors.Is(err, fs.ErrNotExist) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, fmt.Errorf("read memory of the secret: %w", err)
	}
	var i identity
	if json.Unmarshal(data, &i) != nil {
		return identity{}, nil
	}
	return i, nil
}

// save replaces the file as a whole, mode 0600.
func (m memory) save(i identity) error {
	if m == "" {
		return nil
	}
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(string(m)), filepath.Base(string(m))+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), string(m))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// remember takes the identity of the view's secret for that of the ring once the
// state tells of it: until then the state must be told that it is another one.
func (s *Store) remember(v view, prev rotation.State) {
	s.mu.Lock()
	is := identity{ID: s.id, ARN: v.arn, Created: v.created}
	told := shows(v, prev) || s.remembered.ARN == "" && (prev.IsZero() || !s.foreignLocked(v, prev)) || s.remembered.ARN == v.arn
	if !told || s.remembered == is {
		s.mu.Unlock()
		return
	}
	s.remembered = is
	s.mu.Unlock()
	if err := s.memory.save(is); err != nil {
		s.log.Warn("identity of the secret not saved, so a secret made anew under its name may be taken for the same across a restart", zap.Error(err))
	}
}

// absence counts how often in a row there was no such secret.
type absence struct {
	times int
	since time.Time
}

// How much it takes to believe that a secret is gone for good: an eventually
// consistent service may say so of one that was just made.
const (
	goneTimes = 3
	goneAfter = 60 * time.Second
)

// again counts one more time, and reports whether the secret is to be taken for gone.
func (a absence) again(now time.Time) (absence, bool) {
	if a.times == 0 {
		a.since = now
	}
	a.times++
	return a, a.times >= goneTimes && now.Sub(a.since) >= goneAfter
}
