package rotation

import (
	"fmt"
	"time"
)

// Alarm is something that a person should see to. It never holds material.
type Alarm struct {
	Code string `json:"code"`          // a short fixed word, fit for a metric's label
	Key  string `json:"key,omitempty"` // name of the key in question
	Text string `json:"text"`          // what is wrong, and what to do
}

// Codes of alarms. All but alarmReplaced and alarmRecreated tell of a
// condition and come back with every look while it lasts; these two tell of an
// event and come once.
const (
	alarmUnusable           = "unusable"            // the store shows no current key
	alarmUnreadable         = "unreadable"          // the store shows a key whose value can't be read
	alarmStarted            = "rotation_started"    // a pending version exists that has no value yet
	alarmMalformed          = "malformed"           // the store shows a key that a state can't carry
	alarmForeign            = "foreign_look"        // a look at another ring
	alarmReused             = "kid_reuse"           // two live keys share a kid
	alarmRefused            = "kid_refused"         // StrictKID kept a key out
	alarmCompromisedCurrent = "compromised_current" // the store's current key is a leaked one
	alarmCompromisedPending = "compromised_pending" // a leaked key is about to be used again
	alarmReplaced           = "replaced"            // a key signs that was never announced
	alarmRecreated          = "recreated"           // older keys were voided
	alarmDeleted            = "deleted"             // the secret is (scheduled to be) deleted
	alarmTooMany            = "too_many_keys"       // the ring has more keys than a state carries
	alarmWindow             = "window_too_small"    // the refreshes of a rotation don't fit its overlap
)

func alarmf(code, key, format string, args ...any) Alarm {
	return Alarm{Code: code, Key: key, Text: fmt.Sprintf(format, args...)}
}

// sharedKIDs tells of each kid that names more than one of the keys.
func sharedKIDs(keys []Key) []Alarm {
	var alarms []Alarm
	for i, k := range keys {
		for _, older := range keys[i+1:] {
			if older.KID != k.KID {
				continue
			}
			until := "as long as both are live"
			if !older.VerifyUntil.IsZero() {
				until = "until " + older.VerifyUntil.Format(time.RFC3339)
			}
			alarms = append(alarms, alarmf(alarmReused, k.Name,
				"kid %.80q names two live keys, %.80s and %.80s: both are tried %s; give every new key a kid of its own, or set kid: {strict: true} to refuse this",
				k.KID, k.Name, older.Name, until))
			break
		}
	}
	return alarms
}
