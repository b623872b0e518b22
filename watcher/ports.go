package watcher

import (
	"context"
	"errors"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// ErrConflict says that somebody appended to the ring's log first: read the
// head again and compute again.
var ErrConflict = errors.New("the log has a newer state")

// ErrUnreadable says that the newest message of the log is no state. The state
// that comes with it is the newest readable one.
var ErrUnreadable = errors.New("the log's newest message is unreadable")

// ErrStale says that a replica of the store answered that is behind what is
// known of it: the look is repeated soon, and is no failure of the store.
var ErrStale = errors.New("the store answered with something older than what is known of it")

// Source looks into a secret store.
type Source interface {
	// Look returns what the store holds now, in full, also when nothing
	// changed. prev is the log's head: its keys are those whose prints
	// [rotation.Snapshot.Known] should hold. Errors must not contain material;
	// one that wraps ErrStale makes it a stale look.
	// The watcher calls Look from one goroutine at a time.
	Look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error)
}

// Hints tells that a look is worth while.
type Hints interface {
	// Hints returns a channel of capacity 1 that coalesces: whoever fills it
	// drops the hint when it is full. It is never closed while the watcher runs.
	Hints() <-chan struct{}
}

// Acknowledger is a [Hints] that keeps each hint until it was acted on.
type Acknowledger interface {
	// Looked says that a look which began then was believed, and that the log
	// says what it found: all hints from before then have been acted on. It is
	// called from the watcher's turn and must return at once.
	Looked(began time.Time)
}

// Health is a [Hints] that knows whether its hints come through.
type Health interface {
	// Healthy returns false while changes may go by without a hint. It must
	// return at once and may be called from any goroutine.
	Healthy() bool
}

// Log keeps the states of rings, in order. Its methods may be called from any
// goroutine.
type Log interface {
	// Head returns the newest state of ring and the sequence of the message
	// that holds it. A ring or a log that does not exist has the zero state and
	// sequence 0, or the sequence after which [Log.Append] has to append. An
	// unreadable newest message is ErrUnreadable, with the newest readable
	// state and the sequence of the unreadable one.
	Head(ctx context.Context, ring string) (rotation.State, uint64, error)
	// Append appends ev if the newest message of its ring has the sequence
	// after, and returns its sequence; otherwise it returns ErrConflict. It
	// makes the log if there is none. Any other error means that nothing was
	// appended, or that it could not be found out.
	Append(ctx context.Context, ev rotation.Event, after uint64) (uint64, error)
	// Now returns the time of the log's clock, the one that all watchers of a
	// ring share.
	Now(ctx context.Context) (time.Time, error)
}

// Promoter moves current in the store. A watcher that has one finishes a
// compromise that another process began.
type Promoter interface {
	// Promote makes to current instead of from, by compare-and-set: nil if it
	// was done already, an error if another key is current.
	Promote(ctx context.Context, from, to rotation.Key) error
}

// Rows tells others what this watcher does.
type Rows interface {
	PutWatcher(ctx context.Context, row rotation.WatcherRow) error
	DropWatcher(ctx context.Context, ring, instance string) error
}
