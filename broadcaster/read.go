package broadcaster

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"
)

// socket is what the hub needs of a WebSocket library; *websocket.Conn is one.
// Everything else (frames to write, close codes, deadlines, limits of rate)
// stands on the connection underneath, so another library takes its place easily.
type socket interface {
	// NextReader waits for a data message and returns its type and its body.
	// Control frames are dealt with on the way. An error is final.
	NextReader() (messageType int, body io.Reader, err error)
}

// read receives the session's messages until the connection ends. It runs in
// a goroutine of its own and spends its life in NextReader: what is on its
// stack there is paid for by every connection, so the rest is in functions
// that return before it waits again.
func (h *Hub) read(s *session, in socket) {
	defer h.leave(s)
	for {
		kind, body, err := in.NextReader()
		if err != nil {
			s.ended(err)
			return
		}
		if !s.receive(kind, body) {
			return
		}
	}
}

// messages lends buffers for the time in which one message is read.
var messages = sync.Pool{New: func() any { return new([maxMessage + 1]byte) }}

// receive reads and handles one message; false: the connection has ended.
func (s *session) receive(kind int, body io.Reader) bool {
	s.mu.Lock()
	closing, dead := s.closing, s.dead
	s.mu.Unlock()
	if closing || dead {
		return !dead // only the peer's close frame is of interest
	}
	m, err := s.message(kind, body)
	var malformed malformedError
	switch {
	case err == nil:
		s.handle(m)
		return true
	case errors.As(err, &malformed):
		s.ring.hub.log.Debug("malformed frame", zap.String("ring", s.ring.name), zap.Error(err))
		s.handleBadFrame()
		return true
	}
	s.ended(err)
	return false
}

// malformedError is what is wrong with a whole message.
type malformedError struct{ error }

func (s *session) message(kind int, body io.Reader) (message, error) {
	if kind != websocket.TextMessage {
		return message{}, malformedError{errNotText}
	}
	buf := messages.Get().(*[maxMessage + 1]byte)
	defer messages.Put(buf)
	// A message that has begun holds a buffer, so it has to come to its end.
	if err := s.Conn.SetReadDeadline(time.Now().Add(readLimit)); err != nil {
		return message{}, err
	}
	n := 0
	for {
		k, err := body.Read(buf[n:])
		if n += k; err == io.EOF {
			break
		}
		if err != nil {
			return message{}, err
		}
		if n > maxMessage {
			return message{}, malformedError{errTooBig}
		}
	}
	if err := s.Conn.SetReadDeadline(time.Time{}); err != nil {
		return message{}, err
	}
	m, err := decode(buf[:n])
	if err != nil {
		return message{}, malformedError{err}
	}
	return m, nil
}

func (s *session) handleBadFrame() {
	s.close(closeBadRequest, nil)
}

// handle does what a client's frame asks for. It returns when the frame is
// answered, so that frames are answered in their order.
func (s *session) handle(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.dead {
		return
	}
	if !s.admitLocked() {
		s.closeLocked(closeTooMany, nil)
		return
	}
	switch m.kind {
	case kindPing:
		s.sendLocked(pong)
	case kindFailed:
		if s.key != nil && !s.failed {
			s.failed = true
			s.ring.hub.note()
		}
	case kindAuth:
		if s.ring.verify == nil {
			return // public: nobody is asked who they are
		}
		if !s.admitAuthLocked() {
			s.closeLocked(closeTooMany, nil)
			return
		}
		token, ok := s.presentedLocked(m)
		if !ok {
			return
		}
		s.verifying = true
		s.mu.Unlock()
		s.ring.hub.verify(s, token)
		s.mu.Lock()
	}
}

// ended deals with the end of reading. It answers the peer's close frame, and
// refuses a peer that breaks the WebSocket protocol with 4400.
func (s *session) ended(err error) {
	var closed *websocket.CloseError
	isClose := errors.As(err, &closed)
	switch {
	case isClose && closed.Code != websocket.CloseAbnormalClosure:
		s.answerClose(closed.Code)
	case isClose, connectionLost(err):
	default:
		s.close(closeBadRequest, nil)
		s.discard()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
}

// connectionLost reports whether err tells of the connection, not of what the
// peer sent over it.
func connectionLost(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled)
}

// answerClose sends the peer's own close code back (RFC 6455 §5.5.1), unless
// our close frame is out already.
func (s *session) answerClose(code int) {
	if code == websocket.CloseNoStatusReceived {
		code = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.dead {
		return
	}
	s.closing = true
	s.ring.hub.metrics.closes.WithLabelValues(s.ring.name, "by_client").Inc()
	s.sendLocked(closeFrame(code, ""))
	if s.fd == noDescriptor { // give the lane its time to write
		s.until = s.ring.hub.clock() + lingerLimit.Milliseconds()
		s.attendLocked()
		s.mu.Unlock()
		s.drainReads()
		s.mu.Lock()
	}
}

// discard reads what the peer still sends after our close frame, until it
// closes or its time to do so is over: unread bytes would turn the end of the
// connection into a reset, and the peer might never see the close frame.
func (s *session) discard() {
	s.mu.Lock()
	sent := s.fd != noDescriptor && len(s.rest) == 0
	s.mu.Unlock()
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok && sent {
		_ = half.CloseWrite() // an error shows at the next read
	}
	s.drainReads()
}

func (s *session) drainReads() {
	buf := messages.Get().(*[maxMessage + 1]byte)
	defer messages.Put(buf)
	for {
		if _, err := s.Conn.Read(buf[:]); err != nil {
			return
		}
	}
}
