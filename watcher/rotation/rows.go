package rotation

import "time"

// Rows tell what one process holds at this moment. They live in KV buckets
// for 30 s ([RowTTL]), are put when they change and every 10 s ([RowEvery]).
const (
	RowTTL   = 30 * time.Second
	RowEvery = 10 * time.Second
)

// CensusRow counts one broadcaster's authenticated connections of a ring by the
// key that verified their token.
type CensusRow struct {
	Ring     string         `json:"ring"`
	Instance string         `json:"instance"`
	At       time.Time      `json:"at"`
	Rev      int64          `json:"rev"`     // newest state pushed
	Told     int            `json:"told"`    // connections that were sent Rev
	Keys     map[string]int `json:"keys"`    // key name → connections
	Failed   int            `json:"failed"`  // connections whose last refresh failed
	Waiting  int            `json:"waiting"` // connections that have not authenticated (or are public)
}

// VerifierRow tells which keys one verifier holds.
type VerifierRow struct {
	Ring     string    `json:"ring"`
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	Rev      int64     `json:"rev"`
	Keys     []string  `json:"keys"`              // names of keys it verifies with
	Missing  []string  `json:"missing,omitempty"` // live keys whose value it can't read
	Signs    string    `json:"signs,omitempty"`   // name of the key it signs with, where it signs
	Error    string    `json:"error,omitempty"`
}

// WatcherRow tells when one watcher last looked at its store, and how that went.
type WatcherRow struct {
	Ring     string        `json:"ring"`
	Instance string        `json:"instance"`
	At       time.Time     `json:"at"`
	Store    string        `json:"store"`    // "file", "aws"
	LookedAt time.Time     `json:"lookedAt"` // last successful look
	Poll     time.Duration `json:"pollNs"`
	Rev      int64         `json:"rev"`
	Alarms   []string      `json:"alarms,omitempty"`
	Error    string        `json:"error,omitempty"`
}

// IssuerRow marks one live issuer: the refresh rate of a ring is divided by their number.
type IssuerRow struct {
	Ring     string    `json:"ring"`
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
}
