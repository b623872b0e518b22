package natslog

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// JetStream error codes for which the client library has no name.
const (
	codeReplicasNotSupported jetstream.ErrorCode = 10074
	codeSubjectOverlap       jetstream.ErrorCode = 10065
)

// errorCode returns the JetStream error code in err, 0 if it has none.
func errorCode(err error) jetstream.ErrorCode {
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil {
		return api.APIError().ErrorCode
	}
	return 0
}

// answered reports whether err is the server's own answer, so that its effect is known.
func answered(err error) bool { return errorCode(err) != 0 }

// conflict reports whether the server refused an append because the sequence
// it was to follow is not the last one. A replicated stream uses a code of its own.
func conflict(err error) bool {
	switch errorCode(err) {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return true
	}
	return false
}

// unsent reports whether err says that a request never left this process.
func unsent(err error) bool {
	return errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrConnectionDraining) ||
		errors.Is(err, nats.ErrMaxPayload)
}

// passing reports whether err may go away by itself: NATS is away, JetStream
// has no leader yet, or nobody answered in time.
func passing(err error) bool {
	if api := errorCode(err); api != 0 {
		var e jetstream.JetStreamError
		errors.As(err, &e)
		return e.APIError().Code == 503
	}
	return unsent(err) && !errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrDisconnected)
}
