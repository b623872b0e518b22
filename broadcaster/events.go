package broadcaster

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
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
	c := &eventConn{
		w: w, control: http.NewResponseController(w), gone: r.Context().Done(), over: make(chan struct{}),
		todo: make(chan []byte), done: make(chan error, 1),
	}
	s.Conn = c
	header := w.Header()
	header.Set("Content-Type", eventType)
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx passes events on as they come
	if r.ProtoMajor == 1 {
		header.Set("Connection", "close") // no other request comes under the deadline of the end
	}
	w.WriteHeader(http.StatusOK)
	if c.send(nil) != nil { // gone already, or the server's response can't go on
		h.discharge(s)
		return nil
	}
	h.metrics.events.WithLabelValues(s.ring.name).Inc()
	h.start(s)
	go h.read(s, c)
	c.serve()
	return nil
}

// eventConn is a response that goes on, as the connection of a session. The
// response belongs to its handler: nobody else touches it, so that nobody else
// is held up where it can't be written. An HTTP/2 peer that reads nothing at all
// holds its handlers past any deadline of theirs, since their end needs writing too.
type eventConn struct {
	net.Conn // nil: the hub asks for none of the rest

	w       http.ResponseWriter
	control *http.ResponseController
	gone    <-chan struct{} // closed when the peer has gone
	over    chan struct{}   // closed when the session has ended
	end     sync.Once
	begun   bool // the token has been presented

	todo chan []byte // events for the handler to write; not after over
	done chan error  // what became of them; capacity 1: Write may have given up
}

// serve writes what Write hands over until the session has ended.
func (c *eventConn) serve() {
	for {
		select {
		case events := <-c.todo:
			c.done <- c.send(events)
		case <-c.over:
			_ = c.control.SetWriteDeadline(time.Now().Add(writeLimit)) // of what net/http ends a response with
			return
		}
	}
}

// send writes events, and lifts the deadline, the server's own at first: with
// HTTP/2 it would end the response though nothing waits to be written.
func (c *eventConn) send(events []byte) error {
	_ = c.control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it can't be set, the server's own holds
	if _, err := c.w.Write(events); err != nil {
		return err
	}
	if err := c.control.Flush(); err != nil {
		return err
	}
	_ = c.control.SetWriteDeadline(time.Time{}) // as above
	return nil
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
// writeLimit, and is not called again after an error. After a close frame it
// returns io.EOF: nobody answers that one.
func (c *eventConn) Write(frames []byte) (int, error) {
	events, last := asEvents(frames)
	limit := time.NewTimer(writeLimit)
	defer limit.Stop()
	select {
	case c.todo <- events:
	case <-c.over:
		return 0, net.ErrClosed
	}
	select {
	case err := <-c.done:
		if err == nil && last {
			err = io.EOF
		}
		return len(frames), err
	case <-c.over:
		return 0, net.ErrClosed
	case <-limit.C:
		return 0, os.ErrDeadlineExceeded
	}
}

// Read waits for the end: nothing is ever sent.
func (c *eventConn) Read([]byte) (int, error) {
	<-c.over
	return 0, io.EOF
}

// Close has the handler end the response, once what it writes is written or
// has failed.
func (c *eventConn) Close() error {
	c.end.Do(func() { close(c.over) })
	return nil
}

// SetReadDeadline does nothing: what is read has come with the request.
func (c *eventConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: Write minds its own.
func (c *eventConn) SetWriteDeadline(time.Time) error { return nil }

// closeEvent stands for a close frame.
type closeEvent struct {
	Type   string `json:"type"` // "close"
	Code   uint16 `json:"code"`
	Reason string `json:"reason"`
}

// asEvents turns whole frames of the hub's own into events, one each: the JSON
// of a text frame as it is, and a close frame as a [closeEvent].
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
			events = appendEvent(events, body)
		case opClose:
			last = true
			end := closeEvent{Type: "close"}
			if size >= 2 {
				end.Code, end.Reason = binary.BigEndian.Uint16(body), string(body[2:])
			}
			text, err := json.Marshal(end)
			if err != nil {
				panic("broadcaster: encode close event: " + err.Error()) // strings and a number always encode
			}
			events = appendEvent(events, text)
		}
		frames = payload[size:]
	}
	return events, last
}

func appendEvent(events, text []byte) []byte {
	return append(append(append(events, "data: "...), text...), "\n\n"...)
}
