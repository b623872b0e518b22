package broadcaster

import (
	"testing"
)

func TestAChangeOfClaimsIsToldToThatSubjectAlone(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	alice, twin, bob := ho.connect(), ho.connect(), ho.connect()
	for c, token := range map[*client]string{alice: "k1.alice.600", twin: "k1.alice.900", bob: "k1.bob.600"} {
		c.enter(token)
	}
	stranger := ho.connect()
	ho.ClaimsChanged("other", "alice")
	ho.ClaimsChanged("payments", "carol")
	ho.ClaimsChanged("payments", "alice")
	for _, c := range []*client{alice, twin} {
		told := c.next("claims")
		if after, window := num(t, told, "afterMs"), num(t, told, "windowMs"); after != 500 || window != 1000 {
			t.Errorf("got afterMs %d, windowMs %d, want 500, 1000", after, window)
		}
		c.silent()
	}
	bob.silent()
	stranger.silent()
}

func TestChangesOfManySubjectsSpreadTheirRefreshes(t *testing.T) {
	for _, c := range []struct {
		name          string
		now, horizon  int64
		n             int
		perSecond     float64
		after, window int64
		horizonAfter  int64
	}{
		{"one", 10_000, 0, 1, 200, 500, 1000, 10_506},
		{"as many as are admitted in a second", 10_000, 0, 200, 200, 500, 1250, 11_750},
		{"ten thousand at once", 10_000, 0, 10_000, 200, 500, 62_500, 73_000},
		{"one behind ten thousand", 11_000, 73_000, 1, 200, 500, 61_506, 73_006},
		{"one long after them", 90_000, 73_000, 1, 200, 500, 1000, 90_506},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, horizon := spread(c.now, c.horizon, c.n, c.perSecond)
			if plan.AfterMs != c.after || plan.WindowMs != c.window || horizon != c.horizonAfter {
				t.Errorf("got %+v until %d, want %d, %d until %d", plan, horizon, c.after, c.window, c.horizonAfter)
			}
		})
	}
}

// However fast changes come, each round takes all there are.
func TestChangesThatComeTogetherAreToldTogether(t *testing.T) {
	c := changes{wake: make(chan struct{}, 1), subjects: map[uint64]struct{}{}}
	for i := range uint64(maxClaims + 10) {
		c.add(i)
		c.add(i % 100)
	}
	subjects, dropped := c.take()
	if len(subjects) != maxClaims || dropped < 10 {
		t.Errorf("got %d subjects and %d left out, want %d and at least 10", len(subjects), dropped, maxClaims)
	}
	if subjects, dropped = c.take(); len(subjects) != 0 || dropped != 0 {
		t.Errorf("got %d subjects and %d left out the second time, want none", len(subjects), dropped)
	}
}
