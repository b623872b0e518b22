package broadcaster

import (
	"crypto/tls"
	"net"
	"sync"
	"syscall"
)

// rawWriter writes to a socket without ever waiting for it, and without
// allocating. One goroutine uses it at a time.
type rawWriter struct {
	p     []byte
	n     int
	err   error
	tryFn func(fd uintptr) bool // its own method try, bound once
}

func (w *rawWriter) try(fd uintptr) bool {
	w.n, w.err = tryWrite(fd, w.p)
	return true // do not wait until the socket is writable
}

// write writes as much of p as the socket takes now. Nothing at all is no error.
func (w *rawWriter) write(c syscall.RawConn, p []byte) (int, error) {
	if w.tryFn == nil {
		w.tryFn = w.try
	}
	w.p, w.n, w.err = p, 0, nil
	err := c.Write(w.tryFn)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// rawWriters lends writers to goroutines that write now and then.
var rawWriters rawWriterPool

type rawWriterPool struct{ pool sync.Pool }

func (p *rawWriterPool) get() *rawWriter {
	if w, ok := p.pool.Get().(*rawWriter); ok {
		return w
	}
	return new(rawWriter)
}

func (p *rawWriterPool) put(w *rawWriter) { p.pool.Put(w) }

// rawConn returns the connection's raw form, nil where its bytes may only go
// through its own Write: TLS, wrapped and in-memory connections.
func rawConn(c net.Conn) syscall.RawConn {
	if _, ok := c.(*tls.Conn); ok || !canTryWrite {
		return nil
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
