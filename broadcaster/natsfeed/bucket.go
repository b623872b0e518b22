package natsfeed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Limits on what other processes may write: one row's bytes, and the rows of
// one ring that a list reads.
const (
	maxRow  = 64 << 10
	maxRows = 10_000
)

// parallelReads is how many rows a list asks for at a time.
const parallelReads = 16

// bucket is a KV bucket of rows. It is made when something is put into it, and
// again if it was wiped. Reads use neither watch nor consumer.
type bucket struct {
	nc       *nats.Conn
	name     string
	replicas int // copies in a cluster; zero: one

	mu     sync.Mutex
	kv     jetstream.KeyValue // nil until it was opened for writing
	stream jetstream.Stream   // nil until it was opened for reading
}

// kvOperation is the header of messages that remove a value of a KV bucket.
const kvOperation = "KV-Operation"

// entry is a row and how long ago it was put, both times by the server's clock.
type entry[T any] struct {
	row T
	age time.Duration
}

func newBucket(nc *nats.Conn, name string, replicas int) *bucket {
	return &bucket{nc: nc, name: name, replicas: replicas}
}

// open makes the bucket exist with the right settings.
func (b *bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	js, err := jetstream.New(b.nc)
	if err != nil {
		return nil, err
	}
	kv, err := js.KeyValue(ctx, b.name)
	if err == nil {
		// Rows that live longer than RowTTL would let the dead look alive.
		status, err := kv.Status(ctx)
		if err != nil {
			return nil, err
		}
		if status.TTL() == rotation.RowTTL {
			return kv, nil
		}
	} else if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, err
	}
	return js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:      b.name,
		Description: "keyturn: what processes tell about themselves",
		TTL:         rotation.RowTTL,
		History:     1,
		// In memory: whoever wrote a row writes it again within seconds.
		Storage:      jetstream.MemoryStorage,
		MaxValueSize: maxRow,
		Replicas:     max(b.replicas, 1),
	})
}

// await opens the bucket for writing, and waits for NATS while it is away.
func (b *bucket) await(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		rctx, cancel := context.WithTimeout(ctx, requestTimeout)
		_, err := b.writer(rctx, false)
		cancel()
		if err == nil {
			return nil
		}
		if !passing(err) {
			return fmt.Errorf("open bucket %s: %w", b.name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("open bucket %s: %w (last error: %w)", b.name, context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

// passing reports whether err may go away by itself: NATS is away, JetStream
// has no leader yet, or nobody answered in time.
func passing(err error) bool {
	var js jetstream.JetStreamError
	if errors.As(err, &js) && js.APIError() != nil {
		return js.APIError().Code == 503
	}
	return errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, context.DeadlineExceeded)
}

func (b *bucket) writer(ctx context.Context, anew bool) (jetstream.KeyValue, error) {
	b.mu.Lock()
	kv := b.kv
	b.mu.Unlock()
	if kv != nil && !anew {
		return kv, nil
	}
	kv, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.kv = kv
	b.mu.Unlock()
	return kv, nil
}

// put writes the row of one instance.
func (b *bucket) put(ctx context.Context, ring, instance string, row any) error {
	key := rotation.RowKey(ring, instance)
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("put row %s of %s: %w", key, b.name, err)
	}
	if len(data) > maxRow {
		return fmt.Errorf("put row %s of %s: it has %d bytes, more than %d", key, b.name, len(data), maxRow)
	}
	return b.write(ctx, key, func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, key, data)
		return err
	})
}

// drop removes a row; one that is not there is fine.
func (b *bucket) drop(ctx context.Context, ring, instance string) error {
	key := rotation.RowKey(ring, instance)
	return b.write(ctx, key, func(ctx context.Context, kv jetstream.KeyValue) error {
		return kv.Delete(ctx, key)
	})
}

func (b *bucket) write(ctx context.Context, key string, do func(context.Context, jetstream.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	kv, err := b.writer(ctx, false)
	if err == nil {
		err = do(ctx, kv)
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) {
		if kv, err = b.writer(ctx, true); err == nil {
			err = do(ctx, kv)
		}
	}
	if err != nil {
		return fmt.Errorf("write row %s of %s: %w", key, b.name, err)
	}
	return nil
}

func (b *bucket) reader(ctx context.Context) (jetstream.Stream, error) {
	b.mu.Lock()
	s := b.stream
	b.mu.Unlock()
	if s != nil {
		return s, nil
	}
	js, err := jetstream.New(b.nc)
	if err != nil {
		return nil, err
	}
	if s, err = js.Stream(ctx, "KV_"+b.name); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.stream = s
	b.mu.Unlock()
	return s, nil
}

// list returns the rows of ring that are not expired, can be read and stand
// under their own name, in no order. id returns the ring and the instance that
// a row names. A bucket that does not exist has no rows.
func list[T any](ctx context.Context, b *bucket, ring string, id func(T) (ring, instance string)) ([]entry[T], error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	all, err := entries(ctx, b, ring, id)
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrNoResponders) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list rows of ring %s in %s: %w", ring, b.name, err)
	}
	return all, nil
}

func entries[T any](ctx context.Context, b *bucket, ring string, id func(T) (ring, instance string)) ([]entry[T], error) {
	s, err := b.reader(ctx)
	if err != nil {
		return nil, err
	}
	prefix := "$KV." + b.name + "."
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(prefix+ring+".>"))
	if err != nil {
		return nil, err
	}
	var (
		mu  sync.Mutex
		all []entry[T]
		g   errgroup.Group
	)
	g.SetLimit(parallelReads)
	read := 0
	for subject := range info.State.Subjects {
		if read++; read > maxRows {
			break
		}
		g.Go(func() error {
			msg, err := s.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil // expired or dropped meanwhile
			}
			if err != nil {
				return err
			}
			e := entry[T]{age: max(info.TimeStamp.Sub(msg.Time), 0)}
			if msg.Header.Get(kvOperation) != "" || e.age > rotation.RowTTL {
				return nil
			}
			var ok bool
			if e.row, ok = decodeRow(msg.Data, strings.TrimPrefix(subject, prefix), id); !ok {
				return nil
			}
			mu.Lock()
			all = append(all, e)
			mu.Unlock()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// decodeRow takes a row apart that some process put under key. ok is false for
// one that can't be read, or that names another process.
func decodeRow[T any](data []byte, key string, id func(T) (ring, instance string)) (row T, ok bool) {
	if len(data) > maxRow || json.Unmarshal(data, &row) != nil {
		return row, false
	}
	return row, rotation.RowKey(id(row)) == key
}
