package signin

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// hold is how long a caller is kept waiting instead of being sent away. It
// smooths the chance crowds of callers that come on average slowly enough: sent
// away, each of them would come a second time and double the crowd. No more
// callers are held at a time than have slots within it.
const hold = time.Second

// Bounds of what the gate remembers.
const (
	maxPromises  = 1 << 17          // sessions that wait; more are told a time, which is then forgotten
	latePromise  = 30 * time.Second // how late a caller may come back and still count as promised
	sweepEvery   = 10 * time.Second
	greedyAfter  = 6           // refreshes of one session in greedyWindow; who asks for more gets what is left over
	greedyWindow = time.Minute // an honest browser refreshes once in a token's life
)

// gate admits refreshes at a rate. It is the lock around an [admission].
type gate struct {
	mu sync.Mutex
	a  admission
}

func newGate() *gate { return &gate{a: newAdmission()} }

// enter returns zero once a caller may go on, or how long it has to stay away.
// It returns early when ctx ends; the caller is gone then and is not let in.
func (g *gate) enter(ctx context.Context, c caller, share float64) (away time.Duration, waiting int) {
	until := time.Now().Add(hold)
	for {
		admitted, wait, waiting := g.ask(c, share)
		if admitted {
			return 0, waiting
		}
		if time.Now().Add(wait).After(until) {
			return wait, waiting
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return wait, waiting
		}
	}
}

// ask lets a caller in, or tells it how long to wait. share is what this issuer may admit in a second.
func (g *gate) ask(c caller, share float64) (admitted bool, wait time.Duration, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Under the lock, so that decisions and their moments have the same order.
	admitted, wait = g.a.decide(c, share, time.Now())
	return admitted, wait, len(g.a.promised)
}

// caller is one session that asks for a refresh.
type caller struct {
	session string
	urgent  bool // its present token is of no use any more
}

// admission decides who may refresh now and when the others come back. It is
// pure: time and rate come in from outside, and it is not safe for concurrent use.
//
// A token bucket bounds what is admitted: the share, and a tenth of a second's
// worth (at least one) beyond it. Whoever does not fit is promised a slot of
// its own, one slot after the other at the pace of the share, so that callers
// who come back on time arrive no faster than they can be served. A session
// holds one slot however often it asks.
//
// Urgent callers go first: their slots follow each other without regard to
// calm ones, and half the bucket is kept for them. A calm caller who finds
// its slot taken is promised another one.
type admission struct {
	bucket   *rate.Limiter
	share    float64
	last     [2]time.Time       // the last slot promised to calm [0] and urgent [1] callers
	promised map[string]promise // session → its slot
	recent   map[string]uses    // session → how often it was let in of late
	swept    time.Time
	now      time.Time // of the last decision
}

type promise struct {
	at     time.Time
	urgent bool
}

type uses struct {
	since time.Time
	count int
}

func newAdmission() admission {
	return admission{bucket: rate.NewLimiter(0, 0), promised: map[string]promise{}, recent: map[string]uses{}}
}

func (a *admission) decide(c caller, share float64, now time.Time) (admitted bool, wait time.Duration) {
	// An older moment would make the bucket count the time after it twice.
	now = later(now, a.now)
	a.now = now
	a.adjust(share, now)
	a.sweep(now)
	p, held := a.promised[c.session]
	due := held && !now.Before(p.at)
	greedy := a.recent[c.session].count >= greedyAfter
	if greedy {
		c.urgent = false
	}
	need := a.need(c.urgent, due, greedy, now)
	level := a.bucket.TokensAt(now)
	// Rates are fractions: a slot's token may be a rounding error short of whole.
	if level+1e-6 >= need && a.bucket.AllowN(now, 1) {
		delete(a.promised, c.session)
		u := a.recent[c.session]
		if u.count == 0 {
			u.since = now
		}
		u.count++
		a.recent[c.session] = u
		return true, 0
	}
	if held && !due && (p.urgent || !c.urgent) {
		return false, p.at.Sub(now)
	}
	at := a.slot(c.urgent, greedy, level, now)
	if held || len(a.promised) < maxPromises {
		a.promised[c.session] = promise{at: at, urgent: c.urgent}
	}
	return false, at.Sub(now)
}

// adjust follows the share, which changes as issuers come and go.
func (a *admission) adjust(share float64, now time.Time) {
	if share == a.share {
		return
	}
	first := a.share == 0
	a.share = share
	burst := max(1, int(share/10))
	a.bucket.SetLimitAt(now, rate.Limit(share))
	a.bucket.SetBurstAt(now, burst)
	if first {
		a.bucket = rate.NewLimiter(rate.Limit(share), burst) // starts full
	}
}

// need is how full the bucket must be for a caller to be let in.
func (a *admission) need(urgent, due, greedy bool, now time.Time) float64 {
	full := float64(a.bucket.Burst())
	reserve := float64(a.bucket.Burst() / 2)
	urgentWait, calmWait := a.last[1].After(now), a.last[0].After(now)
	switch {
	case urgent && (due || !urgentWait):
		return 1
	case urgent:
		// Others were promised these moments; what they leave may be taken.
		return 1 + reserve
	case greedy, urgentWait:
		if full == 1 && (urgentWait || calmWait) {
			return 2 // never: there is nothing left over in a bucket of one
		}
		return full
	case due || !calmWait:
		return 1 + min(reserve, full-1)
	}
	return full
}

// slot is the next free moment for a caller who can't be let in now.
func (a *admission) slot(urgent, greedy bool, level float64, now time.Time) time.Time {
	interval := time.Duration(float64(time.Second) / a.share)
	i, behind, need := 0, later(a.last[0], a.last[1]), a.need(false, true, greedy, now)
	if urgent {
		i, behind, need = 1, a.last[1], 1
	}
	need = min(need, float64(a.bucket.Burst()))
	at := later(behind.Add(interval), now.Add(time.Duration((need-level)*float64(interval))))
	at = later(at, now.Add(time.Millisecond))
	a.last[i] = at
	return at
}

// sweep forgets promises that nobody came back for, and old uses.
func (a *admission) sweep(now time.Time) {
	if now.Sub(a.swept) < sweepEvery {
		return
	}
	a.swept = now
	for s, p := range a.promised {
		if now.Sub(p.at) > latePromise {
			delete(a.promised, s)
		}
	}
	for s, u := range a.recent {
		if now.Sub(u.since) > greedyWindow {
			delete(a.recent, s)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
