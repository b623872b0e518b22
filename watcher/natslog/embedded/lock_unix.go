//go:build unix

package embedded

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// lock takes the lock at path and returns a function that gives it back, which
// may be called more than once.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, f.Close())
	}
	return sync.OnceValue(f.Close), nil
}
