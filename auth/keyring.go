package auth

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Config of a [Keyring].
type Config struct {
	// Issuer is the expected "iss". Empty: any.
	Issuer string
	// Audience is to be among "aud". Empty: any.
	Audience string
	// RequireKID refuses tokens whose header names no kid. Otherwise they are
	// tried against at most four live keys of their algorithm, current first.
	RequireKID bool
	// Skew is how far the clocks of signer and verifier may differ, at "exp"
	// and "nbf". Zero or less: not at all.
	Skew time.Duration
	// Look makes whoever feeds the keyring look for keys now. When it returns
	// nil, log and store have answered and what they hold is installed; an error
	// means that one of them did not answer. It must return soon after its
	// context ends, which is at the latest after five seconds. The kid is one
	// that the keyring does not know, or empty; it is foreign input, though
	// checked by [CheckKID]. [Keyring.Verify] says how often it is called.
	// Nil: unknown kids are refused at once.
	Look func(ctx context.Context, kid string) error
	// Observe is called after each verification, on the caller's goroutine, so
	// many times at once; it must be quick and must not keep the token. Exactly
	// one of its arguments is nil. It is not called where the caller's context
	// ended before there was an answer. Nil: nobody observes.
	Observe func(*Token, *Error)
}

// Keyring verifies and signs tokens with the keys of one ring. All methods are
// safe for concurrent use. Verifying takes no lock and, but for a token of an
// unknown key, never waits. The only goroutine is that of a look under way,
// which ends when [Config.Look] returns.
type Keyring struct {
	config Config
	ready  chan struct{}
	look   lookup

	// installed is nil until the first set; replaced as a whole.
	installed atomic.Pointer[snapshot]

	mu        sync.Mutex // orders Install calls
	readyOnce sync.Once
}

// NewKeyring returns a keyring that has no key yet: until [Keyring.Install]
// every verification fails with [CodeUnavailable].
func NewKeyring(c Config) *Keyring {
	return &Keyring{config: c, ready: make(chan struct{})}
}

// Ready returns a channel that is closed once a set with at least one key has
// been installed. It stays closed.
func (k *Keyring) Ready() <-chan struct{} { return k.ready }

// Set returns the installed set; the zero Set before the first one. It is
// shared with every other caller: do not change what it points to.
func (k *Keyring) Set() Set {
	if s := k.installed.Load(); s != nil {
		return s.set
	}
	return Set{}
}

// Install replaces all keys at once: a verification sees either the old set
// or the new one, and every later one the new one. A set that is not usable
// ([Set.Check]) or older (a lower Rev) is refused with an error, and the last
// good one stays. One with an equal Rev is taken: it is how material that
// arrives late comes in.
func (k *Keyring) Install(s Set) error {
	next, err := newSnapshot(s)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.installed.Load(); last != nil && s.Rev < last.set.Rev {
		return ErrOlder
	}
	k.installed.Store(next)
	if len(s.Held) > 0 {
		k.readyOnce.Do(func() { close(k.ready) })
	}
	return nil
}
