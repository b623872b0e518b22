//go:build soak

package test

import (
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/harness"
)

// Tests that need minutes of wall clock; `go tool task soak` runs them.

func TestSoakNoSocketClosesWhileNATSIsAwayForAMinute(t *testing.T) {
	t.Parallel()
	natsAway(t, 60)
}

// A key that retires goes when the last token under it has expired, and not
// before: nobody loses a call on the way there.
func TestSoakAnOldKeyGoesWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	const lifetime = 40 * time.Second
	s := harness.Start(t, harness.Options{TokenLifetime: lifetime})
	crowd := harness.Gather(t, s.URL, harness.Ring, 10, time.Second, nil)
	harness.Until(t, "every browser has a state", crowd.AllTold)
	turned := time.Now()
	turnTo(t, s, crowd, "second")
	harness.UntilWithin(t, 5*time.Minute, "the old key is gone", func() bool {
		_, live := s.Watcher.Status().Head.Key("first")
		return !live
	})
	if took := time.Since(turned); took < lifetime {
		t.Errorf("the old key went after %s, before its tokens of %s expired", took, lifetime)
	}
	// These browsers renew a token only when the key turns or a call is
	// refused, so that their tokens do expire; the key's end adds nothing.
	if n := crowd.Total(); n.Lost != 0 || n.Refused > len(crowd.Browsers)*int(time.Since(turned)/lifetime+1) {
		t.Errorf("%d calls were refused and %d lost, want at most one refusal for each expired token", n.Refused, n.Lost)
	}
}

// Everybody is there this time, and the issuer takes twenty seconds for them.
func TestSoakTenThousandRoleChangesAtOnceReachTenThousandPages(t *testing.T) {
	rolesChange(t, changedRoles, 500)
}
