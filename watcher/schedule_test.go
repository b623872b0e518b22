package watcher

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestPausesAfterLooks(t *testing.T) {
	const poll = time.Minute
	for _, tt := range []struct {
		name  string
		looks []outcome
		u     float64
		want  time.Duration // pause after the last of looks
	}{
		{"a good look is followed by the poll", []outcome{lookedFine}, 0.5, poll},
		{"up to a fifth earlier", []outcome{lookedFine}, 0, 48 * time.Second},
		{"or later", []outcome{lookedFine}, 0.999999999, 72*time.Second - 24},
		{"a stale look is repeated soon", []outcome{lookedStale}, 0.5, 500 * time.Millisecond},
		{"and slower each time", []outcome{lookedStale, lookedStale}, 0.5, time.Second},
		{"up the ladder", []outcome{lookedStale, lookedStale, lookedStale, lookedStale, lookedStale}, 0.5, 8 * time.Second},
		{"and then with the poll", []outcome{lookedStale, lookedStale, lookedStale, lookedStale, lookedStale, lookedStale}, 0.5, poll},
		{"a good look ends the ladder", []outcome{lookedStale, lookedStale, lookedFine, lookedStale}, 0.5, 500 * time.Millisecond},
		{"a failed look is repeated after a second", []outcome{storeFailed}, 0.5, time.Second},
		{"then after two", []outcome{storeFailed, storeFailed}, 0.5, 2 * time.Second},
		{"with jitter", []outcome{storeFailed, storeFailed}, 0, 1600 * time.Millisecond},
		{"up to the poll", []outcome{storeFailed, storeFailed, storeFailed, storeFailed, storeFailed, storeFailed, storeFailed, storeFailed}, 0.5, poll},
		{"a good look ends the retries", []outcome{storeFailed, storeFailed, lookedFine}, 0.5, poll},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := schedule{poll: poll}
			for _, o := range tt.looks {
				s = s.looked(o, "", start, tt.u)
			}
			if got := s.look.Sub(start); got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestARetryIsNeverLaterThanTheNextPoll(t *testing.T) {
	s := schedule{poll: 2 * time.Second}
	for range 100 {
		s = s.looked(storeFailed, "", start, 0.5).looked(lookedStale, "", start, 0.5)
		if got := s.look.Sub(start); got > 2*time.Second {
			t.Fatalf("got %s, want at most the poll", got)
		}
	}
}

func TestWhatIsDue(t *testing.T) {
	at := func(d time.Duration) time.Time { return start.Add(d) }
	base := schedule{poll: time.Minute, look: at(time.Minute), read: at(10 * time.Second)}
	with := func(f func(*schedule)) schedule { s := base; f(&s); return s }
	for _, tt := range []struct {
		name string
		s    schedule
		now  time.Duration
		want errand
		key  string
	}{
		{"at the start a look", schedule{poll: time.Minute}, 0, lookDue, ""},
		{"nothing before its time", base, 10*time.Second - 1, nothingDue, ""},
		{"the head every ten seconds", base, 10 * time.Second, readDue, ""},
		{"a look reads the head too", base, time.Minute, lookDue, ""},
		{"the end of a key", with(func(s *schedule) { s.tick = at(time.Second) }), time.Second, readDue, ""},
		{"a second look", with(func(s *schedule) { s.confirm, s.confirmAt = "k", at(5*time.Second) }), 5 * time.Second, lookDue, "k"},
		{"a look by poll before it confirms nothing", with(func(s *schedule) {
			s.confirm, s.confirmAt, s.look = "k", at(5*time.Second), at(time.Second)
		}), time.Second, lookDue, ""},
		{"a compromise to end goes first", with(func(s *schedule) {
			s.finish, s.look = map[string]time.Time{"k": at(6 * time.Second)}, at(6*time.Second)
		}), 6 * time.Second, finishDue, "k"},
		{"nothing while the log is away", with(func(s *schedule) {
			s.hold, s.finish = at(2*time.Minute), map[string]time.Time{"k": at(0)}
		}), time.Minute, nothingDue, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			what, key := tt.s.due(at(tt.now))
			if what != tt.want || key != tt.key {
				t.Fatalf("got %d %q, want %d %q", what, key, tt.want, tt.key)
			}
		})
	}
}

func TestTheSecondLookComesFiveSecondsAfterTheFirst(t *testing.T) {
	s := schedule{poll: time.Minute}.looked(lookedFine, "k", start, 0.5)
	again := s.looked(lookedFine, "k", start.Add(3*time.Second), 0.5) // a hint in between
	if !again.confirmAt.Equal(start.Add(5 * time.Second)) {
		t.Fatalf("a look in between moved it to %s", again.confirmAt.Sub(start))
	}
	if gone := again.looked(lookedFine, "", start.Add(4*time.Second), 0.5); gone.confirm != "" {
		t.Fatal("a look that no longer sees it did not end it")
	}
	other := again.looked(lookedFine, "other", start.Add(4*time.Second), 0.5)
	if other.confirm != "other" || !other.confirmAt.Equal(start.Add(9*time.Second)) {
		t.Fatalf("another key: got %q at %s", other.confirm, other.confirmAt.Sub(start))
	}
	failed := again.looked(storeFailed, "", start.Add(5*time.Second), 0.5)
	if failed.confirm != "k" || !failed.confirmAt.Equal(start.Add(6*time.Second)) {
		t.Fatalf("a failed second look: got %q at %s, want a retry after a second", failed.confirm, failed.confirmAt.Sub(start))
	}
}

func TestTheEndOfAKeyIsTakenFromTheLogsClock(t *testing.T) {
	logNow := start.Add(time.Hour) // an hour ahead of this process
	h := rotation.State{Keys: []rotation.Key{
		{Name: "c", Stage: rotation.Current},
		{Name: "b", Stage: rotation.Retiring, VerifyUntil: logNow.Add(3 * time.Minute)},
		{Name: "a", Stage: rotation.Retiring, VerifyUntil: logNow.Add(time.Minute)},
	}}
	if s := (schedule{}).head(h, start, logNow); !s.tick.Equal(start.Add(time.Minute)) {
		t.Fatalf("got %s, want in a minute", s.tick.Sub(start))
	}
	h.Keys[2].VerifyUntil = logNow.Add(-time.Minute)
	if s := (schedule{}).head(h, start, logNow); !s.tick.Equal(start.Add(earliestTick)) {
		t.Fatalf("an end in the past: got %s, want soon, and not in a hot loop", s.tick.Sub(start))
	}
}

func TestWhoBeganACompromiseHasTimeToEndIt(t *testing.T) {
	h := rotation.State{Revoke: []string{"a"}}
	running := (schedule{}).head(rotation.State{}, start, start)
	for _, tt := range []struct {
		name string
		s    schedule
		want time.Duration
	}{
		{"seen by a running process", running.head(h, start, start), 6 * time.Second},
		{"seen at the start of a process", (schedule{}).head(h, start, start), time.Second},
		{"seen again later", running.head(h, start, start).head(h, start.Add(3*time.Second), start), 6 * time.Second},
		{"tried in vain", running.head(h, start, start).unfinished("a", start.Add(6*time.Second)), 16 * time.Second},
	} {
		if got := tt.s.finish["a"].Sub(start); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if s := running.head(h, start, start).head(rotation.State{}, start, start).unfinished("a", start); len(s.finish) != 0 {
		t.Fatalf("an intent that is gone is still planned: %v", s.finish)
	}
}

func TestALogThatIsAwayIsTriedEveryTenSeconds(t *testing.T) {
	s := schedule{poll: time.Hour}.looked(lookedFine, "", start, 0.5)
	var got []time.Duration
	now := start
	for range 6 {
		s = s.unread(now, 0.5)
		got = append(got, s.next().Sub(now))
		now = s.next()
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if got[i] != want*time.Second {
			t.Fatalf("pauses: got %v, want 1 s, 2 s, 4 s, 8 s, 10 s, 10 s", got)
		}
	}
	if s = s.unlooked(); !s.look.Equal(s.hold) {
		t.Fatal("a look that the log prevented is not made up for")
	}
}

// Property: at the time that next names, something is due, and before it
// nothing is, so that the loop neither spins nor sleeps over an errand.
func TestNextIsWhenSomethingIsDue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s, now := schedule{poll: 5 * time.Second}, start
	for step := range 20_000 {
		now = now.Add(time.Duration(r.Int64N(int64(8 * time.Second))))
		switch r.IntN(7) {
		case 0:
			s = s.readHead(now)
		case 1:
			s = s.unread(now, r.Float64())
		case 2:
			s = s.unread(now, r.Float64()).unlooked()
		case 3:
			h := rotation.State{Revoke: []string{"a", "b"}[:r.IntN(3)]}
			if r.IntN(2) == 0 {
				h.Keys = []rotation.Key{{Stage: rotation.Retiring, VerifyUntil: now.Add(time.Duration(r.Int64N(int64(time.Minute))))}}
			}
			s = s.head(h, now, now)
		case 4:
			s = s.unfinished("a", now)
		default:
			s = s.looked(outcome(r.IntN(int(logFailed))), []string{"", "k", "l"}[r.IntN(3)], now, r.Float64())
		}
		if what, _ := s.due(s.next()); what == nothingDue {
			t.Fatalf("step %d: nothing is due at %s: %+v", step, s.next(), s)
		}
		if what, _ := s.due(s.next().Add(-1)); what != nothingDue {
			t.Fatalf("step %d: %d is due before %s: %+v", step, what, s.next(), s)
		}
	}
}
