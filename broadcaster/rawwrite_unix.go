//go:build unix

package broadcaster

import "syscall"

const canTryWrite = true

// tryWrite writes as much of p as a non-blocking descriptor takes now. Nothing
// at all is no error.
func tryWrite(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, p)
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
