package rotation

import "time"

const (
	// DefaultSkew is how far two clocks of one ring may differ when a [Policy] does not say.
	DefaultSkew = 30 * time.Second
	// ConfirmAfter is how long to wait before the second look that confirms
	// the return of an earlier key; see [Change].
	ConfirmAfter = 5 * time.Second
	// MaxHold bounds [Extend]: a key can't be kept for longer than this from now.
	// One token with an absurd expiry must not keep an old key alive for ever.
	MaxHold = 366 * 24 * time.Hour
)

// Policy is what the configuration of a ring says about its rotations, and what
// the process that looks knows besides. The zero Policy works: keys then
// retire after the skew alone.
type Policy struct {
	TokenLifetime time.Duration // longest life of a token of this ring
	SignerLag     time.Duration // how late a signer may notice a change: 2 × poll
	Skew          time.Duration // how far clocks may differ; zero: DefaultSkew; negative: none
	AfterMs       int64         // Plan.AfterMs of planned changes, milliseconds
	PerSecond     float64       // refreshes a second that the issuers of the ring admit; zero: not limited
	Connections   int           // live connections of the ring, for Plan.WindowMs
	StrictKID     bool          // refuse other material under a known kid
	// Confirmed is the name of a key whose return to current a second look
	// has confirmed, or that this process itself made current again.
	Confirmed string
	// LastSeen is the marker of this process's previous look; empty: unknown.
	// With it, a store that was written without any key changing leaves no
	// false trace of a gap, and a look older than the last one is stale.
	LastSeen string
}

// overlap is how long a key verifies after the look that saw it leave current:
// until the last signer has noticed and the last token it signed has expired
// on the slowest clock.
func (p Policy) overlap() time.Duration {
	skew := p.Skew
	switch {
	case skew == 0:
		skew = DefaultSkew
	case skew < 0:
		skew = 0
	}
	return max(p.SignerLag, 0) + max(p.TokenLifetime, 0) + skew
}
