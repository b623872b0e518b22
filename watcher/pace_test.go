package watcher

import (
	"testing"
	"time"
)

func TestThePauseBetweenLooks(t *testing.T) {
	for _, tt := range []struct {
		name              string
		poll              time.Duration
		hurried, unhinted bool
		want              time.Duration
	}{
		{"the poll", time.Minute, false, false, time.Minute},
		{"five seconds while the store is in motion", time.Minute, true, false, 5 * time.Second},
		{"fifteen while no hint comes through", time.Minute, false, true, 15 * time.Second},
		{"the faster of both", time.Minute, true, true, 5 * time.Second},
		{"a fast poll stays, in motion", 2 * time.Second, true, false, 2 * time.Second},
		{"a fast poll stays, without hints", 10 * time.Second, false, true, 10 * time.Second},
	} {
		if got := pace(tt.poll, tt.hurried, tt.unhinted); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestThePaceOfAnEventuallyConsistentStore(t *testing.T) {
	const u = 0.5
	at := func(d time.Duration) time.Time { return start.Add(d) }
	polled := schedule{poll: time.Minute, eventual: true}.looked(lookedFine, "", start, u)
	for _, tt := range []struct {
		name string
		s    schedule
		want time.Duration // of the next look, from start
	}{
		{"nothing happens", polled, time.Minute},
		{"a hint", polled.hinted(at(time.Second), u).looked(lookedFine, "", at(time.Second), u), 6 * time.Second},
		{"a hint whose look did not come", polled.hinted(at(time.Second), u), 6 * time.Second},
		{"a step of a turn", polled.hurry(at(time.Second), u), 6 * time.Second},
		{"just before two minutes are over", polled.hurry(at(0), u).looked(lookedFine, "", at(2*time.Minute-1), u), 2*time.Minute - 1 + 5*time.Second},
		{"two minutes later", polled.hurry(at(0), u).looked(lookedFine, "", at(2*time.Minute), u), 3 * time.Minute},
		{"another hint starts them anew", polled.hurry(at(0), u).hinted(at(time.Minute), u).looked(lookedFine, "", at(2*time.Minute), u), 125 * time.Second},
		{"hints begin to fail", polled.health(false, at(10*time.Second), u), 25 * time.Second},
		{"hints begin to fail shortly before a look", polled.health(false, at(50*time.Second), u), time.Minute},
		{"hints fail still", polled.health(false, at(0), u).looked(lookedFine, "", at(15*time.Second), u).health(false, at(20*time.Second), u), 30 * time.Second},
		{"hints come through again", polled.health(false, at(0), u).health(true, at(10*time.Second), u).looked(lookedFine, "", at(15*time.Second), u), 75 * time.Second},
		{"a stale look after the ladder keeps the pace", after(polled.hurry(start, u), 6, lookedStale), 5 * time.Second},
		{"a store that fails is not asked more often", after(polled.hurry(start, u), 5, storeFailed), 16 * time.Second},
		{"a value that can't be read", schedule{poll: time.Hour, eventual: true}.looked(lookedBlind, "", start, u), time.Minute},
		{"likewise, with a faster poll", schedule{poll: 20 * time.Second}.looked(lookedBlind, "", start, u), 20 * time.Second},
		{"nor brought forward", after(polled, 6, storeFailed).hurry(at(time.Second), u).health(false, at(time.Second), u), 32 * time.Second},
	} {
		if got := tt.s.look.Sub(start); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// after is s after n looks at start that ended like that.
func after(s schedule, n int, o outcome) schedule {
	for range n {
		s = s.looked(o, "", start, 0.5)
	}
	return s
}

func TestAStoreThatIsConsistentKeepsItsPoll(t *testing.T) {
	s := schedule{poll: time.Minute}.looked(lookedFine, "", start, 0.5)
	s = s.hinted(start, 0.5).hurry(start, 0.5).health(false, start, 0.5).looked(lookedFine, "", start, 0.5)
	if got := s.look.Sub(start); got != time.Minute {
		t.Fatalf("got %s, want the poll", got)
	}
}

func TestThePaceHasTheJitterOfThePoll(t *testing.T) {
	s := schedule{poll: time.Minute, eventual: true}.hurry(start, 0.5)
	if got := s.looked(lookedFine, "", start, 0).look.Sub(start); got != 4*time.Second {
		t.Fatalf("got %s, want a fifth less than five seconds", got)
	}
}

func TestAHintIsOpenUntilALookIsBelieved(t *testing.T) {
	s := schedule{poll: time.Minute}.hinted(start, 0.5)
	for _, tt := range []struct {
		name string
		s    schedule
		want bool
	}{
		{"heard", s, true},
		{"a stale look", s.looked(lookedStale, "", start, 0.5), true},
		{"a store that fails", s.looked(storeFailed, "", start, 0.5), true},
		{"a log that is away", s.unread(start, 0.5).unlooked(), true},
		{"a look that a second one has to confirm", s.looked(lookedFine, "k", start, 0.5), true},
		{"a look that could not read the current value", s.looked(lookedBlind, "", start, 0.5), true},
		{"a look that was believed", s.looked(lookedFine, "", start, 0.5), false},
	} {
		if tt.s.told != tt.want {
			t.Errorf("%s: open %v, want %v", tt.name, tt.s.told, tt.want)
		}
	}
}
