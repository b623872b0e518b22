package rotation

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Caps of a state. They bound what a hostile or broken peer can make a reader
// hold; [Next] keeps to them whatever the store shows.
const (
	MaxKeys   = 64  // live keys
	MaxGone   = 64  // gone keys; the oldest are forgotten, compromised ones last
	MaxRevoke = 16  // intents to revoke
	MaxString = 256 // bytes of a name, kid, version, algorithm or marker

	// maxCompromised bounds the gone keys that are never forgotten.
	maxCompromised = 32
	// maxState is the size limit of an encoded state, in bytes. The rest of
	// MaxEvent is for the envelope.
	maxState = MaxEvent - 4<<10
)

var changeName = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// Check returns an error unless s is well-formed and within the caps: exactly
// one current key, distinct names, an end for each retiring key and for no
// other, no key both live and gone, and an intent to revoke for the current
// key only. The error names the member and never repeats more than the start of it.
func Check(s State) error {
	if err := CheckRing(s.Ring); err != nil {
		return err
	}
	if err := checkState(s); err != nil {
		return fmt.Errorf("state of ring %s: %w", s.Ring, err)
	}
	return nil
}

func checkState(s State) error {
	switch {
	case s.Rev < 1 || s.Rev > maxRev:
		return fmt.Errorf("rev %d: want 1 to %d", s.Rev, int64(maxRev))
	case s.Urgency != Planned && s.Urgency != Compromise:
		return fmt.Errorf("urgency %.40q: want %q or %q", s.Urgency, Planned, Compromise)
	case s.Seen != "" && !fits(s.Seen):
		return fmt.Errorf("seen %.40q: want at most %d printable bytes", s.Seen, MaxString)
	case s.Refresh.AfterMs < 0 || s.Refresh.AfterMs > maxPlan || s.Refresh.WindowMs < 0 || s.Refresh.WindowMs > maxPlan:
		return fmt.Errorf("refresh plan %+v: want 0 to %d ms", s.Refresh, maxPlan)
	case s.Cause.By != ByPoll && s.Cause.By != ByHint && s.Cause.By != ByOps:
		return fmt.Errorf("cause.by %.40q: want %q, %q or %q", s.Cause.By, ByPoll, ByHint, ByOps)
	case !changeName.MatchString(s.Cause.Change):
		return fmt.Errorf("cause.change %.40q: want a word of lower-case letters", s.Cause.Change)
	}
	if err := checkKeys(s.Keys); err != nil {
		return err
	}
	if err := checkGone(s); err != nil {
		return err
	}
	if err := checkRevoke(s); err != nil {
		return err
	}
	if n := size(s); n > maxState {
		return fmt.Errorf("%d bytes: want at most %d", n, maxState)
	}
	return nil
}

func checkKeys(keys []Key) error {
	if len(keys) > MaxKeys {
		return fmt.Errorf("%d keys: want at most %d", len(keys), MaxKeys)
	}
	names := make(map[string]bool, len(keys))
	current := 0
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return fmt.Errorf("key %.80q: %w", k.Name, err)
		}
		if names[k.Name] {
			return fmt.Errorf("key %.80q: stands twice", k.Name)
		}
		names[k.Name] = true
		if k.Stage == Current {
			current++
		}
	}
	if current != 1 {
		return fmt.Errorf("%d current keys: want one", current)
	}
	return nil
}

func checkKey(k Key) error {
	for _, f := range []struct{ what, value string }{
		{"name", k.Name}, {"kid", k.KID}, {"version", k.Version}, {"algorithm", k.Algorithm},
	} {
		if !fits(f.value) {
			return fmt.Errorf("%s %.40q: want 1 to %d printable bytes", f.what, f.value, MaxString)
		}
	}
	switch k.Stage {
	case Pending, Current:
		if !k.VerifyUntil.IsZero() {
			return fmt.Errorf("is %s and has an end: only retiring keys end", k.Stage)
		}
	case Retiring:
		if k.VerifyUntil.IsZero() {
			return errors.New("is retiring without an end")
		}
	default:
		return fmt.Errorf("stage %.40q: want %q, %q or %q", k.Stage, Pending, Current, Retiring)
	}
	for _, t := range []time.Time{k.Since, k.Logged, k.VerifyUntil} {
		if !carried(t) {
			return fmt.Errorf("a time in the year %d", t.Year())
		}
	}
	return nil
}

func checkGone(s State) error {
	if len(s.Gone) > MaxGone {
		return fmt.Errorf("%d gone keys: want at most %d", len(s.Gone), MaxGone)
	}
	names := make(map[string]bool, len(s.Gone))
	for _, g := range s.Gone {
		_, live := s.Key(g.Key)
		switch {
		case !fits(g.Key) || g.KID != "" && !fits(g.KID) || g.Version != "" && !fits(g.Version) || g.Algorithm != "" && !fits(g.Algorithm):
			return fmt.Errorf("gone key %.80q: want a name, and members of at most %d printable bytes", g.Key, MaxString)
		case g.Why != WhyRetired && g.Why != WhyAbandoned && g.Why != WhyCompromised:
			return fmt.Errorf("gone key %.80q: why %.40q: want %q, %q or %q", g.Key, g.Why, WhyRetired, WhyAbandoned, WhyCompromised)
		case names[g.Key]:
			return fmt.Errorf("gone key %.80q: stands twice", g.Key)
		case live:
			return fmt.Errorf("gone key %.80q: is live too", g.Key)
		}
		names[g.Key] = true
	}
	return nil
}

func checkRevoke(s State) error {
	if len(s.Revoke) > MaxRevoke {
		return fmt.Errorf("%d keys to revoke: want at most %d", len(s.Revoke), MaxRevoke)
	}
	for i, name := range s.Revoke {
		k, live := s.Key(name)
		switch {
		case !live:
			return fmt.Errorf("revoke %.80q: is not a live key", name)
		case k.Stage != Current:
			return fmt.Errorf("revoke %.80q: is %s, and only a current key may wait for its end", name, k.Stage)
		case slices.Contains(s.Revoke[:i], name):
			return fmt.Errorf("revoke %.80q: stands twice", name)
		}
	}
	return nil
}

// carried reports whether JSON can carry the time (RFC 3339, section 1: years 0000 to 9999).
func carried(t time.Time) bool { y := t.UTC().Year(); return 0 <= y && y <= 9999 }

// fits reports whether a state may carry the string: not empty, within the cap,
// valid UTF-8 of printable characters, so that it can stand in a log line.
func fits(s string) bool {
	if s == "" || len(s) > MaxString || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// size is the length of the encoded state in bytes, or a lower bound of it
// where even the greatest possible length is within maxState.
func size(s State) int {
	const perKey, perGone, fixed, escaped = 300, 80, 600, 6
	n := len(s.Ring) + len(s.Seen) + len(s.Cause.Change)
	for _, k := range s.Keys {
		n += len(k.Name) + len(k.KID) + len(k.Version) + len(k.Algorithm)
	}
	for _, g := range s.Gone {
		n += len(g.Key) + len(g.KID) + len(g.Version) + len(g.Algorithm)
	}
	for _, r := range s.Revoke {
		n += len(r)
	}
	if escaped*n+fixed+perKey*len(s.Keys)+perGone*len(s.Gone) <= maxState {
		return n
	}
	return encoded(s)
}

// encoded is the length of v in JSON, in bytes; what can't be encoded is too long.
func encoded(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return maxState + 1
	}
	return len(b)
}
