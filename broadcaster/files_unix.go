//go:build unix

package broadcaster

import "golang.org/x/sys/unix"

// openFiles is how many connections the process may have by RLIMIT_NOFILE; -1: no bound.
func openFiles() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil || uint64(l.Cur) > 1<<30 {
		return -1
	}
	return connectionsFor(int(l.Cur))
}
