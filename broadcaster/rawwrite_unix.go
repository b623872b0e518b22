//go:build unix

package broadcaster

import "syscall"

const canTryWrite = true

// tryWrite writes to a non-blocking descriptor once.
func tryWrite(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, nil
		}
		return 0, err
	}
}
