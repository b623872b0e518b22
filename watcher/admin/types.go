package admin

import (
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Ring is what the daemon knows of one ring. Its JSON is the API's and that of
// `keyturn status --json`: members are added, never renamed.
type Ring struct {
	Name     string         `json:"name"`
	Store    string         `json:"store"`           // "file"
	Secret   string         `json:"secret"`          // the store's name for it: a path, never a value
	Issuer   string         `json:"issuer"`          // "keyturn" or "external"
	State    rotation.State `json:"state"`           // the newest; rev 0 while nothing is known
	Live     bool           `json:"live"`            // the log answers and some watcher sees its store
	LookedAt time.Time      `json:"lookedAt"`        // last successful look of this process; zero: none yet
	Error    string         `json:"error,omitempty"` // why the last look failed
	Degraded bool           `json:"degraded"`        // something needs a person: see Alarms and Error
	Alarms   []Alarm        `json:"alarms"`
	ReadOnly string         `json:"readOnly,omitempty"` // why keyturn can't turn this key itself; empty: it can
	Census   CensusTotal    `json:"census"`
	Rotating bool           `json:"rotating"` // a rotation asked for here is under way
}

// Alarm is something a person should know of. Text says what to do.
type Alarm struct {
	Code string `json:"code"`
	Key  string `json:"key,omitempty"`
	Text string `json:"text"`
}

// CensusTotal adds up the rows of all broadcasters.
type CensusTotal struct {
	Connections int            `json:"connections"` // authenticated
	Waiting     int            `json:"waiting"`     // not authenticated, or public
	Told        int            `json:"told"`        // were sent the newest state
	Failed      int            `json:"failed"`      // whose last refresh failed
	Keys        map[string]int `json:"keys"`        // key name → connections whose token it verified
}

// Total adds up census rows; told counts only rows on the newest rev among them.
func Total(rows []rotation.CensusRow) CensusTotal {
	t := CensusTotal{Keys: map[string]int{}}
	var newest int64
	for _, r := range rows {
		newest = max(newest, r.Rev)
	}
	for _, r := range rows {
		for key, n := range r.Keys {
			t.Keys[key] += n
			t.Connections += n
		}
		t.Waiting += r.Waiting
		t.Failed += r.Failed
		if r.Rev == newest {
			t.Told += r.Told
		}
	}
	return t
}

// Census answers GET …/census.
type Census struct {
	Ring  string               `json:"ring"`
	Total CensusTotal          `json:"total"`
	Rows  []rotation.CensusRow `json:"rows"`
}

// Verifiers answers GET …/verifiers.
type Verifiers struct {
	Ring string                 `json:"ring"`
	Rows []rotation.VerifierRow `json:"rows"`
}

// Levels of a [Finding].
const (
	LevelOK   = "ok"
	LevelNote = "note"
	LevelWarn = "warn"
	LevelFail = "fail"
)

// Finding is one line of a check.
type Finding struct {
	Topic string `json:"topic"` // "kid", "strength", "stages", …
	Level string `json:"level"` // LevelOK, LevelNote, LevelWarn or LevelFail
	Text  string `json:"text"`  // what was found and, where something is to do, what
}

// Report answers GET …/check.
type Report struct {
	Ring     string    `json:"ring"`
	Findings []Finding `json:"findings"`
	Next     string    `json:"next"` // the command to run next
}

// RotateRequest is the body of POST …/rotations.
type RotateRequest struct {
	Key            string `json:"key"`            // name of the key to turn away from; refused if another is current. Empty: whichever is
	Compromise     bool   `json:"compromise"`     // the current key has leaked: drop it at once
	DryRun         bool   `json:"dryRun"`         // say what would be done; change nothing
	VerifierWaitMs int64  `json:"verifierWaitMs"` // milliseconds to wait for verifiers that have not reported the new key; 0: the default
}

// Step is one line of progress.
type Step struct {
	Name   string    `json:"name"`
	Detail string    `json:"detail"`
	At     time.Time `json:"at"`
}

// Result is how a rotation ended well.
type Result struct {
	Ring    string `json:"ring"`
	From    string `json:"from"` // name of the key that was current
	To      string `json:"to"`   // name of the key that is current now
	KID     string `json:"kid"`  // its kid
	Rev     int64  `json:"rev"`  // of the state that made it current
	DryRun  bool   `json:"dryRun"`
	Resumed bool   `json:"resumed"` // a key that was pending already was turned
	Signs   bool   `json:"signs"`   // the new key is known to sign; false: it will after signAfter, or an external issuer signs
}

// Line is one line of the answer to POST …/rotations; exactly one member is set.
type Line struct {
	Step    *Step    `json:"step,omitempty"`
	Result  *Result  `json:"result,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// MintRequest is the body of POST …/tokens.
type MintRequest struct {
	Subject    string   `json:"subject"`
	Roles      []string `json:"roles"`
	LifetimeMs int64    `json:"lifetimeMs"` // 0: 15 minutes, the most
}

// Told answers POST …/subjects/{subject}/refresh.
type Told struct {
	Ring string `json:"ring"`
}

// Minted answers POST …/tokens.
type Minted struct {
	Token       string `json:"token"`
	Key         string `json:"key"`
	KID         string `json:"kid"`
	ExpiresInMs int64  `json:"expiresInMs"`
}
