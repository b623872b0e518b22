package broadcaster

import (
	"math"
	"net"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// session is one connection. There are many and they idle for weeks: every
// field is paid for a hundred thousand times.
//
// It is also the net.Conn that the WebSocket library reads from and writes to,
// so that the library's own control frames go through the same outbox.
type session struct {
	net.Conn     // the peer
	fd       int // for tryWrite; noDescriptor where the connection may have to wait, see lane
	ring     *ring
	address  *address // whose limits it counts against; nil: none
	id       uint64   // names it in frames and logs, and chooses its slot
	index    int      // in its slot's members; guarded by the slot

	mu    sync.Mutex
	rest  []byte   // what the peer is still owed: the tail of a frame, then whole frames
	since int64    // since when rest could not be written, on the hub's clock; 0: it could
	armed int64    // the tick of its earliest alarm; 0: none
	key   *keyRef  // verified its token; nil: not authenticated
	until int64    // authenticated: Unix ms of the last tick within the token's grace; else hub's clock: auth deadline, end of lingering
	rev   int64    // of the newest state it was sent
	who   identity // whom its token speaks for

	handed *string // the token that came with its handshake, until it is presented; nil: none

	frames    bucket
	authFrom  uint32 // when the present minute of auths began, seconds of the hub's clock
	authCount uint8

	owed      bool // it wants the newest state after rest: the latest-wins slot
	busy      bool // a lane goroutine writes for it
	verifying bool // an auth frame has come and is not answered yet
	failed    bool // its last refresh failed
	open      bool // the handshake is over
	closing   bool // our close frame is in rest or sent
	dead      bool // the connection has been closed
}

// maxRest bounds what a session may be owed besides the newest state.
const maxRest = 32 << 10

// never is a deadline that does not come.
const never = math.MaxInt64

func (s *session) slot() *slot { return &s.ring.slots[s.id%uint64(len(s.ring.slots))] }

// listensLocked reports whether it may have states.
func (s *session) listensLocked() bool {
	return (s.key != nil || s.ring.verify == nil) && s.open && !s.closing && !s.dead
}

// push has the session sent the newest state if it has not been sent it yet,
// and ends it if the key of its token is gone.
func (s *session) push() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listensLocked() {
		return
	}
	if s.key != nil && fate(s.key.fate.Load()) != fateAlive {
		s.endKeyLocked()
		return
	}
	if f := s.ring.frame.Load(); f != nil && s.rev != f.rev {
		s.owed = true
		s.flushLocked()
	}
	if s.key != nil && s.key.until.Load() != 0 {
		s.attendLocked()
	}
}

// beacon has the session sent the newest state again, and looks at its deadlines.
func (s *session) beacon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listensLocked() && s.ring.frame.Load() != nil {
		s.owed = true
		s.flushLocked()
	}
	s.attendLocked()
}

// alarmed looks at the session's deadlines in the tick for which it was armed,
// or in a later one where the wheel stood still for more than a round.
func (s *session) alarmed(tick int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed <= tick {
		s.armed = 0
	}
	s.attendLocked()
}

// attendLocked does what is due and arms the session for what is due next.
func (s *session) attendLocked() {
	now := s.ring.hub.clock()
	if s.since != 0 && !s.dead {
		s.flushLocked()
		if s.since != 0 && now-s.since >= writeLimit.Milliseconds() {
			s.ring.hub.metrics.slow.Inc()
			s.killLocked()
		}
	}
	if s.dead {
		return
	}
	at := s.dueLocked(now)
	if at <= now {
		s.expireLocked()
		if s.dead {
			return
		}
		at = s.dueLocked(now)
	}
	if s.since != 0 {
		at = now + 1 // try to write again in the next second
	}
	if at == never || s.armed != 0 && s.armed <= (at+999)/1000 {
		return
	}
	if tick := s.ring.arm(s, at); tick != 0 {
		s.armed = tick
	}
}

// dueLocked is when the session's present condition ends, on the hub's clock.
func (s *session) dueLocked(now int64) int64 {
	switch {
	case s.closing:
		return s.until
	case s.key != nil:
		end := s.until
		if u := s.key.until.Load(); u != 0 {
			end = min(end, u)
		}
		if end == never {
			return never
		}
		return now + end - time.Now().UnixMilli()
	case s.ring.verify == nil || s.verifying:
		return never
	}
	return s.until
}

// expireLocked ends the session's present condition.
func (s *session) expireLocked() {
	switch {
	case s.closing:
		s.killLocked()
	case s.key == nil:
		s.closeLocked(closeAuthTimeout, nil)
	case s.until <= time.Now().UnixMilli():
		s.refuseLocked(auth.CodeTokenExpired, s.ring.retryAfter(time.Now()))
	default:
		s.refuseLocked(auth.CodeKeyRetired, s.ring.retryAfter(time.Now()))
	}
}

// endKeyLocked refuses the session because its key is gone.
func (s *session) endKeyLocked() {
	s.refuseLocked(fateCode(fate(s.key.fate.Load())), s.ring.retryAfter(time.Now()))
}

func fateCode(f fate) string {
	if f == fateRevoked {
		return auth.CodeKeyRevoked
	}
	return auth.CodeKeyRetired
}

// refuseLocked closes with 4401 after an error frame.
func (s *session) refuseLocked(code string, retryAfter time.Duration) {
	s.ring.hub.metrics.refusals.WithLabelValues(s.ring.name, known(code)).Inc()
	s.closeLocked(closeUnauthorized, errorOf(code, retryAfter))
}

// known keeps the label's values to those that we know.
func known(code string) string {
	if _, ok := errorTexts[code]; ok {
		return code
	}
	return "other"
}

func errorOf(code string, retryAfter time.Duration) []byte {
	return mustTextFrame(errorFrame{
		Type: "error", Code: code, Message: errorText(code), RetryAfterMs: retryAfter.Milliseconds(),
	})
}

// closeLocked sends a last frame, which may be nil, and a close frame. The
// peer then has lingerLimit to close its side: ending the connection at once
// could make its system drop what it has not read yet.
func (s *session) closeLocked(code int, last []byte) {
	if s.closing || s.dead {
		return
	}
	h := s.ring.hub
	h.metrics.closes.WithLabelValues(s.ring.name, closeNames[code]).Inc()
	s.closing = true
	s.owed = false
	s.until = h.clock() + lingerLimit.Milliseconds()
	s.sendLocked(append(last, closeFrame(code, closeNames[code])...))
	s.attendLocked()
}

// close is closeLocked for those who do not hold the lock.
func (s *session) close(code int, last []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(code, last)
}

// killLocked ends the connection without a word. Its reader notices and leaves.
func (s *session) killLocked() {
	if s.dead {
		return
	}
	s.dead = true
	s.rest, s.owed = nil, false
	under := s.Conn
	if c, ok := under.(interface{ NetConn() net.Conn }); ok {
		under = c.NetConn() // closing a TLS connection could wait for the peer
	}
	under.Close()
}

// bucket admits events at a rate with a burst, in eight bytes: it holds the
// time at which it will be full again (the generic cell rate algorithm).
type bucket int64

// take admits one event at now if burst allows; each stays for every. Both in milliseconds.
func (b *bucket) take(now, every, burst int64) bool {
	full := max(int64(*b), now)
	if full-now > every*(burst-1) {
		return false
	}
	*b = bucket(full + every)
	return true
}
