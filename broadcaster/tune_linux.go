package broadcaster

import (
	"net"

	"golang.org/x/sys/unix"
)

// userTimeout is how long sent bytes may stay unacknowledged, in milliseconds
// (RFC 5482): two beacons and a little. Then the peer counts as dead, though
// its socket buffer would take beacons for hours.
const userTimeout = 60_000

// tune makes beacons do what keep-alive probes would do as well.
func tune(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAlive(false) // where it fails there are some more packets
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout) // where it fails the kernel's default holds
		})
	}
}
