package rollout

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Store is the write side of a secret store. Each method refuses, before it
// writes, what it can't do, and can be repeated.
type Store interface {
	// Writable returns nil, or why this process can't write the store.
	Writable() error
	// Prepare makes a fresh key pending, or takes the one that is, and returns its kid.
	Prepare(ctx context.Context, st rotation.State) (kid string, err error)
	// Promote makes to current and from previous if from is current still, and
	// returns nil if to is current already.
	Promote(ctx context.Context, from, to rotation.Key) error
	// Drop takes every label off a key that is not current.
	Drop(ctx context.Context, k rotation.Key) error
}

// Replacer is a [Store] that can do Promote and Drop of the old key in one
// write, so that nothing can come between them.
type Replacer interface {
	Replace(ctx context.Context, from, to rotation.Key) error
}

// Rotator is a [Store] that can have its key turned by something of its own, for
// instance a function that it calls. Nothing can be announced then: the new key
// signs as soon as the store knows it.
type Rotator interface {
	// Rotates reports whether the key is to be turned that way.
	Rotates() bool
	// Turn has the key turned away from, waits until that is done, and returns
	// the version that is current then. Repeated, it waits for the same turn.
	Turn(ctx context.Context, from rotation.Key) (version string, err error)
}

// Tidier is a [Store] in which a turn leaves marks that have to go later.
type Tidier interface {
	// Tidy takes away the marks that head needs no more, and nothing that
	// anybody else put there. It can be repeated, by several processes at once.
	Tidy(ctx context.Context, head rotation.State) error
}

// Resumer is a [Store] that remembers a turn which somebody asked for until the
// new key is current, so that a crash in between does not lose it.
type Resumer interface {
	// Unfinished returns the version that waits to be made current and when it
	// was written; "" where no turn is under way.
	Unfinished(ctx context.Context) (version string, since time.Time, err error)
}

// Watcher is the ring's [watcher.Watcher] in this process.
type Watcher interface {
	Look(ctx context.Context, by, confirmed string) (rotation.State, error)
	LookAfter(ctx context.Context, by, confirmed string, do func(context.Context) error) (rotation.State, error)
	Revoke(ctx context.Context, key string) (rotation.State, error)
	Status() watcher.Status
}

// Deps is what a rotation works with. All but SignAfter and External must be set.
type Deps struct {
	Ring      string
	Store     Store
	Watcher   Watcher
	Verifiers func(ctx context.Context) ([]rotation.VerifierRow, error) // live rows; those of other rings are ignored
	SignAfter time.Duration                                             // how long a key stands in the log before it signs
	External  bool                                                      // another program signs, and does not say with what
}

// DefaultVerifierWait outlasts the row of a verifier that has just died.
const DefaultVerifierWait = rotation.RowTTL + 5*time.Second

// Request says what to do.
type Request struct {
	Key          string        // name of the key to turn away from: refused if another is current. Empty: whichever is
	Pending      string        // name of the pending key to turn to: refused if it is not pending. Empty: whichever is, or a fresh one
	Compromise   bool          // the current key has leaked: drop it at once
	DryRun       bool          // say what would be done; change nothing
	VerifierWait time.Duration // how long to wait for verifiers; zero: DefaultVerifierWait; at most a second in a compromise
}

// The names of steps, in their order.
const (
	StepLook      = "look"      // what is there
	StepPrepare   = "prepare"   // the new key is in the store, pending
	StepAnnounce  = "announce"  // the log says so
	StepRevoke    = "revoke"    // compromise: the log says that the old key goes when current leaves it
	StepVerifiers = "verifiers" // who verifies holds the new key
	StepRotate    = "rotate"    // the store has turned the key itself; instead of prepare to promote
	StepPromote   = "promote"   // the store has it current
	StepRecord    = "record"    // the log says so; the old key retires, or is gone
	StepSign      = "sign"      // tokens are made with it
)

// Step is one line of progress. Detail is for people, and holds no secret.
type Step struct {
	Name   string    `json:"name"`
	Detail string    `json:"detail"`
	At     time.Time `json:"at"`
}

// Result is what a rotation has done, also when it ended with an error.
type Result struct {
	Ring    string `json:"ring"`
	From    string `json:"from"`    // name of the key that was current
	To      string `json:"to"`      // name of the new key; empty: it did not come to one
	KID     string `json:"kid"`     // its kid
	Rev     int64  `json:"rev"`     // of the newest state seen
	DryRun  bool   `json:"dryRun"`  // nothing was done
	Resumed bool   `json:"resumed"` // a key that was pending already was turned
	Revoked bool   `json:"revoked"` // the old key is revoked, or will be when current leaves it, whatever happens now
	Turned  bool   `json:"turned"`  // the new key is current
	Signs   bool   `json:"signs"`   // the new key is known to sign
}
