package admin

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// single is a listener that accepts one connection, and then waits for its end.
type single struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *single) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *single) Close() error { close(l.closed); return nil }

func (l *single) Addr() net.Addr { return &net.TCPAddr{} }

func TestAReaderThatIsStuckIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{more: make(chan struct{}), list: []rotation.State{{Ring: "demo", Rev: 1}}}
		s, _ := newTest(t, d, tokens())
		ended := make(chan struct{})
		server := &http.Server{WriteTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			s.ServeHTTP(w, r)
		})}
		near, far := net.Pipe() // holds nothing: a line is written when it is read
		l := &single{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conns <- far
		done := make(chan error)
		go func() { done <- server.Serve(l) }()
		if _, err := io.WriteString(near, "GET /v1/rings/demo/states HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer kta_view\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(time.Hour):
			t.Error("its handler runs for ever")
		}
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}
