package aws

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keyturn/keyturn/test/harness"
)

// listener is a WebSocket client of the stream.
type listener struct {
	conn *websocket.Conn
	done chan struct{}

	mu     sync.Mutex
	frames []harness.Frame
	err    error
}

// listen connects with a token; the server's frames are collected until the test ends.
func (d *daemon) listen(token string) *listener {
	d.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"keyturn.v1"}, HandshakeTimeout: 10 * time.Second}
	conn, res, err := dialer.DialContext(d.t.Context(), "ws"+strings.TrimPrefix(d.public, "http")+"/v1/stream?ring="+ring, http.Header{"Origin": {origin}})
	if err != nil {
		d.t.Fatalf("connect: %v (%v)", err, res)
	}
	if err := conn.WriteJSON(map[string]string{"type": "auth", "token": token}); err != nil {
		d.t.Fatal(err)
	}
	l := &listener{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for {
			var f harness.Frame
			err := conn.ReadJSON(&f)
			l.mu.Lock()
			if err != nil {
				l.err = err
				l.mu.Unlock()
				return
			}
			l.frames = append(l.frames, f)
			l.mu.Unlock()
		}
	}()
	d.t.Cleanup(func() { _ = conn.Close(); <-l.done })
	return l
}

// state returns the newest state frame.
func (l *listener) state() (newest harness.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.frames {
		if f.Type == "state" {
			newest = f
		}
	}
	return newest
}

// revs counts the different states that arrived.
func (l *listener) revs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[int64]bool{}
	for _, f := range l.frames {
		if f.Type == "state" {
			seen[f.Rev] = true
		}
	}
	return len(seen)
}

// everything is all that arrived.
func (l *listener) everything() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%+v", l.frames)
}

// closed returns why the connection ended; nil: it has not.
func (l *listener) closed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// hears waits until a state with that key as current has arrived.
func (d *daemon) hears(l *listener, key string) {
	d.t.Helper()
	harness.Until(d.t, "the client is told of key "+key, func() bool { return l.state().Key == key })
}
