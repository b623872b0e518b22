package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile writes a file as a whole: a reader, and whoever starts after a
// crash, finds the old content or the new. The file is its owner's alone (0600)
// whatever was there before.
func replaceFile(path string, data []byte) error {
	fresh, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = fresh.Write(data)
	if err == nil {
		err = fresh.Sync() // the rename must not overtake what it names
	}
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(fresh.Name()))
	}
	return nil
}
