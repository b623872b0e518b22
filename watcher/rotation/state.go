package rotation

import (
	"slices"
	"time"
)

// Stage is where a key stands in its life: pending → current → retiring → gone.
type Stage string

const (
	Pending  Stage = "pending"  // verifies, does not sign
	Current  Stage = "current"  // signs
	Retiring Stage = "retiring" // verifies until its VerifyUntil
)

// Urgency tells clients and servers how fast a state wants to be followed.
type Urgency string

const (
	Planned    Urgency = "planned"    // the overlap holds
	Compromise Urgency = "compromise" // the old key is dropped at once
)

// Key is one live key of a ring, without its material.
type Key struct {
	// Name is the key's public identity everywhere: the version in which it
	// first appeared, or <version>/<kid> where one value holds several keys.
	Name      string `json:"key"`
	KID       string `json:"kid"`
	Version   string `json:"version"` // the store's version that holds it now; compared for equality only
	Stage     Stage  `json:"stage"`
	Algorithm string `json:"algorithm"` // JWS alg: HS256, RS256, ES256, EdDSA, …

	Since       time.Time `json:"since,omitzero"`       // when this stage began
	Logged      time.Time `json:"logged,omitzero"`      // when the key first stood in the log as pending or current
	VerifyUntil time.Time `json:"verifyUntil,omitzero"` // retiring only: verifies up to this moment
	Reused      bool      `json:"kidReused,omitempty"`  // another live key has the same kid and other material
}

// Why a key is gone.
const (
	WhyRetired     = "retired"     // its overlap is over
	WhyAbandoned   = "abandoned"   // was pending and left the store before it signed anything
	WhyCompromised = "compromised" // revoked; never comes back
)

// Gone is a key that stays out while the store shows it as anything but current.
type Gone struct {
	Key       string `json:"key"`
	KID       string `json:"kid,omitempty"`
	Version   string `json:"version,omitempty"`   // the store's version that held it last
	Algorithm string `json:"algorithm,omitempty"` // JWS alg
	Why       string `json:"why"`                 // WhyRetired, WhyAbandoned or WhyCompromised
}

// Plan spreads the refreshes that a state causes: a client refreshes at a
// random moment of the window that opens AfterMs after it learned of the state.
type Plan struct {
	AfterMs  int64 `json:"afterMs"`  // milliseconds, ≥ 0
	WindowMs int64 `json:"windowMs"` // milliseconds, ≥ 0
}

// Who noticed a change.
const (
	ByPoll = "poll"
	ByHint = "hint"
	ByOps  = "ops"
)

// Cause tells how a state came to be.
type Cause struct {
	By     string `json:"by"`     // ByPoll, ByHint or ByOps
	Change string `json:"change"` // name of the row of [Next], e.g. "promoted"
	Gap    bool   `json:"gap"`    // at least one change before this one was not seen
}

// State is everything that verifiers, signers and browsers need to know about
// a ring. It is a value: functions of this package never change one in place.
type State struct {
	Ring    string   `json:"ring"`
	Rev     int64    `json:"rev"` // orders the states of a ring; greater wins. ≥ Unix milliseconds of its append
	Urgency Urgency  `json:"urgency"`
	Seen    string   `json:"seen"` // the store's change marker at that look; see [Snapshot]
	Keys    []Key    `json:"keys"` // live keys: current first, then pending, then retiring, each newest first
	Gone    []Gone   `json:"gone"`
	Revoke  []string `json:"revoke"` // names of keys that must go the moment current leaves them
	Deleted bool     `json:"deleted,omitempty"`
	Refresh Plan     `json:"refresh"`
	Cause   Cause    `json:"cause"`
}

// gone is what is remembered of a key that is not live any more.
func (k Key) gone(why string) Gone {
	return Gone{Key: k.Name, KID: k.KID, Version: k.Version, Algorithm: k.Algorithm, Why: why}
}

// key is what is known of a key that is gone.
func (g Gone) key() Key {
	return Key{Name: g.Key, KID: g.KID, Version: g.Version, Algorithm: g.Algorithm}
}

// IsZero reports whether s is the state of a ring of which nothing is known.
func (s State) IsZero() bool { return s.Rev == 0 }

// Current returns the signing key; ok is false where there is none.
func (s State) Current() (key Key, ok bool) {
	for _, k := range s.Keys {
		if k.Stage == Current {
			return k, true
		}
	}
	return Key{}, false
}

// Key returns the live key of that public name.
func (s State) Key(name string) (key Key, ok bool) {
	for _, k := range s.Keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// Revoked reports whether the intent to revoke that key has been written down.
func (s State) Revoked(name string) bool { return slices.Contains(s.Revoke, name) }
