package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Bucket is the JetStream key-value bucket of the sessions; one entry a session
// ("session.<id>"), one a sign-in under way ("login.<hash of its state>"), and
// the key that derives credentials ("server.key").
const Bucket = "KEYTURN_sessions"

const (
	bucketStream  = "KV_" + Bucket
	bucketSubject = "$KV." + Bucket + "."
	serverKeyName = "server.key"
	sessionPrefix = "session."

	// opTimeout bounds one exchange with the bucket, so that a caller learns in
	// time that it should come back later.
	opTimeout = 3 * time.Second
	// tombstone is how long the mark of an ended session stays. It only has to
	// outlast writes that were under way: without an entry nothing comes back either.
	tombstone = time.Hour
)

var (
	// errNone: the bucket holds no such session: never begun, ended, or wiped with the bucket.
	errNone = errors.New("no such session")
	// errMoved: somebody changed the session since it was read.
	errMoved = errors.New("the session has changed meanwhile")
	// errUnavailable: the bucket did not answer; nothing is known.
	errUnavailable = errors.New("the session store does not answer")
)

// bucket is the sessions' home. Every read is answered by the stream's leader:
// with direct gets a follower might not know yet what another replica wrote a
// moment ago, and a good credential would look like a stolen one.
type bucket struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	replicas int
	log      *zap.Logger

	mu     sync.RWMutex
	stream jetstream.Stream // nil until first opened
	key    serverKey
	keyed  bool
}

func newBucket(conn *nats.Conn, replicas int, log *zap.Logger) (*bucket, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("open session store: %w", err)
	}
	return &bucket{conn: conn, js: js, replicas: max(replicas, 1), log: log}, nil
}

// definition is the bucket's stream: what a key-value bucket is to NATS tools,
// but without direct gets, and with a lifetime for each entry.
func (b *bucket) definition() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              bucketStream,
		Description:       "keyturn: sessions, as hashes of their credentials",
		Subjects:          []string{bucketSubject + ">"},
		MaxMsgsPerSubject: 1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgSize:        maxRecord + 4<<10, // headers besides
		MaxConsumers:      -1,
		Discard:           jetstream.DiscardNew,
		Storage:           jetstream.FileStorage,
		Replicas:          b.replicas,
		Duplicates:        2 * time.Minute,
		AllowRollup:       true,
		DenyDelete:        true,
		AllowDirect:       false,
		AllowMsgTTL:       true,
	}
}

// open makes sure of the stream and of the server's key.
func (b *bucket) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	stream, err := b.js.CreateOrUpdateStream(ctx, b.definition())
	if err != nil {
		return fmt.Errorf("open session store %s: %w", bucketStream, unavailable(err))
	}
	b.mu.Lock()
	b.stream = stream
	b.mu.Unlock()
	return b.loadKey(ctx)
}

// loadKey reads the server's key, and creates it where there is none. Of
// replicas that do so at once one wins, and all use its key.
func (b *bucket) loadKey(ctx context.Context) error {
	for range 3 {
		data, _, err := b.get(ctx, serverKeyName)
		if errors.Is(err, errNone) {
			fresh := newServerKey()
			_, err = b.put(ctx, serverKeyName, []byte(base64.StdEncoding.EncodeToString(fresh[:])), 0, 0)
			if errors.Is(err, errMoved) {
				continue
			}
			if err != nil {
				return fmt.Errorf("create the sessions' key: %w", err)
			}
			b.log.Info("session_key_created", zap.String("bucket", Bucket))
			b.setKey(fresh)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the sessions' key: %w", err)
		}
		var key serverKey
		raw, err := base64.StdEncoding.Strict().DecodeString(string(data))
		if err != nil || len(raw) != len(key) {
			return fmt.Errorf("read the sessions' key: entry %s of bucket %s is not 32 bytes of base64; delete the entry and a new one is made", serverKeyName, Bucket)
		}
		copy(key[:], raw)
		b.setKey(key)
		return nil
	}
	return fmt.Errorf("create the sessions' key: %w", errMoved)
}

func (b *bucket) setKey(k serverKey) {
	b.mu.Lock()
	b.key, b.keyed = k, true
	b.mu.Unlock()
}

func (b *bucket) serverKey() serverKey {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.key
}

// read returns a session and the sequence under which it stands. A record that
// can't be decoded is an errNone: its owner signs in again.
func (b *bucket) read(ctx context.Context, session string) (record, uint64, error) {
	data, seq, err := b.get(ctx, sessionPrefix+session)
	if err != nil {
		return record{}, 0, err
	}
	r, err := decodeRecord(data)
	if err != nil {
		b.log.Error("session_unreadable", zap.String("session", brief(session)), zap.Error(err))
		return record{}, 0, errNone
	}
	return r, seq, nil
}

// create stores a new session, and makes the bucket anew where it was wiped.
func (b *bucket) create(ctx context.Context, session string, r record, now time.Time) error {
	return b.write(ctx, session, r, 0, now, true)
}

// swap replaces a session that has not changed since it stood under seq.
func (b *bucket) swap(ctx context.Context, session string, r record, seq uint64, now time.Time) error {
	return b.write(ctx, session, r, seq, now, false)
}

func (b *bucket) write(ctx context.Context, session string, r record, seq uint64, now time.Time, anew bool) error {
	data, err := r.encode()
	if err != nil {
		return claimsError{err} // nothing else in a record can be too large or impossible to encode
	}
	// The entry outlives the session a little, so that no entry vanishes while
	// its session still runs by another server's clock.
	life := r.Ends.Sub(now).Round(time.Second) + time.Minute
	if anew {
		return b.add(ctx, sessionPrefix+session, data, life)
	}
	_, err = b.put(ctx, sessionPrefix+session, data, seq, life)
	return err
}

// add stores an entry that is not there yet, and makes the bucket anew where it was wiped.
func (b *bucket) add(ctx context.Context, name string, data []byte, life time.Duration) error {
	_, err := b.put(ctx, name, data, 0, life)
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		b.log.Warn("session_store_missing", zap.String("bucket", Bucket), zap.String("remedy", "made anew; everybody signs in again"))
		if err := b.open(ctx); err != nil {
			return err
		}
		_, err = b.put(ctx, name, data, 0, life)
	}
	return err
}

// take removes an entry and returns what it held. Of several takers one gets
// it; all others, then and later, get errNone.
func (b *bucket) take(ctx context.Context, name string, mark time.Duration) ([]byte, error) {
	data, seq, err := b.get(ctx, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	m := nats.NewMsg(bucketSubject + name)
	m.Header.Set("KV-Operation", "PURGE")
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	_, err = b.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(seq), jetstream.WithMsgTTL(mark), jetstream.WithRetryAttempts(0))
	switch {
	case err == nil:
		return data, nil
	case conflict(err):
		return nil, errNone
	}
	return nil, fmt.Errorf("take entry: %w", unavailable(err))
}

// end marks a session as ended. The mark has a sequence of its own, so a swap
// that was under way fails; it is set whether or not the session exists.
func (b *bucket) end(ctx context.Context, session string) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	m := nats.NewMsg(bucketSubject + sessionPrefix + session)
	m.Header.Set("KV-Operation", "PURGE")
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	_, err := b.js.PublishMsg(ctx, m, jetstream.WithMsgTTL(tombstone), jetstream.WithRetryAttempts(0))
	if err == nil {
		return nil
	}
	if !errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("end session: %w", unavailable(err))
	}
	// No stream answers: gone with all its sessions, or without a leader just now.
	if _, _, gone := b.get(ctx, sessionPrefix+session); errors.Is(gone, errNone) {
		return nil
	}
	return fmt.Errorf("end session: %w", unavailable(err))
}

// get returns the entry's value and sequence as the leader knows them.
func (b *bucket) get(ctx context.Context, name string) ([]byte, uint64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	b.mu.RLock()
	stream := b.stream
	b.mu.RUnlock()
	if stream == nil || !b.conn.IsConnected() {
		return nil, 0, errUnavailable
	}
	m, err := stream.GetLastMsgForSubject(ctx, bucketSubject+name)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, 0, errNone
	case err != nil:
		return nil, 0, unavailable(err)
	case m.Header.Get("KV-Operation") != "":
		return nil, 0, errNone
	}
	return m.Data, m.Sequence, nil
}

// put stores a value if the entry still stands under after (0: if there is
// none). A life of zero is for ever.
func (b *bucket) put(ctx context.Context, name string, data []byte, after uint64, life time.Duration) (uint64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	if !b.conn.IsConnected() {
		return 0, errUnavailable
	}
	m := nats.NewMsg(bucketSubject + name)
	m.Data = data
	opts := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(after), jetstream.WithRetryAttempts(0)}
	if life > 0 {
		opts = append(opts, jetstream.WithMsgTTL(life))
	}
	ack, err := b.js.PublishMsg(ctx, m, opts...)
	if err == nil {
		return ack.Sequence, nil
	}
	if conflict(err) {
		if after == 0 {
			return b.putOverMark(ctx, name, m)
		}
		return 0, errMoved
	}
	return 0, fmt.Errorf("store session: %w", unavailable(err))
}

// putOverMark creates an entry where only the mark of a deleted one stands.
func (b *bucket) putOverMark(ctx context.Context, name string, m *nats.Msg) (uint64, error) {
	b.mu.RLock()
	stream := b.stream
	b.mu.RUnlock()
	if stream == nil {
		return 0, errUnavailable
	}
	last, err := stream.GetLastMsgForSubject(ctx, bucketSubject+name)
	if err != nil || last.Header.Get("KV-Operation") == "" {
		return 0, errMoved
	}
	ack, err := b.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(last.Sequence), jetstream.WithRetryAttempts(0))
	switch {
	case err == nil:
		return ack.Sequence, nil
	case conflict(err):
		return 0, errMoved
	}
	return 0, fmt.Errorf("store session: %w", unavailable(err))
}

func (b *bucket) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, opTimeout)
}

// conflict recognises both codes with which servers refuse a compare-and-swap.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == 10164)
}

// unavailable joins what went wrong with errUnavailable; callers branch on that alone.
func unavailable(err error) error {
	if errors.Is(err, errUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnavailable, err)
}

// brief is enough of a session's id to follow it through a log.
func brief(session string) string { return session[:min(8, len(session))] }
