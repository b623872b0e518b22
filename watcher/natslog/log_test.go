package natslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const rev = 1_795_304_374_000

func open(t *testing.T, nc *nats.Conn, c natslog.Config) *natslog.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	log, err := natslog.Open(ctx, nc, c)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func js(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func mustAppend(t *testing.T, log *natslog.Log, key string, rev int64, after uint64) uint64 {
	t.Helper()
	seq, err := log.Append(t.Context(), logtest.Event("payments", key, rev), after)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func mustHead(t *testing.T, log *natslog.Log) (rotation.State, uint64) {
	t.Helper()
	s, seq, err := log.Head(t.Context(), "payments")
	if err != nil {
		t.Fatal(err)
	}
	return s, seq
}

func TestTheLogInNATSKeepsTheContract(t *testing.T) {
	logtest.Run(t, func(t *testing.T) (watcher.Log, func(string, []byte)) {
		nc := natstest.Start(t).Conn(t)
		log := open(t, nc, natslog.Config{})
		return log, func(ring string, data []byte) {
			if _, err := js(t, nc).Publish(t.Context(), rotation.LogSubject(ring), data); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTheStreamHasItsDefinition(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	open(t, nc, natslog.Config{})
	s, err := js(t, nc).Stream(t.Context(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	got := []any{c.Subjects, c.Storage, c.Retention, c.MaxMsgsPerSubject, c.MaxAge, c.MaxMsgs, c.MaxBytes, c.AllowDirect, c.Replicas, *c.RePublish}
	want := []any{
		[]string{"keyturn.rings.*"}, jetstream.FileStorage, jetstream.LimitsPolicy, int64(64), time.Duration(0), int64(-1), int64(-1), false, 1,
		jetstream.RePublish{Source: "keyturn.rings.*", Destination: "keyturn.state.{{wildcard(1)}}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestAStreamWithOtherSettingsIsMendedAndKeepsItsStates(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	if _, err := js(t, nc).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: rotation.Stream, Subjects: []string{"keyturn.rings.payments"}, MaxAge: time.Hour, MaxMsgs: 2, AllowDirect: true,
		Description: "ours", Metadata: map[string]string{"team": "payments"},
	}); err != nil {
		t.Fatal(err)
	}
	ev, err := json.Marshal(logtest.Event("payments", "a", rev))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js(t, nc).Publish(t.Context(), "keyturn.rings.payments", ev); err != nil {
		t.Fatal(err)
	}
	log := open(t, nc, natslog.Config{})
	if s, _ := mustHead(t, log); s.Rev != rev {
		t.Fatalf("got rev %d, want the state that stood there", s.Rev)
	}
	s, err := js(t, nc).Stream(t.Context(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	if c.MaxAge != 0 || c.MaxMsgs != -1 || c.AllowDirect || c.RePublish == nil || c.Description != "ours" || c.Metadata["team"] != "payments" {
		t.Fatalf("got %+v", c)
	}
}

func TestAStreamThatCannotBeMendedIsAClearError(t *testing.T) {
	for name, tt := range map[string]struct {
		stream jetstream.StreamConfig
		c      natslog.Config
		want   string
	}{
		"other storage": {jetstream.StreamConfig{Name: rotation.Stream, Subjects: []string{"keyturn.rings.*"}, Storage: jetstream.MemoryStorage},
			natslog.Config{}, "its settings can't be made right; delete the stream"},
		"subject taken": {jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"keyturn.>"}},
			natslog.Config{}, "another stream of this account already takes keyturn.rings.*"},
		"replicas without a cluster": {jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other"}},
			natslog.Config{Replicas: 3}, "3 replicas need a NATS cluster of that many servers"},
	} {
		t.Run(name, func(t *testing.T) {
			nc := natstest.Start(t).Conn(t)
			if _, err := js(t, nc).CreateStream(t.Context(), tt.stream); err != nil {
				t.Fatal(err)
			}
			_, err := natslog.Open(t.Context(), nc, tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestOpenWaitsForAServerThatStartsLater(t *testing.T) {
	s := natstest.Start(t)
	s.Stop(t)
	nc := s.Conn(t)
	type result struct {
		log *natslog.Log
		err error
	}
	done := make(chan result, 1)
	go func() {
		log, err := natslog.Open(t.Context(), nc, natslog.Config{})
		done <- result{log, err}
	}()
	s.Start(t)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	mustAppend(t, r.log, "a", rev, 0)
}

func TestOpenGivesUpWhenItsContextEnds(t *testing.T) {
	s := natstest.Start(t)
	s.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := natslog.Open(ctx, s.Conn(t), natslog.Config{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the context's end", err)
	}
}

func TestAnAppendToAMissingStreamMakesItAgain(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	log := open(t, nc, natslog.Config{})
	last := mustAppend(t, log, "a", rev, 0)
	if err := js(t, nc).DeleteStream(t.Context(), rotation.Stream); err != nil {
		t.Fatal(err)
	}
	if s, seq := mustHead(t, log); seq != 0 || !s.IsZero() {
		t.Fatalf("got %d %+v, want nothing", seq, s)
	}
	if _, err := log.Append(t.Context(), logtest.Event("payments", "b", rev+1), last); !errors.Is(err, watcher.ErrConflict) {
		t.Fatalf("append after a message that is gone: got %v, want ErrConflict", err)
	}
	mustAppend(t, log, "b", rev+1, 0)
	if s, _ := mustHead(t, log); s.Keys[0].Name != "b" {
		t.Fatalf("got %+v", s)
	}
}

func TestTheClockOfAMissingStreamMakesItAgain(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	log := open(t, nc, natslog.Config{})
	if err := js(t, nc).DeleteStream(t.Context(), rotation.Stream); err != nil {
		t.Fatal(err)
	}
	if at, err := log.Now(t.Context()); err != nil || at.IsZero() {
		t.Fatalf("got %s, %v", at, err)
	}
}

func TestADeletedHeadUncoversTheOneBefore(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	log := open(t, nc, natslog.Config{})
	first := mustAppend(t, log, "a", rev, 0)
	second := mustAppend(t, log, "b", rev+1, first)
	s, err := js(t, nc).Stream(t.Context(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if s, seq := mustHead(t, log); seq != first || s.Rev != rev {
		t.Fatalf("got %d rev %d, want %d rev %d", seq, s.Rev, first, int64(rev))
	}
	mustAppend(t, log, "c", rev+2, first)
}

func TestAnEventOfAnotherRingIsUnreadable(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	log := open(t, nc, natslog.Config{})
	data, err := json.Marshal(logtest.Event("orders", "x", rev))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js(t, nc).Publish(t.Context(), "keyturn.rings.payments", data); err != nil {
		t.Fatal(err)
	}
	if s, _, err := log.Head(t.Context(), "payments"); !errors.Is(err, watcher.ErrUnreadable) || !s.IsZero() {
		t.Fatalf("got %+v, %v, want ErrUnreadable", s, err)
	}
}

func TestHistoryIsLimitedByCountForEachRing(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	log := open(t, nc, natslog.Config{})
	if _, err := log.Append(t.Context(), logtest.Event("orders", "quiet", rev), 0); err != nil {
		t.Fatal(err)
	}
	after := uint64(0)
	for i := range int64(70) {
		after = mustAppend(t, log, "k", rev+i, after)
	}
	s, err := js(t, nc).Stream(t.Context(), rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 64+1 {
		t.Fatalf("got %d messages, want 64 of the loud ring and 1 of the quiet one", n)
	}
}

func TestAnAppendWithoutNATSFailsAtOnceInsteadOfWaiting(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	log := open(t, nc, natslog.Config{Timeout: time.Minute})
	gone := nc.StatusChanged(nats.RECONNECTING)
	s.Stop(t)
	<-gone
	if _, err := log.Append(t.Context(), logtest.Event("payments", "a", rev), 0); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Fatalf("got %v, want ErrReconnectBufExceeded", err)
	}
	s.Start(t)
	until(t, "connected again", nc.IsConnected)
	if s, seq := mustHead(t, log); seq != 0 {
		t.Fatalf("the failed append came later: %+v", s)
	}
	mustAppend(t, log, "a", rev, 0)
}

// deaf is a way into a server that can swallow one message of the server.
type deaf struct {
	to      nats.InProcessConnProvider
	swallow atomic.Bool // what comes, until it has been a message
}

func (d *deaf) InProcessConn() (net.Conn, error) {
	c, err := d.to.InProcessConn()
	return &deafConn{Conn: c, d: d}, err
}

type deafConn struct {
	net.Conn
	d    *deaf
	lost []byte // of what was swallowed
}

func (c *deafConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.d.swallow.Load() {
			return n, err
		}
		c.lost = append(c.lost, p[:n]...)
		// An answer of JetStream is one message whose payload is an object.
		if bytes.Contains(c.lost, []byte("MSG ")) && bytes.HasSuffix(c.lost, []byte("}\r\n")) {
			c.d.swallow.Store(false)
		}
	}
}

func TestAnAppendWhoseAnswerWasLostIsLookedUp(t *testing.T) {
	for name, tt := range map[string]struct {
		others string // key of an append by somebody else that came first; "": none
		want   error
	}{
		"it stands in the log":    {"", nil},
		"somebody else was first": {"b", watcher.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // both wait for the end of a request
			s := natstest.Start(t)
			plain := s.Conn(t)
			witness := open(t, plain, natslog.Config{})
			after := mustAppend(t, witness, "a", rev, 0)
			d := &deaf{to: s}
			nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{InProcess: d, ReconnectWait: 10 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			log := open(t, nc, natslog.Config{})
			if tt.others != "" {
				mustAppend(t, witness, tt.others, rev+1, after)
			}
			d.swallow.Store(true)
			// The request ends without its answer; the look that follows is answered.
			seq, err := log.Append(t.Context(), logtest.Event("payments", "c", rev+2), after)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if d.swallow.Load() {
				t.Error("no answer was lost")
			}
			if st, head := mustHead(t, witness); tt.want == nil && (head != seq || st.Rev != rev+2) {
				t.Fatalf("got sequence %d, the head is %d, rev %d", seq, head, st.Rev)
			}
		})
	}
}

func TestAnAppendThatNobodyHeardChangedNothing(t *testing.T) {
	s := natstest.Start(t)
	plain := s.Conn(t)
	witness := open(t, plain, natslog.Config{})
	after := mustAppend(t, witness, "a", rev, 0)
	m := &mute{to: s}
	nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{InProcess: m, ReconnectWait: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log := open(t, nc, natslog.Config{Timeout: 300 * time.Millisecond})
	m.swallow.Store(true)
	_, err = log.Append(t.Context(), logtest.Event("payments", "b", rev+1), after)
	if err == nil || errors.Is(err, watcher.ErrConflict) {
		t.Fatalf("got %v, want an error that is no conflict", err)
	}
	if _, seq := mustHead(t, witness); seq != after {
		t.Fatalf("the head moved to %d", seq)
	}
}

// mute is a way into a server that can swallow what the client says.
type mute struct {
	to      nats.InProcessConnProvider
	swallow atomic.Bool
}

func (m *mute) InProcessConn() (net.Conn, error) {
	c, err := m.to.InProcessConn()
	return muteConn{c, m}, err
}

type muteConn struct {
	net.Conn
	m *mute
}

func (c muteConn) Write(p []byte) (int, error) {
	if c.m.swallow.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
