package broadcaster

import (
	"crypto/tls"
	"net"
	"syscall"
)

// noDescriptor stands for connections that can only be written by their own
// Write, which may wait: TLS, wrapped and in-memory ones.
const noDescriptor = -1

// descriptor returns the connection's file descriptor for tryWrite.
//
// It is valid until the connection is closed. A session closes its connection
// in killLocked only, and never writes afterwards, all under its lock: so the
// number can't have passed to another file by then.
func descriptor(c net.Conn) int {
	if _, ok := c.(*tls.Conn); ok || !canTryWrite {
		return noDescriptor
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return noDescriptor
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return noDescriptor
	}
	fd := noDescriptor
	if raw.Control(func(n uintptr) { fd = int(n) }) != nil {
		return noDescriptor
	}
	return fd
}
