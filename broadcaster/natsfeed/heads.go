package natsfeed

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// heads reads the newest message of a ring, from the stream's leader and
// without a consumer.
type heads struct {
	nc *nats.Conn

	mu     sync.Mutex
	stream jetstream.Stream // nil until the stream was seen once; good for every stream of that name
}

func (h *heads) last(ctx context.Context, ring string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := h.open(ctx)
	if err != nil {
		return nil, err
	}
	msg, err := s.GetLastMsgForSubject(ctx, rotation.LogSubject(ring))
	if err != nil {
		return nil, err
	}
	return msg.Data, nil
}

func (h *heads) open(ctx context.Context) (jetstream.Stream, error) {
	h.mu.Lock()
	s := h.stream
	h.mu.Unlock()
	if s != nil {
		return s, nil
	}
	js, err := jetstream.New(h.nc)
	if err != nil {
		return nil, err
	}
	if s, err = js.Stream(ctx, rotation.Stream); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.stream = s
	h.mu.Unlock()
	return s, nil
}
