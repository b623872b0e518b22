package broadcaster

import (
	"sync"
	"time"
)

// maxLane bounds the goroutines that wait for connections to be written. A
// dead peer holds one of them for writeLimit at most.
const maxLane = 256

// lane writes to connections that can only be written with waiting (TLS), so
// that whoever has something for them need not wait. Its goroutines live as
// long as there is something to write.
type lane struct {
	done sync.WaitGroup

	mu      sync.Mutex
	running int
	waiting []*session // in order; sessions with more to write than there are goroutines
}

// add has s written to. The caller holds s.mu and has set s.busy.
func (l *lane) add(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == maxLane {
		l.waiting = append(l.waiting, s)
		return
	}
	l.running++
	l.done.Go(func() { l.run(s) })
}

func (l *lane) run(s *session) {
	for s != nil {
		s.writeAll()
		s = l.next()
	}
}

// next returns the next session in line, or nil and ends the goroutine's place.
func (l *lane) next() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.running--
		l.waiting = nil
		return nil
	}
	s := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	return s
}

// writeAll writes until the session is owed nothing more.
func (s *session) writeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.dead && s.takeLocked() {
		p := s.rest
		s.rest = nil
		s.mu.Unlock()
		_ = s.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
		_, err := s.Conn.Write(p)
		s.mu.Lock()
		if err != nil {
			s.killLocked()
		}
	}
	s.busy = false
}
