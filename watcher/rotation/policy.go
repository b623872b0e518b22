package rotation

import "time"

// DefaultSkew is how far two clocks of one ring may differ when a [Policy] does not say.
const DefaultSkew = 30 * time.Second

// Policy is what the configuration of a ring says about its rotations.
// The zero Policy works: keys then retire after the skew alone.
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
}

// Alarm is something that a person should see to. It never holds material.
type Alarm struct {
	Code string `json:"code"`          // one of the Alarm constants
	Key  string `json:"key,omitempty"` // name of the key in question
	Text string `json:"text"`          // what is wrong, and what to do
}

// Change tells what [Next], [Tick], [Revoke], [Extend] or [Again] did.
type Change struct {
	Row     string  // name of the row, also State.Cause.Change; "": nothing changed, append nothing
	Type    string  // the event type that goes with Row; see NewEvent
	Alarms  []Alarm // to be shown even when Row is empty
	Stale   bool    // the look is older than the state: look again, change nothing
	Confirm string  // name of a key: look again in ConfirmAfter and pass it as Policy.Confirmed
}
