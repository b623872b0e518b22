package natslog

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestErrorsMeanWhatTheyMean(t *testing.T) {
	api := func(status int, code jetstream.ErrorCode) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: status, ErrorCode: code})
	}
	for _, tt := range []struct {
		name                      string
		err                       error
		conflict, unsent, mayPass bool
	}{
		{"conflict on one server", api(400, 10071), true, false, false},
		{"conflict on a replicated stream", api(400, 10164), true, false, false},
		{"conflict, as the library says it", jetstream.ErrKeyExists, true, false, false},
		{"no leader yet", api(503, 10008), false, false, true},
		{"message too large", api(400, 10054), false, false, false},
		{"disconnected", nats.ErrReconnectBufExceeded, false, true, true},
		{"closed for good", nats.ErrConnectionClosed, false, true, false},
		{"no answer in time", context.DeadlineExceeded, false, false, true},
		{"no answer in time, as the library says it", nats.ErrTimeout, false, false, true},
		{"nobody takes the subject", jetstream.ErrNoStreamResponse, false, false, true},
		{"the caller went away", context.Canceled, false, false, false},
		{"something else", errors.New("x"), false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := conflict(tt.err); got != tt.conflict {
				t.Errorf("conflict: got %t, want %t", got, tt.conflict)
			}
			if got := unsent(tt.err); got != tt.unsent {
				t.Errorf("unsent: got %t, want %t", got, tt.unsent)
			}
			if got := passing(tt.err); got != tt.mayPass {
				t.Errorf("passing: got %t, want %t", got, tt.mayPass)
			}
		})
	}
}
