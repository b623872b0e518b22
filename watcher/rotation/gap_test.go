package rotation_test

import (
	"fmt"
	"testing"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAChangeThatNobodySawIsMarkedGap(t *testing.T) {
	none := func(s rotation.Seen) rotation.Seen { return s }
	tests := []struct {
		name   string
		before rotation.Snapshot
		last   string
		seen   rotation.Snapshot
		gap    bool
	}{
		{"one step", look("", cur("k1")), "", look("", cur("k2"), old("k1")), false},
		{"one step, label dropped", look("", cur("k1")), "", look("", cur("k2")), false},
		{"previous is another than ours", look("", cur("k1")), "", look("", cur("k3"), old("k2")), true},
		{"previous is an older one of ours", look("", cur("k1"), old("k0")), "", look("", cur("k3"), old("k0")), true},
		{"promoted, and previous is another", look("", cur("k1"), pen("k2")), "", look("", cur("k2"), old("k3")), true},
		{"the pending key is previous already", look("", cur("k1"), pen("k2")), "", look("", cur("k3"), old("k2")), true},
		{"several previous, one unknown", look("", cur("k1")), "", look("", cur("k3"), old("k1"), old("k2")), true},
		{"our current key is pending now", look("", cur("k1")), "", look("", cur("k2"), pen("k1")), false},

		{"counter: one step", look("4", cur("k1"), old("k0")), "", look("5", cur("k2"), old("k0")), false},
		{"counter: two steps", look("4", cur("k1")), "", look("6", cur("k2"), old("k1")), true},
		{"counter: two steps, pending only", look("4", cur("k1")), "", look("6", cur("k1"), pen("k2")), true},
		{"counter: two steps, one of them looked at", look("4", cur("k1")), "5", look("6", cur("k2"), old("k1")), false},
		{"counter: not raised", look("4", cur("k1")), "", look("4", cur("k3"), old("k2")), true},
		{"a time is no counter", look("2026-11-22T09:00:00Z", cur("k1")), "", look("2026-11-22T09:05:00Z", cur("k2"), old("k1")), false},
		{"nor are Unix seconds", look("1795304374", cur("k1")), "", look("1795304399", cur("k2"), old("k1")), false},
		{"nor a number with a sign", look("+4", none(cur("k1"))), "", look("+9", cur("k2"), old("k1")), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.look(tt.before)
			s.policy.LastSeen = tt.last
			if c := s.look(tt.seen); c.Row == "" {
				t.Fatal("no change")
			}
			if s.state.Cause.Gap != tt.gap {
				t.Errorf("gap: got %v, want %v", s.state.Cause.Gap, tt.gap)
			}
		})
	}
}

func TestAPendingKeyThatVanishesInAGapMayHaveSigned(t *testing.T) {
	s := tell(t)
	s.look(look("", cur("k1"), pen("k2")))
	s.look(look("", cur("k4"), old("k3")))
	s.want("k4 current, k1 retiring, k2 retiring, k3 retiring")
}

func TestFirstSightHasNoGap(t *testing.T) {
	s := tell(t)
	s.look(look("77", cur("k3"), old("k2")))
	if s.state.Cause.Gap {
		t.Error("nothing was there to be missed")
	}
}

func TestOfAThousandChangesAtFullSpeedEveryJumpIsMarked(t *testing.T) {
	for _, marked := range []bool{true, false} {
		t.Run(fmt.Sprintf("counter %v", marked), func(t *testing.T) {
			r := random(t)
			s := tell(t)
			at := func(i int) rotation.Snapshot {
				marker := ""
				if marked {
					marker = fmt.Sprint(i)
				}
				if i == 0 {
					return look(marker, cur("k0"))
				}
				return look(marker, cur(fmt.Sprintf("k%d", i)), old(fmt.Sprintf("k%d", i-1)))
			}
			s.look(at(0))
			for i := 0; i < 1000; {
				step := 1 + r.IntN(3)*r.IntN(4)
				i = min(i+step, 1000)
				jumped := s.state.Keys[0].Name != fmt.Sprintf("k%d", i-1)
				if c := s.look(at(i)); c.Row != "replaced" {
					t.Fatalf("change %d: got %+v", i, c)
				}
				if s.state.Cause.Gap != jumped {
					t.Fatalf("change %d: gap %v, want %v", i, s.state.Cause.Gap, jumped)
				}
			}
			if k, _ := s.state.Current(); k.Name != "k1000" {
				t.Errorf("ended on %s", k.Name)
			}
		})
	}
}
