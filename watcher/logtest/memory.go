package logtest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Memory is a log in memory; the zero value is an empty one. Its methods are
// safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	seq      uint64
	messages []message
	fail     error
	offset   time.Duration
}

type message struct {
	seq  uint64
	ring string
	data []byte
}

// Head implements watcher.Log.
func (m *Memory) Head(ctx context.Context, ring string) (rotation.State, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failingLocked(ctx); err != nil {
		return rotation.State{}, 0, err
	}
	var head uint64
	var unreadable error
	for i := len(m.messages) - 1; i >= 0; i-- {
		msg := m.messages[i]
		if msg.ring != ring {
			continue
		}
		if head == 0 {
			head = msg.seq
		}
		ev, err := rotation.DecodeEvent(msg.data)
		if err == nil {
			return ev.Data, head, unreadable
		}
		unreadable = fmt.Errorf("message %d: %w: %v", head, watcher.ErrUnreadable, err)
	}
	return rotation.State{}, head, unreadable
}

// Append implements watcher.Log.
func (m *Memory) Append(ctx context.Context, ev rotation.Event, after uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failingLocked(ctx); err != nil {
		return 0, err
	}
	ring := ev.Data.Ring
	if err := rotation.CheckRing(ring); err != nil {
		return 0, err
	}
	if last := m.lastLocked(ring); last != after {
		return 0, fmt.Errorf("append after %d, the last is %d: %w", after, last, watcher.ErrConflict)
	}
	data, err := json.Marshal(ev)
	if err != nil {
		return 0, err
	}
	m.putLocked(ring, data)
	return m.seq, nil
}

// Now implements watcher.Log.
func (m *Memory) Now(ctx context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.offset), m.failingLocked(ctx)
}

// Put appends whatever bytes, as a foreign writer might.
func (m *Memory) Put(ring string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(ring, data)
}

// Wipe removes the log and everything in it.
func (m *Memory) Wipe() { m.Truncate(0) }

// Truncate removes all messages but the first n, as a restored copy would.
func (m *Memory) Truncate(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = m.messages[:n:n]
	m.seq = 0
	if n > 0 {
		m.seq = m.messages[n-1].seq
	}
}

// Fail lets every call fail with err; nil ends it.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Offset sets how far the log's clock is ahead of this process's.
func (m *Memory) Offset(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset = d
}

// Events returns all readable events of ring, oldest first.
func (m *Memory) Events(ring string) []rotation.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []rotation.Event
	for _, msg := range m.messages {
		if ev, err := rotation.DecodeEvent(msg.data); err == nil && msg.ring == ring {
			all = append(all, ev)
		}
	}
	return all
}

func (m *Memory) failingLocked(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.fail
}

func (m *Memory) lastLocked(ring string) uint64 {
	for i := len(m.messages) - 1; i >= 0; i-- {
		if m.messages[i].ring == ring {
			return m.messages[i].seq
		}
	}
	return 0
}

func (m *Memory) putLocked(ring string, data []byte) {
	m.seq++
	m.messages = append(m.messages, message{m.seq, ring, data})
}

var _ watcher.Log = (*Memory)(nil)
