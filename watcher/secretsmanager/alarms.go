package secretsmanager

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Codes of alarms.
const (
	alarmWeak         = "weak_secret"    // a key in use is weak or published
	alarmRefused      = "weak_refused"   // a new key was left out for that
	alarmUnusable     = "unusable_value" // a version holds no key that can be read
	alarmOrphaned     = "orphaned"       // a live key whose version AWS does not hand out any more
	alarmWithheld     = "value_refused"  // AWS refuses a value: policy or KMS
	alarmInconsistent = "inconsistent"   // an answer that can't be
)

// alarms are what the last looks found. They are guarded by the Store's mutex.
type alarms struct {
	look         []rotation.Alarm // of the last look that went well
	rev          int64            // of the state that look was held against
	inconsistent string           // why the last answer is not believed; empty: it is
	orphans      []string         // names of keys that the log has reported
}

// Alarms returns what the last look that went well found wrong with the secret,
// and whether AWS's last answer could be believed.
func (s *Store) Alarms() []rotation.Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.alarms.look)
	if why := s.alarms.inconsistent; why != "" {
		all = append(all, rotation.Alarm{Code: alarmInconsistent, Text: fmt.Sprintf(
			"secret %s of ring %s: %s: it is not believed, and the last known keys are kept; if this lasts, see what aws secretsmanager describe-secret shows", s.id, s.ring, why)})
	}
	return all
}

// findings gathers what one look finds wrong.
type findings struct {
	ring    string
	prev    rotation.State
	alarms  []rotation.Alarm
	orphans []orphan
}

type orphan struct {
	key rotation.Key
	err error
}

func (f *findings) alarm(code, key, format string, args ...any) {
	f.alarms = append(f.alarms, rotation.Alarm{Code: code, Key: key, Text: fmt.Sprintf(format, args...)})
}

// withheld judges a labelled version whose value could not be had: how the
// snapshot shows it, or an error that ends the look.
func (f *findings) withheld(l staged, err error) ([]rotation.Seen, error) {
	blank := []rotation.Seen{{Version: l.version, Stage: l.stage}}
	var broken *unusable
	switch c := classOf(err); {
	case errors.As(err, &broken) && l.stage == rotation.Current:
		return nil, err
	case errors.As(err, &broken):
		f.alarm(alarmUnusable, l.version, "ring %s: the %s version is left out: %v", f.ring, l.stage, err)
		if live := slices.ContainsFunc(f.prev.Keys, func(k rotation.Key) bool { return k.Version == l.version }); !live {
			return nil, nil
		}
		return blank, nil // some process can read it
	case c.refused():
		f.alarm(alarmWithheld, l.version, "ring %s: the value of the %s version %s is withheld, and keys that were read before serve on: %v", f.ring, l.stage, l.version, err)
		return blank, nil
	case c == classAbsent && l.stage != rotation.Current: // a rotation has begun, or an old value is lost
		return blank, nil
	}
	return nil, err
}

func (f *findings) orphan(k rotation.Key, err error) {
	f.orphans = append(f.orphans, orphan{k, err})
	f.alarm(alarmOrphaned, k.Name, "the value of %s key %s of ring %s can't be read any more: processes that start from now on can't verify its tokens, so hold on to those that run until it ends: %v", k.Stage, k.Name, f.ring, err)
}

func (f *findings) weak(seen rotation.Seen, why string) {
	f.alarm(alarmWeak, seen.Version, "key %s of ring %s is weak or published (%s): rotate it now", seen.Version, f.ring, why)
}

func (f *findings) refuse(seen rotation.Seen, why string) {
	f.alarm(alarmRefused, seen.Version, "ring %s: version %s is left out: the key is not accepted as a new one, %s: make it with keyturn rotate, or of at least 32 random bytes", f.ring, seen.Version, why)
}

// found takes the findings of a look that went well. Those of a look for
// somebody who knows an older state than another tell nothing new.
func (s *Store) found(f findings) {
	s.mu.Lock()
	if f.prev.Rev < s.alarms.rev {
		s.mu.Unlock()
		return
	}
	s.alarms.look, s.alarms.rev = f.alarms, f.prev.Rev
	var fresh []orphan
	var names []string
	for _, o := range f.orphans {
		names = append(names, o.key.Name)
		if !slices.Contains(s.alarms.orphans, o.key.Name) {
			fresh = append(fresh, o)
		}
	}
	s.alarms.orphans = names
	s.mu.Unlock()
	s.m.orphaned.WithLabelValues(s.ring).Set(float64(len(names)))
	for _, o := range fresh {
		s.log.Warn("live key can't be read any more", zap.String("key", o.key.Name), zap.String("version", o.key.Version), zap.Error(o.err))
	}
}
