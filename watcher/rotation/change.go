package rotation

// Change tells what [Next], [Tick], [Revoke], [Extend] or [Again] did.
type Change struct {
	Row      string  // name of the row, also State.Cause.Change; "": nothing changed, append nothing
	Type     string  // the event type that goes with Row; see NewEvent
	Alarms   []Alarm // to be shown even when Row is empty
	Stale    bool    // the look is older than the state: look again, change nothing
	Withheld bool    // the value of a new current version can't be read, so nothing was concluded: look again
	Confirm  string  // name of a key: look again in ConfirmAfter and pass it as Policy.Confirmed
}

// The rows: every way in which one state follows another.
const (
	rowFirstSight    = "first_sight"        // nothing was known of the ring
	rowPending       = "pending"            // a new key verifies, and does not sign yet
	rowPromoted      = "promoted"           // the pending key signs
	rowReplaced      = "replaced"           // a key that was never pending signs
	rowKIDReuse      = "kid_reuse"          // likewise, under the kid of a live key
	rowRolledBack    = "rolled_back"        // an earlier key signs again
	rowRecreated     = "recreated"          // the secret was deleted, and another made under its name
	rowAbandoned     = "pending_abandoned"  // the pending key left before it signed
	rowReissued      = "reissued"           // the same key under a new version of the store
	rowPreviousFound = "previous_found"     // an earlier key became readable that the first look could not read
	rowDeletion      = "deletion_scheduled" // the secret will be deleted
	rowGone          = "gone"               // the secret is not there any more
	rowRestored      = "restored"           // the secret is back
	rowRetired       = "retired"            // the overlap of a key is over
	rowRevoke        = "revoke"             // the intent to revoke the current key was written down
	rowCompromised   = "compromised"        // a revoked key went
	rowExtended      = "extended"           // a key verifies for longer than planned
	rowRefilled      = "refilled"           // a state that the log had lost was appended again
)

// typeOf maps row → event type.
var typeOf = map[string]string{
	rowFirstSight:    "recorded",
	rowPending:       "prepared",
	rowPromoted:      "promoted",
	rowReplaced:      "promoted",
	rowKIDReuse:      "promoted",
	rowRolledBack:    "rolled_back",
	rowRecreated:     "promoted",
	rowAbandoned:     "prepared",
	rowReissued:      "recorded",
	rowPreviousFound: "recorded",
	rowDeletion:      "deleted",
	rowGone:          "deleted",
	rowRestored:      "restored",
	rowRetired:       "retired",
	rowRevoke:        "recorded",
	rowCompromised:   "compromised",
	rowExtended:      "recorded",
	rowRefilled:      "recorded",
}
