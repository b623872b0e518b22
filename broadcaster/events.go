package broadcaster

import (
	"encoding/binary"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Some proxies let no WebSocket through. For clients behind them the stream
// answers the same frames as server-sent events (HTML Living Standard §9.2).
// Such a connection hears and does not speak: its request presents the token,
// and for another token its client makes another connection.

// eventType is the media type that asks for events, and theirs.
const eventType = "text/event-stream"

// wantsEvents reports whether a request accepts events by name. A wildcard does not
// count: it comes with requests that mean something else.
func wantsEvents(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(header, ",") {
			if media, _, err := mime.ParseMediaType(item); err == nil && media == eventType {
				return true
			}
		}
	}
	return false
}

// events serves a connection as server-sent events, and returns when it has ended.
func (h *Hub) events(w http.ResponseWriter, r *http.Request) *problem {
	s, p := h.enter(r)
	if p != nil {
		return p
	}
	s.handed = s.ring.brought(r)
	c := &eventConn{w: w, control: http.NewResponseController(w), gone: r.Context().Done(), over: make(chan struct{})}
	s.Conn = c
	header := w.Header()
	header.Set("Content-Type", eventType)
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx passes events on as they come
	w.WriteHeader(http.StatusOK)
	if c.flush() != nil { // gone already, or the server's response can't go on
		h.discharge(s)
		return nil
	}
	h.metrics.events.WithLabelValues(s.ring.name).Inc()
	h.start(s)
	h.read(s, c)
	c.rest()
	return nil
}

// eventConn is a response that goes on, as the connection of a session. It is
// never written from two goroutines at once, and not after its handler has returned.
type eventConn struct {
	net.Conn // nil: the hub asks for none of the rest

	w       http.ResponseWriter
	control *http.ResponseController
	gone    <-chan struct{} // closed when the peer has gone
	over    chan struct{}   // closed when the session has ended
	end     sync.Once
	begun   bool // the token has been presented

	writing sync.Mutex
}

// presented is what the client would send first over a WebSocket: the token is
// the one that came with the request.
const presented = `{"type":"auth"}`

// NextReader implements socket.
func (c *eventConn) NextReader() (int, io.Reader, error) {
	if !c.begun {
		c.begun = true
		return websocket.TextMessage, strings.NewReader(presented), nil
	}
	select {
	case <-c.gone:
	case <-c.over:
	}
	return 0, nil, io.EOF
}

// Write sends the hub's WebSocket frames as events. It waits at most for
// writeLimit. After a close frame it returns io.EOF: nobody answers that one.
func (c *eventConn) Write(frames []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	select {
	case <-c.over:
		return 0, net.ErrClosed
	default:
	}
	_ = c.control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it can't be set, the server's own holds
	events, last := asEvents(frames)
	if _, err := c.w.Write(events); err != nil {
		return 0, err
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	if last {
		return len(frames), io.EOF
	}
	return len(frames), nil
}

// flush sends what is written, and lifts the deadline, the server's own at first:
// with HTTP/2 it would end the response though nothing waits to be written.
func (c *eventConn) flush() error {
	err := c.control.Flush()
	_ = c.control.SetWriteDeadline(time.Time{}) // as above
	return err
}

// Read waits for the end: nothing is ever sent.
func (c *eventConn) Read([]byte) (int, error) {
	<-c.over
	return 0, io.EOF
}

// Close ends the response. A Write that waits for the peer ends with it.
func (c *eventConn) Close() error {
	c.end.Do(func() {
		if c.writing.TryLock() {
			c.writing.Unlock() // a response that nobody writes ends in good order
		} else {
			_ = c.control.SetWriteDeadline(time.Unix(1, 0)) // else it ends by its own deadline
		}
		close(c.over)
	})
	return nil
}

// rest waits until nobody writes any more.
func (c *eventConn) rest() {
	c.writing.Lock()
	defer c.writing.Unlock()
}

// SetReadDeadline does nothing: what is read has come with the request.
func (c *eventConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: Write sets its own.
func (c *eventConn) SetWriteDeadline(time.Time) error { return nil }

// asEvents turns whole frames of the hub's own into events, one each: the JSON
// of a text frame as it is, and a close frame as {"type":"close","code":…,"reason":…}.
// last: there was one. Other control frames answer a client that speaks, and have no counterpart.
func asEvents(frames []byte) (events []byte, last bool) {
	events = make([]byte, 0, len(frames)+32)
	for len(frames) > 0 {
		payload, size := frames[2:], int(frames[1])
		if size == 126 {
			payload, size = frames[4:], int(binary.BigEndian.Uint16(frames[2:]))
		}
		switch body := payload[:size]; frames[0] & opMask {
		case opText:
			events = append(append(append(events, "data: "...), body...), "\n\n"...)
		case opClose:
			last = true
			code, reason := 0, ""
			if size >= 2 {
				code, reason = int(binary.BigEndian.Uint16(body)), string(body[2:])
			}
			events = append(events, `data: {"type":"close","code":`...)
			events = strconv.AppendInt(events, int64(code), 10)
			events = append(strconv.AppendQuote(append(events, `,"reason":`...), reason), "}\n\n"...)
		}
		frames = payload[size:]
	}
	return events, last
}
