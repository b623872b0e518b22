package rotation_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestTwoRotationsWithinATokensLifeOrphanNobody(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	s.look(look("2", cur("k2"), old("k1")))
	first := s.now
	s.now = s.now.Add(time.Minute)
	s.look(look("3", cur("k3"), old("k2"))) // the store has dropped k1's label
	second := s.now
	s.want("k3 current, k2 retiring, k1 retiring")
	if got, want := key(t, s.state, "k1").VerifyUntil, first.Add(overlap); !got.Equal(want) {
		t.Errorf("k1: got %s, want %s", got, want)
	}
	if got, want := key(t, s.state, "k2").VerifyUntil, second.Add(overlap); !got.Equal(want) {
		t.Errorf("k2: got %s, want %s", got, want)
	}
	wantNothing(t, s.look(look("4", cur("k3")))) // nor does the last label matter
	s.now = first
	wantRow(t, s.tick(overlap), "retired", "retired")
	s.want("k3 current, k2 retiring")
	wantNothing(t, s.tick(time.Minute))
	wantRow(t, s.tick(time.Second), "retired", "retired")
	s.want("k3 current")
	s.wantGone("k1 retired, k2 retired")
}

func TestARecomputedEndIsNoEvent(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	s.look(look("2", cur("k2"), old("k1")))
	until := key(t, s.state, "k1").VerifyUntil
	s.policy.TokenLifetime *= 2
	s.now = s.now.Add(time.Minute)
	wantNothing(t, s.look(look("2", cur("k2"), old("k1"))))
	if got := key(t, s.state, "k1").VerifyUntil; !got.Equal(until) {
		t.Errorf("got %s, want %s", got, until)
	}
}

func TestHowLongAKeyVerifiesAfterItsTurn(t *testing.T) {
	tests := []struct {
		name string
		p    rotation.Policy
		want time.Duration
	}{
		{"all of it", rotation.Policy{TokenLifetime: 10 * time.Minute, SignerLag: time.Minute, Skew: 5 * time.Second}, 11*time.Minute + 5*time.Second},
		{"the skew of its own accord", rotation.Policy{TokenLifetime: 10 * time.Minute}, 10*time.Minute + 30*time.Second},
		{"no skew", rotation.Policy{TokenLifetime: 10 * time.Minute, Skew: -1}, 10 * time.Minute},
		{"zero", rotation.Policy{}, 30 * time.Second},
		{"nonsense", rotation.Policy{TokenLifetime: -time.Hour, SignerLag: -time.Hour, Skew: -time.Hour}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.policy = tt.p
			s.look(look("1", cur("k1"), old("k0")))
			if got := key(t, s.state, "k0").VerifyUntil.Sub(s.now); got != tt.want {
				t.Errorf("previous at first sight: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTimeAloneTouchesNoOtherKey(t *testing.T) {
	s := tell(t)
	wantNothing(t, s.tick(time.Hour))
	s.look(look("1", cur("k1"), pen("k2")))
	wantNothing(t, s.tick(1000*time.Hour))
}

func TestAnEndIsPushedBackNeverForward(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1"), pen("k3")))
	s.look(look("2", cur("k2"), old("k1"), pen("k3")))
	until := key(t, s.state, "k1").VerifyUntil
	plan := s.state.Refresh
	tests := []struct {
		name, key string
		until     time.Time
		row, err  string
	}{
		{"later", "k1", until.Add(time.Hour), "extended", ""},
		{"a fraction later", "k1", until.Add(time.Microsecond), "extended", ""},
		{"as it is", "k1", until, "", ""},
		{"earlier", "k1", until.Add(-time.Hour), "", ""},
		{"a current key has no end", "k2", until.Add(time.Hour), "", ""},
		{"a pending key has no end", "k3", until.Add(time.Hour), "", ""},
		{"an unknown key", "k7", until, "", "it is not live; live are k2, k3, k1"},
		{"for ever", "k1", s.now.Add(rotation.MaxHold + time.Second), "", "is more than 8784h0m0s away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next, c, err := rotation.Extend(s.state, tt.key, tt.until, s.now)
			if c.Row != tt.row || tt.row != "" && c.Type != "recorded" {
				t.Errorf("got %+v, want row %q", c, tt.row)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if tt.row == "" {
				return
			}
			if got := key(t, next, "k1").VerifyUntil; got.Before(tt.until) || got.Sub(tt.until) > time.Millisecond {
				t.Errorf("got %s, want %s, rounded up to the millisecond", got, tt.until)
			}
			if rotation.Equal(s.state, next) || next.Rev <= s.state.Rev || next.Refresh != plan || next.Cause.By != rotation.ByOps {
				t.Errorf("got %+v", next)
			}
			if err := rotation.Check(next); err != nil {
				t.Error(err)
			}
			if !key(t, s.state, "k1").VerifyUntil.Equal(until) {
				t.Error("the old state was changed in place")
			}
		})
	}
}

func TestTheRefreshWindowFollowsTheConnections(t *testing.T) {
	covers.IDs(t, "PERF-06")
	tests := []struct {
		name        string
		connections int
		perSecond   float64
		lifetime    time.Duration
		want        time.Duration
		alarm       bool
	}{
		{"in proportion", 4000, 100, 15 * time.Minute, 50 * time.Second, false},
		{"never below ten seconds", 3, 100, 15 * time.Minute, 10 * time.Second, false},
		{"no rate", 4000, 0, 15 * time.Minute, 10 * time.Second, false},
		{"never above half a token's life", 100000, 100, 15 * time.Minute, 450 * time.Second, true},
		{"half a very short life", 3, 100, 10 * time.Second, 5 * time.Second, false},
		{"no lifetime", 100000, 100, 0, 1250 * time.Second, false},
		{"no lifetime and absurd", math.MaxInt, 1e-9, 0, 30 * 24 * time.Hour, false},
		{"negative", -5, -1, -time.Hour, 10 * time.Second, false},
		{"not a number", 5, math.NaN(), time.Hour, 10 * time.Second, false},
		{"infinite", 5, math.Inf(1), time.Hour, 10 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.policy = rotation.Policy{TokenLifetime: tt.lifetime, PerSecond: tt.perSecond, Connections: tt.connections, AfterMs: 60000}
			c := s.look(look("1", cur("k1")))
			if got := time.Duration(s.state.Refresh.WindowMs) * time.Millisecond; got != tt.want {
				t.Errorf("window: got %s, want %s", got, tt.want)
			}
			if s.state.Refresh.AfterMs != 60000 {
				t.Errorf("after: got %d", s.state.Refresh.AfterMs)
			}
			if tt.alarm {
				wantAlarm(t, c, "window_too_small", "raise refresh.perSecond or tokenLifetime")
			} else {
				wantCalm(t, c)
			}
		})
	}
}

func TestAPlanAloneIsNoEvent(t *testing.T) {
	s := tell(t)
	s.look(look("1", cur("k1")))
	s.policy.Connections *= 2
	s.policy.AfterMs = 0
	wantNothing(t, s.look(look("2", cur("k1"))))
}
