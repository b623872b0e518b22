package main

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// extender pushes the end of a retiring key back; *watcher.Watcher is one.
type extender interface {
	Extend(ctx context.Context, key string, until time.Time) (rotation.State, error)
}

// outlives gathers tokens that live longer than their ring claims. Such a
// token would lose its key while it is still good; so the key stays until the
// longest-lived of them has expired, and an alarm names the cause.
type outlives struct {
	to  extender
	log *zap.Logger

	mu    sync.Mutex
	until map[string]time.Time // key name → expiry of its longest-lived token
	wake  chan struct{}        // capacity 1: something in until is news
}

// maxOutlives bounds the keys remembered; a ring has at most as many live ones.
const maxOutlives = 64

// extendEvery bounds how often a key's end is pushed back: each push is a state
// that every process and browser hears of.
const extendEvery = 10 * time.Second

func newOutlives(to extender, log *zap.Logger) *outlives {
	return &outlives{to: to, log: log, until: map[string]time.Time{}, wake: make(chan struct{}, 1)}
}

// saw notes a verified token of that key. It never waits.
func (o *outlives) saw(_ context.Context, key string, exp time.Time) {
	o.mu.Lock()
	known, ok := o.until[key]
	news := exp.After(known) && (ok || len(o.until) < maxOutlives)
	if news {
		o.until[key] = exp
	}
	o.mu.Unlock()
	if news {
		o.nudge()
	}
}

// nudge makes run look again; a new state is a reason too.
func (o *outlives) nudge() {
	select {
	case o.wake <- struct{}{}:
	default: // one is pending; it will see this news as well
	}
}

// alarms tells of keys whose tokens live too long.
func (o *outlives) alarms() []rotation.Alarm {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []rotation.Alarm
	for key, exp := range o.until {
		if exp.After(time.Now()) {
			out = append(out, rotation.Alarm{Code: "token_outlives", Key: key,
				Text: "tokens under this key live longer than the ring's tokenLifetime, up to " + exp.UTC().Format(time.RFC3339) + "; raise tokenLifetime, or make the issuer sign shorter ones"})
		}
	}
	return out
}

// run pushes ends back until ctx ends. state returns the ring's newest state.
func (o *outlives) run(ctx context.Context, state func() rotation.State) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		}
		o.extend(ctx, state())
		if !pause(ctx, extendEvery) {
			return nil
		}
	}
}

// extend acts on one state: every retiring key that would end before a token of
// its own is kept for that token, and for the skew of clocks.
func (o *outlives) extend(ctx context.Context, s rotation.State) {
	for key, until := range o.due(s, time.Now()) {
		each, cancel := context.WithTimeout(ctx, retryEach)
		_, err := o.to.Extend(each, key, until)
		cancel()
		if err != nil {
			o.log.Warn("key_extend_failed", zap.String("key", key), zap.Error(err))
			o.nudge() // tried again after the pause
			continue
		}
		o.log.Warn("key_extended", zap.String("key", key), zap.Time("until", until))
	}
}

// due returns the keys to keep longer, and until when, and forgets what is past.
func (o *outlives) due(s rotation.State, now time.Time) map[string]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[string]time.Time{}
	for key, exp := range o.until {
		k, ok := s.Key(key)
		switch {
		case !exp.After(now), !ok && !s.IsZero():
			delete(o.until, key)
		case k.Stage == rotation.Retiring && !k.VerifyUntil.IsZero():
			if until := holdUntil(exp, now); until.After(k.VerifyUntil) {
				out[key] = until
			}
		}
	}
	return out
}

// holdUntil is when a key may go whose last token expires at exp. No key is
// held for longer than [rotation.MaxHold]; for a token that never ends that
// moves on by whole days, so that it is not an event every time it is asked.
func holdUntil(exp, now time.Time) time.Time {
	until, most := exp.Add(ringSkew), now.Add(rotation.MaxHold-ringSkew)
	if until.After(most) {
		return most.Truncate(24 * time.Hour)
	}
	return until
}
