package watcher

import "time"

// The pace of looks at a store that is only eventually consistent: a hint may
// come before what it tells of can be read, and a step of a person's turn is
// followed by another.
const (
	hurryPoll   = 5 * time.Second  // while the store is in motion
	hurryFor    = 2 * time.Minute  // after a hint or a step of a turn
	unhintedGap = 15 * time.Second // while the hints don't come through
)

// pace returns the pause between two looks, before jitter: poll, and less where
// the store is in motion (hurried) or no hint can be counted on (unhinted).
// A poll that is faster than that stays as it is.
func pace(poll time.Duration, hurried, unhinted bool) time.Duration {
	switch {
	case hurried:
		return min(poll, hurryPoll)
	case unhinted:
		return min(poll, unhintedGap)
	}
	return poll
}

// hurry follows a hint or a step of a turn: for a while the store is looked at
// often, if it is eventually consistent.
func (s schedule) hurry(now time.Time) schedule {
	if s.eventual {
		s.hurryUntil = now.Add(hurryFor)
	}
	return s
}

// hinted follows what the hints say of themselves. Hints that have just failed
// bring the next look forward.
func (s schedule) hinted(healthy bool, now time.Time, u float64) schedule {
	was := s.unhinted
	s.unhinted = s.eventual && !healthy
	if soon := now.Add(vary(s.pause(now), u)); s.unhinted && !was && s.failed == 0 && soon.Before(s.look) {
		s.look = soon
	}
	return s
}

// pause returns the pause between two looks as things stand, before jitter.
func (s schedule) pause(now time.Time) time.Duration {
	return pace(s.poll, now.Before(s.hurryUntil), s.unhinted)
}
