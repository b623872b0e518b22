package watcher

import (
	"maps"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// The pace of a watcher.
const (
	readEvery    = 10 * time.Second // how soon a wiped or restored log is noticed
	logRetry     = 10 * time.Second // longest pause while the log can't be reached
	finishAfter  = 5 * time.Second  // how long whoever began a compromise has to end it
	finishAgain  = 10 * time.Second // pause between attempts to end it for them
	barrier      = time.Second      // how long verifiers have to take a pending key in, before it is made current
	jitter       = 0.2              // share of a pause by which it varies, lest all watchers look at once
	firstRetry   = time.Second      // after a failed look; doubles up to the poll
	blindRetry   = time.Minute      // longest pause while the current value can't be read
	earliestTick = 10 * time.Millisecond
)

// staleLadder is how long to wait after each look in a row that was older than
// the state: an eventually consistent store catches up within seconds.
var staleLadder = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// outcome is how a look went.
type outcome int

const (
	lookedFine  outcome = iota // whether or not something changed
	lookedBlind                // likewise, but what is current now can't be read
	lookedStale                // older than the state
	storeFailed
	logFailed // see unlooked
)

// errand is what is due.
type errand int

const (
	nothingDue errand = iota
	readDue           // read the log's head
	finishDue         // end a compromise
	lookDue           // look at the store
)

// schedule says what a watcher does when. It is a value: its methods return
// the schedule that follows. Times are of this process's clock.
type schedule struct {
	poll       time.Duration
	eventual   bool                 // the store is eventually consistent: see pace
	hurryUntil time.Time            // it is in motion: looks are frequent
	unhinted   bool                 // its hints don't come through
	told       bool                 // a hint came, and no look since was believed
	look       time.Time            // next look by poll or retry
	read       time.Time            // next read of the head
	tick       time.Time            // end of a retiring key; zero: none
	hold       time.Time            // the log can't be reached: nothing before this
	confirm    string               // key whose return a second look has to confirm; "": none
	confirmAt  time.Time            // when
	finish     map[string]time.Time // key to revoke → when to end it for whoever began
	stale      int                  // stale looks in a row
	failed     int                  // failed looks in a row
	logFails   int                  // failures of the log in a row
	started    bool                 // a head was read once
}

// looked follows a look. confirm is the key whose return it saw, u in [0,1)
// the random share of the jitter.
func (s schedule) looked(o outcome, confirm string, now time.Time, u float64) schedule {
	s.read = now.Add(readEvery)
	switch o {
	case lookedFine, lookedBlind:
		s.stale, s.failed, s.logFails, s.hold = 0, 0, 0, time.Time{}
		pause := s.pause(now)
		if o == lookedBlind {
			pause = min(pause, blindRetry)
		}
		s.told = s.told && (confirm != "" || o == lookedBlind)
		s.look = now.Add(vary(pause, u))
		if confirm != s.confirm {
			s.confirm, s.confirmAt = confirm, now.Add(rotation.ConfirmAfter)
		}
	case lookedStale:
		s.failed, s.logFails, s.hold = 0, 0, time.Time{}
		wait := vary(s.pause(now), u)
		if s.stale < len(staleLadder) {
			wait = min(staleLadder[s.stale], wait)
		}
		s.stale++
		s.look = now.Add(wait)
	case storeFailed:
		s.logFails, s.hold = 0, time.Time{}
		s.look = now.Add(vary(min(doubled(firstRetry, s.failed), s.poll), u))
		s.failed++
	}
	if (o == lookedStale || o == storeFailed) && s.confirm != "" && s.confirmAt.Before(s.look) {
		s.confirmAt = s.look // the second look failed: not at once again
	}
	return s
}

// unlooked follows a look that the log kept from going well, after unread: it
// is made up for as soon as the log is there.
func (s schedule) unlooked() schedule {
	s.look = s.hold
	s.failed++
	return s
}

// readHead follows a read of the head that went well.
func (s schedule) readHead(now time.Time) schedule {
	s.read, s.logFails, s.hold = now.Add(readEvery), 0, time.Time{}
	return s
}

// unread follows a failure of the log: everything waits, since all of it needs the log.
func (s schedule) unread(now time.Time, u float64) schedule {
	s.hold = now.Add(vary(min(doubled(firstRetry, s.logFails), logRetry), u))
	s.read = s.hold
	s.logFails++
	return s
}

// head takes what the log's head asks for: the end of retiring keys, and
// compromises that somebody began. logNow is the log's clock at now.
func (s schedule) head(h rotation.State, now, logNow time.Time) schedule {
	s.tick = time.Time{}
	for _, k := range h.Keys {
		if k.Stage != rotation.Retiring {
			continue
		}
		at := now.Add(max(k.VerifyUntil.Sub(logNow), earliestTick))
		if s.tick.IsZero() || at.Before(s.tick) {
			s.tick = at
		}
	}
	wait := finishAfter + barrier
	if !s.started { // whoever began may have been this process, before it crashed
		wait = barrier
	}
	finish := make(map[string]time.Time, len(h.Revoke))
	for _, key := range h.Revoke {
		at, known := s.finish[key]
		if !known {
			at = now.Add(wait)
		}
		finish[key] = at
	}
	s.finish, s.started = finish, true
	return s
}

// unfinished follows an attempt to end a compromise that did not succeed.
func (s schedule) unfinished(key string, now time.Time) schedule {
	if _, known := s.finish[key]; known {
		s.finish = maps.Clone(s.finish)
		s.finish[key] = now.Add(finishAgain)
	}
	return s
}

// due returns what to do at now. key is the key to confirm or to revoke.
func (s schedule) due(now time.Time) (what errand, key string) {
	if now.Before(s.hold) {
		return nothingDue, ""
	}
	for name, at := range s.finish {
		if !now.Before(at) {
			return finishDue, name
		}
	}
	switch {
	case s.confirm != "" && !now.Before(s.confirmAt):
		return lookDue, s.confirm
	case !now.Before(s.look):
		return lookDue, ""
	case !now.Before(s.read), !s.tick.IsZero() && !now.Before(s.tick):
		return readDue, ""
	}
	return nothingDue, ""
}

// next returns when something will be due.
func (s schedule) next() time.Time {
	at := s.look
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	sooner(s.read)
	sooner(s.tick)
	if s.confirm != "" {
		sooner(s.confirmAt)
	}
	for _, t := range s.finish {
		sooner(t)
	}
	if at.Before(s.hold) {
		at = s.hold
	}
	return at
}

// vary moves d by up to ± jitter.
func vary(d time.Duration, u float64) time.Duration {
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*u))
}

// doubled is d × 2^n, without overflow.
func doubled(d time.Duration, n int) time.Duration { return d << min(n, 12) }
