package rotation

import (
	"math"
	"time"
)

// minWindow is the shortest window over which the refreshes of a change spread.
const minWindow = 10 * time.Second

// maxPlan bounds both members of a [Plan], in milliseconds: 30 days.
const maxPlan = 30 * 24 * 60 * 60 * 1000

// plan spreads the refreshes of all live connections so that the issuer keeps
// a fifth of its rate free: clamp(1.25 × connections ÷ perSecond, 10 s, half
// the token lifetime). The upper bound wins over the lower. alarm is nil where
// the window fits.
func plan(p Policy, urgency Urgency) (pl Plan, alarm *Alarm) {
	if urgency != Compromise {
		pl.AfterMs = min(max(p.AfterMs, 0), maxPlan)
	}
	need := 0.0
	if p.PerSecond > 0 && !math.IsInf(p.PerSecond, 0) {
		need = 1250 * float64(max(p.Connections, 0)) / p.PerSecond
	}
	window := max(math.Ceil(need), float64(minWindow.Milliseconds()))
	if p.TokenLifetime > 0 {
		half := float64((p.TokenLifetime / 2).Milliseconds())
		if need > half {
			a := alarmf(alarmWindow, "",
				"%d connections at %g refreshes a second need a window of %s, more than half the token lifetime of %s: raise refresh.perSecond or tokenLifetime",
				p.Connections, p.PerSecond, seconds(need), p.TokenLifetime)
			alarm = &a
		}
		window = min(window, half)
	}
	pl.WindowMs = int64(min(window, maxPlan))
	return pl, alarm
}

// seconds renders a number of milliseconds that may exceed what a Duration holds.
func seconds(ms float64) time.Duration {
	return time.Duration(min(math.Ceil(ms/1000), 1e9)) * time.Second
}
