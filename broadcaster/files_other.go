//go:build !unix

package broadcaster

// openFiles is how many connections the process may have; -1: no bound.
func openFiles() int { return -1 }
