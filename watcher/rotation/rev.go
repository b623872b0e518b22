package rotation

import (
	"strconv"
	"time"
)

// maxRev is the greatest rev that every reader can tell from its neighbours:
// browsers hold numbers as float64.
const maxRev = 1<<53 - 1

// nextRev is the rev of the state that follows one with rev prev. Because it is
// never below the time of its append, a log that was wiped or restored can't
// hand out a rev a second time.
func nextRev(prev int64, now time.Time) int64 { return max(prev+1, now.UnixMilli()) }

// instant is t as states carry it: UTC, whole milliseconds, no monotonic reading.
func instant(t time.Time) time.Time { return t.Round(0).UTC().Truncate(time.Millisecond) }

// older reports whether marker a was taken before marker b. Markers order by
// length, then bytewise; an empty one has no place in that order.
func older(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// newest is the later of two markers; an empty one counts as earliest.
func newest(a, b string) string {
	if a == "" || older(a, b) {
		return b
	}
	return a
}

// counter reads a marker that every write of the store raises by one: decimal,
// of at most nine digits, which no time in seconds or finer fits.
func counter(marker string) (n uint64, ok bool) {
	if len(marker) > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(marker, 10, 64)
	return n, err == nil
}
