package broadcaster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// scripted is a connection whose peer sends fixed bytes and then its end.
type scripted struct {
	in *bytes.Reader

	mu     sync.Mutex
	out    bytes.Buffer
	closed bool
}

func (c *scripted) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *scripted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	return c.out.Write(p)
}

func (c *scripted) written() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.out.Bytes())
}

func (c *scripted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}
func (c *scripted) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// hijackable answers a handshake on a given connection and throws the answer away.
type hijackable struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(bytes.NewReader(nil)), bufio.NewWriter(io.Discard)), nil
}

// muted drops what is written during the handshake.
type muted struct{ net.Conn }

func (muted) Write(p []byte) (int, error) { return len(p), nil }

// gorillaServer upgrades without HTTP around it, as stream does.
func gorillaServer(s *session) *websocket.Conn {
	r, err := http.NewRequest(http.MethodGet, "/v1/stream", nil)
	if err != nil {
		panic(err)
	}
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(k, v)
	}
	under := s.Conn
	s.Conn = muted{under}
	ws, err := newUpgrader().Upgrade(hijackable{conn: s}, r, nil)
	if err != nil {
		panic(err)
	}
	s.Conn = under
	ws.SetReadLimit(maxMessage)
	ws.SetCloseHandler(leaveOpen)
	return ws
}

// decodeByStandardLibrary says what decode should, slowly.
func decodeByStandardLibrary(data []byte) (message, error) {
	if len(data) > maxMessage || !utf8.Valid(data) {
		return message{}, errTooBig
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return message{}, errNotJSON
	}
	found := map[string][]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return message{}, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return message{}, err
		}
		found[name.(string)] = append(found[name.(string)], value)
	}
	if _, err := dec.Token(); err != nil {
		return message{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return message{}, errors.New("more after the object")
	}
	one := func(name string) (string, error) {
		if len(found[name]) != 1 || found[name][0][0] != '"' {
			return "", errNotString
		}
		var s string
		return s, json.Unmarshal(found[name][0], &s)
	}
	var m message
	var err error
	if m.kind, err = one("type"); err != nil {
		return message{}, err
	}
	switch m.kind {
	case kindAuth:
		if m.cookie = len(found["token"]) == 0; !m.cookie {
			m.token, err = one("token")
		}
	case kindFailed:
		m.code, err = one("code")
		if err == nil && (m.code == "" || len(m.code) > maxFailedCode) {
			err = errNoCode
		}
	}
	if err != nil {
		return message{}, err
	}
	return m, nil
}
