package natslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// requestTimeout bounds one request when [Config.Timeout] does not say.
const requestTimeout = 5 * time.Second

// lookBack is how many messages before an unreadable head are tried.
const lookBack = 4 * history

// Config of a log.
type Config struct {
	Replicas int           // copies in a cluster; zero: what an existing stream has, else 1
	Timeout  time.Duration // of one request; zero: 5 s
	Logger   *zap.Logger   // nil: none
}

// Log is the stream of states; it implements watcher.Log. Its methods are safe
// for concurrent use.
type Log struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	c      Config
}

// Open makes the stream if it is missing, and mends its settings if they
// differ. It waits for a NATS that is not there yet until ctx ends, and fails
// at once where waiting can't help.
func Open(ctx context.Context, nc *nats.Conn, c Config) (*Log, error) {
	if c.Timeout <= 0 {
		c.Timeout = requestTimeout
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", rotation.Stream, err)
	}
	l := &Log{js: js, c: c}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		l.stream, err = l.ensure(ctx)
		if err == nil {
			return l, nil
		}
		if !passing(err) {
			return nil, fmt.Errorf("open stream: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("open stream: %w (last error: %w)", context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

// ensure makes the stream exist with the right settings.
func (l *Log) ensure(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	s, err := l.js.Stream(ctx, rotation.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = l.js.CreateStream(ctx, define(jetstream.StreamConfig{}, l.c.Replicas))
		if err == nil {
			l.c.Logger.Info("log created", zap.String("stream", rotation.Stream))
			return s, nil
		}
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil, l.explain(err)
		}
		// Somebody was faster, with settings of its own.
		s, err = l.js.Stream(ctx, rotation.Stream)
	}
	if err != nil {
		return nil, l.explain(err)
	}
	have := s.CachedInfo().Config
	want := define(have, l.c.Replicas)
	if !differs(have, want) {
		return s, nil
	}
	if s, err = l.js.UpdateStream(ctx, want); err != nil {
		return nil, l.explain(err)
	}
	l.c.Logger.Warn("log had other settings, mended", zap.String("stream", rotation.Stream))
	return s, nil
}

func (l *Log) explain(err error) error {
	if answered(err) && !passing(err) {
		return refused(err, l.c.Replicas)
	}
	return fmt.Errorf("stream %s: %w", rotation.Stream, err)
}

// Head implements watcher.Log. It is answered by the stream's leader.
func (l *Log) Head(ctx context.Context, ring string) (rotation.State, uint64, error) {
	msg, err := l.last(ctx, ring)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return rotation.State{}, 0, nil
	}
	if err != nil {
		return rotation.State{}, 0, fmt.Errorf("read the log's head of ring %s: %w", ring, err)
	}
	s, err := read(ring, msg.Data)
	if err == nil {
		return s, msg.Sequence, nil
	}
	older, ok := l.before(ctx, ring, msg.Sequence)
	if !ok {
		return rotation.State{}, msg.Sequence, fmt.Errorf("ring %s, message %d, and no readable one before it: %w: %v",
			ring, msg.Sequence, watcher.ErrUnreadable, err)
	}
	return older, msg.Sequence, fmt.Errorf("ring %s, message %d: %w: %v", ring, msg.Sequence, watcher.ErrUnreadable, err)
}

func (l *Log) last(ctx context.Context, ring string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	return l.stream.GetLastMsgForSubject(ctx, rotation.LogSubject(ring))
}

// before returns the newest readable state of ring below the sequence seq.
func (l *Log) before(ctx context.Context, ring string, seq uint64) (rotation.State, bool) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	for tries := 0; seq > 1 && tries < lookBack; tries++ {
		seq--
		msg, err := l.stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return rotation.State{}, false
		}
		if msg.Subject != rotation.LogSubject(ring) {
			continue
		}
		if s, err := read(ring, msg.Data); err == nil {
			return s, true
		}
	}
	return rotation.State{}, false
}

// read takes an event of ring apart.
func read(ring string, data []byte) (rotation.State, error) {
	ev, err := rotation.DecodeEvent(data)
	if err != nil {
		return rotation.State{}, err
	}
	if ev.Data.Ring != ring {
		return rotation.State{}, fmt.Errorf("a state of ring %.80q stands where ring %s belongs", ev.Data.Ring, ring)
	}
	return ev.Data, nil
}

// Append implements watcher.Log.
func (l *Log) Append(ctx context.Context, ev rotation.Event, after uint64) (uint64, error) {
	ring := ev.Data.Ring
	if err := rotation.CheckRing(ring); err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	data, err := json.Marshal(ev)
	if err != nil {
		return 0, fmt.Errorf("append to ring %s: %w", ring, err)
	}
	if len(data) > rotation.MaxEvent {
		return 0, fmt.Errorf("append to ring %s: the event has %d bytes, more than %d", ring, len(data), rotation.MaxEvent)
	}
	seq, err := l.publish(ctx, ring, data, after)
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		// Nobody takes that subject: the stream is gone, or has no leader.
		if _, err := l.ensure(ctx); err != nil {
			return 0, fmt.Errorf("append to ring %s: %w", ring, err)
		}
		seq, err = l.publish(ctx, ring, data, after)
	}
	switch {
	case err == nil:
		return seq, nil
	case conflict(err):
		return 0, fmt.Errorf("append to ring %s after message %d: %w", ring, after, watcher.ErrConflict)
	case answered(err), unsent(err), ctx.Err() != nil, errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, fmt.Errorf("append to ring %s: %w", ring, err)
	}
	return l.resolve(ctx, ring, data, after, err)
}

func (l *Log) publish(ctx context.Context, ring string, data []byte, after uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	ack, err := l.js.Publish(ctx, rotation.LogSubject(ring), data,
		jetstream.WithExpectStream(rotation.Stream),
		jetstream.WithExpectLastSequencePerSubject(after),
		jetstream.WithRetryAttempts(1))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// resolve finds out what became of an append that nobody answered: it stands
// in the log exactly if the head has its bytes.
func (l *Log) resolve(ctx context.Context, ring string, data []byte, after uint64, cause error) (uint64, error) {
	msg, err := l.last(ctx, ring)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		if after == 0 {
			return 0, fmt.Errorf("append to ring %s: nothing was appended: %w", ring, cause)
		}
		return 0, fmt.Errorf("append to ring %s after message %d: %w", ring, after, watcher.ErrConflict)
	case err != nil:
		return 0, fmt.Errorf("append to ring %s: %w; whether it was appended is not known: %w", ring, cause, err)
	case bytes.Equal(msg.Data, data):
		return msg.Sequence, nil
	case msg.Sequence == after:
		return 0, fmt.Errorf("append to ring %s: nothing was appended: %w", ring, cause)
	}
	return 0, fmt.Errorf("append to ring %s after message %d: %w", ring, after, watcher.ErrConflict)
}

// Now implements watcher.Log: the clock of the server that leads the stream.
func (l *Log) Now(ctx context.Context) (time.Time, error) {
	rctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	// A handle of its own each time: Info changes the handle it is called on.
	s, err := l.js.Stream(rctx, rotation.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = l.ensure(ctx)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the log's clock: %w", err)
	}
	at := s.CachedInfo().TimeStamp
	if at.IsZero() {
		return time.Time{}, errors.New("read the log's clock: the NATS server does not tell its time; use nats-server 2.10 or newer")
	}
	return at, nil
}

var _ watcher.Log = (*Log)(nil)
