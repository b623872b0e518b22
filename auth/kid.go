package auth

import (
	"errors"
	"regexp"
)

var kidPattern = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,128}$`)

// CheckKID returns an error unless kid is 1 to 128 of the characters A–Z a–z 0–9 . _ ~ : -
// They need no escaping in a header, a URL, a log line or a file name. The error does not quote the kid.
func CheckKID(kid string) error {
	if !kidPattern.MatchString(kid) {
		return errors.New("kid is not usable: want 1 to 128 of A-Z a-z 0-9 . _ ~ : -")
	}
	return nil
}

func (m *material) shows(kid string) bool { return false }
