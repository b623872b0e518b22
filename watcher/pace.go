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

// hinted follows a hint: looks are its doing until one is believed.
func (s schedule) hinted(now time.Time, u float64) schedule {
	s.told = true
	return s.hurry(now, u)
}

// hurry follows a hint or a step of a turn: for a while the store is looked at
// often, if it is eventually consistent.
func (s schedule) hurry(now time.Time, u float64) schedule {
	if s.eventual {
		s.hurryUntil = now.Add(hurryFor)
	}
	return s.sooner(now, u)
}

// health follows what the hints say of themselves. Hints that have just begun
// to fail bring the next look forward.
func (s schedule) health(healthy bool, now time.Time, u float64) schedule {
	was := s.unhinted
	s.unhinted = s.eventual && !healthy
	if was || !s.unhinted {
		return s
	}
	return s.sooner(now, u)
}

// sooner brings the next look forward to the pause that now holds. The retries
// of a store that fails keep their own.
func (s schedule) sooner(now time.Time, u float64) schedule {
	if at := now.Add(vary(s.pause(now), u)); s.failed == 0 && at.Before(s.look) {
		s.look = at
	}
	return s
}

// pause returns the pause between two looks as things stand, before jitter.
func (s schedule) pause(now time.Time) time.Duration {
	return pace(s.poll, now.Before(s.hurryUntil), s.unhinted)
}
