//go:build unix

package main

import "syscall"

// openFiles returns how many files this process may open; 0: unknown. The Go
// runtime raises the soft limit to the hard one at its start.
func openFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur) //nolint:unconvert // signed on some systems
}
