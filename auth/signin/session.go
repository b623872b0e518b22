package signin

import (
	"encoding/json"
	"fmt"
	"time"
)

// Grace is how long the credential that was just replaced still works. It
// covers an answer that got lost and a second tab that asked at the same time.
const Grace = 30 * time.Second

// maxWalk bounds how many uses back an old credential is recognised, and how
// many a provider's late answer follows; so also the work a stranger who learned
// a session's id can cause: some milliseconds.
const maxWalk = 4096

// record is one session as it stands in the bucket. It holds no credential.
type record struct {
	Subject string         `json:"sub"`
	Started time.Time      `json:"started"`
	Ends    time.Time      `json:"ends"` // absolute; never moved
	Claims  map[string]any `json:"claims,omitempty"`
	// ClaimsAt is when the source of claims gave them.
	ClaimsAt time.Time `json:"claimsAt,omitzero"`

	Provider string `json:"provider,omitempty"` // with which its owner signed in; empty: none
	Audience string `json:"audience,omitempty"` // that was asked of the provider
	// Sealed is the provider's refresh token under a key that only the holder
	// of the current credential can derive.
	Sealed []byte `json:"sealed,omitempty"`
	// AskedAt is when the provider last answered, or was found not to. Before
	// RotatedAt: whoever rotated the credential is still asking.
	AskedAt time.Time `json:"askedAt,omitzero"`
	// AskingUntil is how long the provider's answer may still come: until then
	// nobody else uses the token, which may be good for one use.
	AskingUntil time.Time `json:"askingUntil,omitzero"`

	Current   print     `json:"current"`
	Previous  print     `json:"previous,omitempty"`
	RotatedAt time.Time `json:"rotatedAt,omitzero"`
	Uses      int       `json:"uses"` // how often the credential has changed
}

// maxRecord bounds a stored session: the bucket must not fill with somebody's claims.
const maxRecord = 32 << 10

func (r record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode session: %w", err)
	}
	if len(b) > maxRecord {
		return nil, fmt.Errorf("encode session: %d bytes with its claims, at most %d are kept; put fewer claims into tokens", len(b), maxRecord)
	}
	return b, nil
}

func decodeRecord(b []byte) (record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("decode session: %w", err)
	}
	return r, nil
}

// verdict says what a presented credential is to a session.
type verdict int

const (
	// unknown: neither of this session nor of its past. The session is left alone.
	unknown verdict = iota
	// fresh: the current one; it is to be replaced by its successor.
	fresh
	// repeated: just replaced; it gets the successor it got before.
	repeated
	// reused: replaced longer ago; somebody else holds a copy.
	reused
	// over: the session has reached its end.
	over
)

// judge compares a credential with its session. It needs the key only to
// recognise old credentials and to see that the successor is still the one
// which the record names.
func (r record) judge(c credential, key serverKey, now time.Time) verdict {
	p := c.print()
	switch {
	case !now.Before(r.Ends):
		return over
	case p.equal(r.Current):
		return fresh
	case p.equal(r.Previous) && now.Before(r.RotatedAt.Add(Grace)):
		return repeated
	case p.equal(r.Previous), c.leadsTo(r.Current, key, min(r.Uses, maxWalk)):
		return reused
	}
	return unknown
}

// rotated is the session after c, its current credential, was used.
func (r record) rotated(c credential, key serverKey, claims told, now time.Time) record {
	next := c.successor(key)
	r.Previous, r.Current = r.Current, next.print()
	if token, err := c.open(r.Sealed); err == nil {
		r.Sealed = next.seal(token)
	} else {
		r.Sealed = nil // nobody will ever open it again
	}
	r.RotatedAt = now
	r.Uses++
	r.Claims, r.ClaimsAt = claims.claims, claims.at
	return r
}
