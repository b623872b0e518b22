package natskeys

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// knowledge is what log and store have told so far. Whatever changes it
// installs the set that follows, under the same lock, so that sets are
// installed in the order in which they came to be known.
type knowledge struct {
	config  Config
	keyring *auth.Keyring
	wake    []chan struct{} // each of capacity 1: something changed

	mu      sync.Mutex
	now     picture
	want    []wanted         // as of the last install
	tries   map[string]tries // key name → failed fetches
	confirm string           // name of the key whose return to current waits for a second look at the labels
	live    bool             // pushes can be relied upon
	err     error            // why log or store can't be read; nil: they can
}

// tries tells how often the value of a key could not be fetched.
type tries struct {
	count int
	next  time.Time // no earlier
	err   error
}

func newKnowledge(c Config, k *auth.Keyring, wake ...chan struct{}) *knowledge {
	return &knowledge{config: c, keyring: k, wake: wake, tries: map[string]tries{}, now: picture{
		labels: true, added: map[string]added{}, values: map[string]value{},
		signAfter: c.SignAfter, labelLag: 2 * c.Poll,
	}}
}

// adopt takes a state of the log, unless a newer one is known.
func (k *knowledge) adopt(s rotation.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.IsZero() {
		return
	}
	if !k.now.labels {
		s = rotation.Merge(k.now.state, s)
	}
	k.now.state, k.now.labels, k.confirm = s, false, ""
	k.installLocked()
}

// took takes the outcome of a fetch.
func (k *knowledge) took(w wanted, key auth.Key, err error) {
	if err == nil {
		key, err = fit(key, w.key)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		t := k.tries[w.key.Name]
		t.count, t.err = t.count+1, err
		t.next = time.Now().Add(pause(t.count, k.config.Poll))
		if t.count == 1 {
			k.config.Logger.Warn("value of a key can't be read", zap.String("key", w.key.Name), zap.String("version", w.key.Version), zap.Error(err))
		}
		k.tries[w.key.Name] = t
		k.nudge()
		return
	}
	delete(k.tries, w.key.Name)
	k.now.values[w.key.Name] = value{key: key, version: w.key.Version}
	k.installLocked() // forgets it again if the key was dropped meanwhile
}

// fit gives the material the kid and algorithm under which the state knows it.
func fit(key auth.Key, k rotation.Key) (auth.Key, error) {
	var err error
	if k.Algorithm != "" && key.Algorithm() != k.Algorithm {
		if key, err = key.WithAlgorithm(k.Algorithm); err != nil {
			return auth.Key{}, fmt.Errorf("key %s: value does not fit the state: %w", k.Name, err)
		}
	}
	if k.KID != "" && key.KID() != k.KID {
		if key, err = key.WithKID(k.KID); err != nil {
			return auth.Key{}, fmt.Errorf("key %s: value does not fit the state: %w", k.Name, err)
		}
	}
	if key.IsZero() {
		return auth.Key{}, fmt.Errorf("key %s: store returned no material", k.Name)
	}
	return key, nil
}

// saw takes a look at the labels. While no log has spoken, they make the
// state; else they only add keys that the log does not know yet.
func (k *knowledge) saw(seen rotation.Snapshot, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	policy := k.config.policy()
	policy.Confirmed = k.confirm
	next, change := rotation.Next(k.now.state, seen, policy, now)
	if k.now.labels {
		k.confirm = change.Confirm
		if change.Row != "" {
			k.now.state = next
			k.installLocked()
		}
		return
	}
	for _, key := range next.Keys {
		if _, ok := k.now.state.Key(key.Name); ok || gone(k.now.state, key) {
			continue
		}
		key.Stage, key.VerifyUntil = rotation.Pending, time.Time{}
		if _, known := k.now.added[key.Name]; !known {
			k.config.Logger.Info("store shows a key that the log does not have: it verifies from now on", zap.String("key", key.Name), zap.String("kid", key.KID))
		}
		k.now.added[key.Name] = added{key: key, in: next, until: now.Add(k.config.overlap())}
	}
	k.installLocked()
}

// installLocked forgets what is no longer needed and installs the set.
func (k *knowledge) installLocked() {
	now := time.Now()
	p := &k.now
	maps.DeleteFunc(p.added, func(name string, a added) bool {
		_, logged := p.state.Key(name)
		return logged || !now.Before(a.until) || gone(p.state, a.key)
	})
	alive := func(name string) bool {
		_, live := p.state.Key(name)
		_, extra := p.added[name]
		return live || extra
	}
	maps.DeleteFunc(p.values, func(name string, _ value) bool { return !alive(name) })
	maps.DeleteFunc(k.tries, func(name string, _ tries) bool { return !alive(name) })
	set, want := p.set(now)
	k.want = want
	if err := k.keyring.Install(set); err != nil {
		// Never expected: the log's states are checked. The last good set stays.
		k.config.Logger.Error("set of keys refused", zap.Int64("rev", p.state.Rev), zap.Error(err))
		k.err = err
	}
	k.nudge()
}

// expire forgets the added keys whose time is over.
func (k *knowledge) expire(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.now.added {
		if !now.Before(a.until) {
			k.installLocked()
			return
		}
	}
}

// nudge tells that something changed. Wishes coalesce: whoever wakes looks at
// all there is.
func (k *knowledge) nudge() {
	for _, c := range k.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// read notes how the last reading of log or labels went.
func (k *knowledge) read(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err = err; err != nil {
		k.nudge()
	}
}

// setLive notes whether the log's pushes can be relied upon.
func (k *knowledge) setLive(live bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = live
}

// blind reports whether labels have to stand in for the log.
func (k *knowledge) blind() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now.labels || !k.live
}

// state returns the newest state, and whether labels made it up.
func (k *knowledge) state() (s rotation.State, labels bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now.state, k.now.labels
}

// wants returns the keys to be fetched: those of the kid, or all where it is
// empty; due only: those whose pause is over.
func (k *knowledge) wants(kid string, due bool, now time.Time) []wanted {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.want), func(w wanted) bool {
		return kid != "" && w.key.KID != kid || due && now.Before(k.tries[w.key.Name].next) || over(w.key, now)
	})
}

// failure is why the value of a key could not be fetched last.
func (k *knowledge) failure(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tries[name].err
}

// knows reports whether any live key has the kid.
func (k *knowledge) knows(kid string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	same := func(key rotation.Key) bool { return key.KID == kid }
	for _, a := range k.now.added {
		if same(a.key) {
			return true
		}
	}
	return slices.ContainsFunc(k.now.state.Keys, same)
}

// usable reports whether the current key is held or, where there is none, any.
func (k *knowledge) usable() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	current, ok := k.now.state.Current()
	if !ok {
		return len(k.now.values) > 0
	}
	_, held := k.now.values[current.Name]
	return held
}

// why says what is still missing for being usable.
func (k *knowledge) why() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	for _, w := range k.want {
		if err := k.tries[w.key.Name].err; err != nil {
			return err
		}
	}
	return fmt.Errorf("log and store show no current key of ring %s: make one current", k.config.Ring)
}
