package rotation

// Snapshot is what one look found in a store. It stays in the memory of the
// process that looked: a Print must never be logged, stored or sent.
type Snapshot struct {
	Ring string
	// Seen is the store's change marker (the file's serial, the time of the
	// last change). Markers order by length, then bytewise, so that decimal
	// numbers and fixed-width UTC times both compare rightly. A look whose
	// marker is lower than the state's is stale. A decimal marker of at most
	// nine digits is a counter that every write raises by one, so that a jump
	// tells of a missed write. Empty: the store has none.
	Seen string
	// Keys are the labelled keys, in the store's order; at most one is Current.
	// Retiring is the store's "previous". Where a value holds several keys, its
	// active one has the label of the value and the others are Pending, but
	// that all keys of a previous value are Retiring.
	Keys []Seen
	// Known holds prints of earlier keys that could still be read or are
	// remembered: key name → print. A key of the last state that is missing
	// here and in Keys is taken to have had other material.
	Known map[string]Print
	// Deleted is set while the store says that the secret is (scheduled to be) deleted.
	Deleted bool
	// Recreated is set when the same name now belongs to another secret: all older keys are void.
	Recreated bool
	By        string // ByPoll, ByHint or ByOps
}

// Seen is one key as a store shows it.
type Seen struct {
	Version   string
	KID       string
	Several   bool // its value holds more than one key, so its name is <version>/<kid>
	Stage     Stage
	Algorithm string
	Print     Print
}

// Print compares material for equality inside one process: a keyed hash under
// a key that never leaves it. Empty means that the value could not be read.
type Print string

// String keeps prints out of logs and errors.
func (Print) String() string { return "[redacted]" }

// GoString keeps prints out of %#v.
func (Print) GoString() string { return "[redacted]" }

// MarshalText keeps prints out of JSON and of structured logs.
func (Print) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Name is the public name a key gets when it is seen for the first time.
func (s Seen) Name() string {
	if s.Several {
		return s.Version + "/" + s.KID
	}
	return s.Version
}
