package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// refCommand tells a reference server to send a text to all its clients.
type refCommand struct {
	Send string `json:"send"`
}

type refAnswer struct {
	Error   string `json:"error,omitempty"`
	BeginNs int64  `json:"begin"` // when the first write began, Unix ns
	Sent    int    `json:"sent"`
}

// listening is what a reference server says first.
type listening struct {
	Address string `json:"address"`
}

// runFloor is the least that a server can do: plain sockets, and one loop of
// write(2) over them. It understands nothing of what it serves.
func runFloor(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	var mu sync.Mutex
	var fds []int
	var handshakes sync.WaitGroup
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			handshakes.Go(func() {
				fd, err := takeOver(conn.(*net.TCPConn))
				if err != nil {
					return // the client says so
				}
				mu.Lock()
				fds = append(fds, fd)
				mu.Unlock()
			})
		}
	}()
	return serveReference(ctx, in, out, l.Addr().String(), func(text string) refAnswer {
		handshakes.Wait()
		frame := appendFrame(nil, opText, []byte(text), false)
		mu.Lock()
		defer mu.Unlock()
		a := refAnswer{BeginNs: time.Now().UnixNano()}
		for _, fd := range fds {
			if n, err := syscall.Write(fd, frame); err != nil || n != len(frame) {
				a.Error = fmt.Sprintf("write: %d bytes, %v", n, err)
				return a
			}
			a.Sent++
		}
		return a
	})
}

// takeOver answers the handshake and takes the descriptor out of Go's hands.
func takeOver(conn *net.TCPConn) (int, error) {
	defer func() { _ = conn.Close() }() // its duplicate stays open
	if _, err := skipHead(bufio.NewReaderSize(conn, 1<<10)); err != nil {
		return 0, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var dup error
	if err := raw.Control(func(old uintptr) { fd, dup = syscall.Dup(int(old)) }); err != nil {
		return 0, err
	}
	if dup != nil {
		return 0, dup
	}
	if _, err := conn.Write([]byte(response)); err != nil {
		return 0, errors.Join(err, syscall.Close(fd))
	}
	return fd, nil
}

// runNaive is the hub that one writes first: gorilla/websocket as its examples
// have it, a goroutine that reads for each connection, and one loop that
// writes to all.
func runNaive(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	var mu sync.Mutex
	conns := map[*websocket.Conn]bool{}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"keyturn.v1"}}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			mu.Unlock()
			return // the client was told
		}
		conns[c] = true
		mu.Unlock()
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				mu.Lock()
				delete(conns, c)
				mu.Unlock()
				c.Close()
				return
			}
		}
	})}
	go func() { _ = srv.Serve(l) }() // ends with the process
	return serveReference(ctx, in, out, l.Addr().String(), func(text string) refAnswer {
		mu.Lock()
		defer mu.Unlock()
		a := refAnswer{BeginNs: time.Now().UnixNano()}
		for c := range conns {
			if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				a.Error = err.Error()
				return a
			}
			a.Sent++
		}
		return a
	})
}

func serveReference(ctx context.Context, in io.Reader, out io.Writer, address string, send func(string) refAnswer) error {
	if _, err := fmt.Fprintf(out, "{\"address\":%q}\n", address); err != nil {
		return err
	}
	return serveCommands(ctx, in, out, func(c refCommand) any { return send(c.Send) })
}
