package auth

import (
	"context"
	"sync/atomic"
	"time"
)

// Stage is where a key stands in its life: pending → current → retiring → gone.
type Stage string

const (
	Pending  Stage = "pending"  // verifies, does not sign
	Current  Stage = "current"  // signs
	Retiring Stage = "retiring" // verifies until its VerifyUntil
)

// Held is one key of a [Set].
type Held struct {
	Name        string    // the key's public identity, unique in the set
	Key         Key       // material, kid, algorithm
	Stage       Stage     // Pending, Current or Retiring
	VerifyUntil time.Time // retiring: the last moment at which it verifies; zero: no end is known
	SignFrom    time.Time // current: the first moment at which it signs if another key can; zero: at once
}

// Set is what a verifier or signer knows of one ring at one moment. Once it is
// given to [Keyring.Install] nobody may change it or what it points to.
type Set struct {
	Rev  int64  // orders the sets; 0 where no log gave one. A keyring never goes back
	Held []Held // current first, then pending, then retiring, each newest first
	// Gone tells why a kid that no held key has is refused: kid → CodeKeyRetired or CodeKeyRevoked.
	Gone map[string]string
	// Announced are kids of live keys whose material is not here yet. A token
	// with such a kid (or, while there is any, one that no held key verifies)
	// causes a look at once.
	Announced []string
}

// Config of a [Keyring].
type Config struct {
	Issuer     string        // expected iss; empty: any
	Audience   string        // expected among aud; empty: any
	RequireKID bool          // refuse tokens whose header names no kid
	Skew       time.Duration // allowed difference of clocks at exp and nbf; zero: none
	// Look makes the keyring's owner look for keys, now: on success whatever the
	// log and the store hold has been installed before it returns. An error means that
	// log or store did not answer. The kid is one the keyring does not know, or empty; it is foreign
	// input. Nil: unknown kids are refused at once. See [Keyring.Verify] for how often it is called.
	Look func(ctx context.Context, kid string) error
	// Observe is called after each verification, synchronously, from many goroutines: it must be quick
	// and must not keep the token. Exactly one of both is nil. Nil: nobody observes.
	Observe func(*Token, *Error)
}

// Keyring verifies and signs with the keys of one ring. All methods are safe
// for concurrent use; it owns no goroutine but that of a look under way, which ends within five seconds.
type Keyring struct {
	config Config
	ready  chan struct{}
	set    atomic.Pointer[Set]
}

// NewKeyring returns a keyring without keys.
func NewKeyring(c Config) *Keyring { return &Keyring{config: c, ready: make(chan struct{})} }

// Install swaps the whole set in.
func (k *Keyring) Install(s Set) error { return nil }

// Set returns the installed set, zero before the first one. It is shared: do not change it.
func (k *Keyring) Set() Set { return Set{} }

// Ready is closed once a usable set is installed.
func (k *Keyring) Ready() <-chan struct{} { return k.ready }
