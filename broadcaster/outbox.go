package broadcaster

import (
	"net"
	"time"
)

// sendLocked owes the peer a frame and writes what it can without waiting.
// The frame belongs to the session afterwards.
func (s *session) sendLocked(frame []byte) {
	if s.dead || len(frame) == 0 {
		return
	}
	if len(s.rest) == 0 {
		s.rest = frame[:len(frame):len(frame)]
	} else if len(s.rest)+len(frame) <= maxRest {
		// The tail of a shared frame may be in rest: it has no spare capacity,
		// so that append copies.
		s.rest = append(s.rest, frame...)
	} else {
		s.ring.hub.metrics.slow.Inc()
		s.killLocked()
		return
	}
	s.flushLocked()
}

// flushLocked writes what the peer is owed: rest first, then the newest state
// if it is owed. It never waits; where the socket takes no more, the session
// is tried again each second.
func (s *session) flushLocked() {
	if s.dead {
		return
	}
	if s.fd == noDescriptor {
		if !s.busy && (len(s.rest) > 0 || s.owed) {
			s.busy = true
			s.ring.hub.lane.add(s)
		}
		return
	}
	for s.takeLocked() {
		n, err := tryWrite(s.fd, s.rest)
		if err != nil {
			s.killLocked() // the peer is gone
			return
		}
		if s.rest = s.rest[n:]; len(s.rest) > 0 {
			s.stuckLocked()
			return
		}
	}
	s.since = 0
}

// takeLocked makes rest what is to be written next; false: nothing.
func (s *session) takeLocked() bool {
	if len(s.rest) > 0 {
		return true
	}
	s.rest = nil
	if !s.owed {
		return false
	}
	s.owed = false
	f := s.ring.fresh()
	s.rest, s.rev = f.data[:len(f.data):len(f.data)], f.rev
	return true
}

// stuckLocked notes that the peer does not read.
func (s *session) stuckLocked() {
	if s.since != 0 {
		return
	}
	now := s.ring.hub.clock()
	s.since = max(now, 1)
	if tick := s.ring.arm(s, now+1); tick != 0 && (s.armed == 0 || tick < s.armed) {
		s.armed = tick
	}
}

// Write takes a control frame of the WebSocket library, and the answer to the
// handshake before the session is open. Close frames are dropped: the session
// sends its own.
func (s *session) Write(p []byte) (int, error) {
	if !s.open {
		return s.Conn.Write(p)
	}
	if len(p) == 0 || p[0]&opMask == opClose {
		return len(p), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return 0, net.ErrClosed
	}
	if s.closing {
		return len(p), nil
	}
	if !s.admitLocked() {
		s.closeLocked(closeTooMany, nil)
		return len(p), nil
	}
	s.sendLocked(append([]byte(nil), p...))
	return len(p), nil
}

// Close ends the connection, in the one way that keeps descriptor's promise.
func (s *session) Close() error {
	if !s.open {
		return s.Conn.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
	return nil
}

// SetWriteDeadline keeps the WebSocket library from setting deadlines: the
// session minds them.
func (s *session) SetWriteDeadline(t time.Time) error {
	if s.open {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}

// Frames that a client may send: ten a second, fifty at once. It bounds what
// one connection can make the hub do.
const (
	frameEvery = 100 // milliseconds
	frameBurst = 50
)

// admitLocked counts one frame of the client.
func (s *session) admitLocked() bool {
	return s.frames.take(s.ring.hub.clock(), frameEvery, frameBurst)
}

// maxAuths is how many auth frames a client may send in a minute.
const maxAuths = 6

// admitAuthLocked counts one auth frame of the client.
func (s *session) admitAuthLocked() bool {
	now := uint32(s.ring.hub.clock() / 1000)
	if s.authCount == 0 || now-s.authFrom >= 60 {
		s.authFrom, s.authCount = now, 0
	}
	if s.authCount == maxAuths {
		return false
	}
	s.authCount++
	return true
}
