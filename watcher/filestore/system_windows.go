package filestore

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const (
	openFlags  = 0
	othersMask = 0 // modes say nothing here; access lists do, and are the administrator's
)

// errLocked says that another writer holds the lock.
var errLocked = errors.New("locked")

// tryLock takes the lock at path, which the system gives back when the file is closed.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, new(windows.Overlapped)); err != nil {
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			err = errLocked
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func replaceable(string, os.FileInfo) error { return nil }
func keepOwner(*os.File, os.FileInfo) error { return nil }
func syncDir(string) error                  { return nil }
