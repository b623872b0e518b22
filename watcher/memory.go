package watcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// memory is a file that holds the newest state this process knows of a ring,
// as an event, so that a log that was wiped while the process was down is
// filled again. "" is no file.
type memory string

// load returns the remembered state of ring, the zero state if there is none.
func (m memory) load(ring string) (rotation.State, error) {
	if m == "" {
		return rotation.State{}, nil
	}
	f, err := os.Open(string(m))
	if errors.Is(err, fs.ErrNotExist) {
		return rotation.State{}, nil
	}
	if err != nil {
		return rotation.State{}, fmt.Errorf("read memory: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, rotation.MaxEvent+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return rotation.State{}, fmt.Errorf("read memory: %w", err)
	}
	ev, err := rotation.DecodeEvent(data)
	if err != nil {
		return rotation.State{}, fmt.Errorf("read memory %s: %w", string(m), err)
	}
	if ev.Data.Ring != ring {
		return rotation.State{}, fmt.Errorf("read memory %s: it remembers ring %s, not %s; give each ring a file of its own", string(m), ev.Data.Ring, ring)
	}
	return ev.Data, nil
}

// save replaces the file as a whole: a reader, or this process after a crash,
// finds the old state or the new one.
func (m memory) save(s rotation.State, store string, at time.Time) (err error) {
	if m == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write memory: %w", err)
		}
	}()
	data, err := json.Marshal(rotation.NewEvent(s, store, "recorded", at))
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(m))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(string(m))+".*") // 0600
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
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
