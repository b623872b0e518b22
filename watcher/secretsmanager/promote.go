package secretsmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Promote makes to current and from previous, by compare-and-set: it returns an
// error wrapping [ErrConflict], having moved nothing, if another version than
// from's is current or to's is not pending any more. It returns nil if to is
// current already. Before, from's version is pinned by a label, so that AWS
// does not purge it while tokens live that it signed.
//
// It returns once the labels are seen to have moved, or cannot be seen for a
// while. An earlier key is made current again the same way.
func (s *Store) Promote(ctx context.Context, from, to rotation.Key) error {
	if err := s.promote(ctx, from, to, to.Version); err != nil {
		return fmt.Errorf("make key %s of ring %s current: %w", to.Name, s.ring, err)
	}
	return nil
}

// Replace makes to current and takes from out of the secret. Where to's value is
// a set that holds from too, for those who verify with it, that goes first: a
// version without it is put and made current instead.
//
// AWS moves one label at a time, so that this is more than one write. A crash
// leaves from revoked in any case, and [Store.Tidy] takes its labels off.
func (s *Store) Replace(ctx context.Context, from, to rotation.Key) error {
	version, err := s.rid(ctx, from, to)
	if err == nil {
		err = s.promote(ctx, from, to, version)
	}
	if err != nil {
		return fmt.Errorf("make key %s of ring %s current instead of a leaked one: %w", to.Name, s.ring, err)
	}
	if err := s.Drop(ctx, from); err != nil {
		return fmt.Errorf("key %s is current: %w", to.Name, err)
	}
	return nil
}

// Drop takes every label off the version of a key that is not current, so that
// nobody finds it by one and AWS may purge it. It returns nil if it has none.
func (s *Store) Drop(ctx context.Context, k rotation.Key) error {
	err := s.drop(ctx, k.Version)
	if err != nil {
		return fmt.Errorf("take key %s of ring %s out of the secret: %w", k.Name, s.ring, err)
	}
	return nil
}

func (s *Store) drop(ctx context.Context, version string) error {
	v, err := s.sure(ctx)
	if err != nil {
		return err
	}
	if v.current() == version {
		return fmt.Errorf("version %s is current: %w", version, ErrConflict)
	}
	for _, label := range v.labels[version] {
		if err := s.detach(ctx, label, version); err != nil {
			return err
		}
	}
	if len(v.labels[version]) == 0 {
		return nil
	}
	_, _, err = s.until(ctx, func(v view) bool { return len(v.labels[version]) == 0 })
	return err
}

// promote makes version, which holds to, current instead of from's.
func (s *Store) promote(ctx context.Context, from, to rotation.Key, version string) error {
	v, err := s.sure(ctx)
	if err != nil {
		return err
	}
	if v.current() != version {
		if err := s.mayPromote(ctx, v, from, to, version); err != nil {
			return err
		}
		if err := s.pin(ctx, v, from.Version); err != nil {
			return err
		}
		if v, err = s.turn(ctx, from.Version, version); err != nil {
			return err
		}
	}
	// What is left over bothers no reader, and [Store.Tidy] takes it away else.
	for _, label := range []string{labelPending, labelTurn} {
		if !v.has(version, label) {
			continue
		}
		if err := s.detach(ctx, label, version); err != nil {
			s.log.Warn("a label of the turn stays for now", zap.String("label", label), zap.String("version", version), zap.Error(err))
		}
	}
	if _, _, err := s.until(ctx, func(view) bool { return true }); err != nil { // the next look is no staler than this
		s.log.Warn("the labels are moved, but are not seen so yet", zap.String("version", version), zap.Error(err))
	}
	return nil
}

// mayPromote refuses what would not be the turn that was meant.
func (s *Store) mayPromote(ctx context.Context, v view, from, to rotation.Key, version string) error {
	if err := s.Writable(); err != nil {
		return err
	}
	labels := v.labels[version]
	waits := to.Stage == rotation.Pending && v.pending() != version
	switch {
	case from.Version == version:
		return fmt.Errorf("it is in the current version, a set of keys: name it in current_kid there, or let a fresh key be made with keyturn rotate %s", s.ring)
	case v.current() != from.Version:
		return fmt.Errorf("version %s is current, not %s: %w", v.current(), from.Version, ErrConflict)
	case waits && v.pending() != "":
		return fmt.Errorf("version %s is not pending any more, version %s is: run it again to turn to that one: %w", version, v.pending(), ErrConflict)
	case waits || len(labels) == 0:
		return fmt.Errorf("version %s is not pending any more, somebody took AWSPENDING off it: run it again: %w", version, ErrConflict)
	}
	held, err := s.value(ctx, version, v.label(version))
	if err != nil {
		return err
	}
	i, err := held.signer()
	if err != nil {
		return err
	}
	if kid := held.parsed.Keys[i].KID(); kid != to.KID {
		return fmt.Errorf("version %s would make the key with kid %q sign, not %q: name the right one in current_kid: %w", version, kid, to.KID, ErrConflict)
	}
	return nil
}

// pin keeps AWS from purging a version when it loses AWSPREVIOUS.
func (s *Store) pin(ctx context.Context, v view, version string) error {
	label := pinOf(version)
	if holder := v.holder(label); holder != "" && holder != version {
		s.log.Warn("the version is not pinned: another that begins alike has its label", zap.String("version", version), zap.String("other", holder))
		return nil
	}
	return s.attach(ctx, v, label, version)
}

// turn is the compare-and-set of AWSCURRENT. Where the answer is lost, the
// labels tell what became of it.
func (s *Store) turn(ctx context.Context, from, to string) (view, error) {
	for try := 1; ; try++ {
		err := s.move(ctx, labelCurrent, from, to)
		if err == nil {
			v, _, seen := s.until(ctx, func(v view) bool { return v.current() != from })
			if seen != nil || v.arn == "" {
				s.log.Warn("AWSCURRENT is moved, but is not seen so yet", zap.String("version", to), zap.Error(seen))
				return s.last(), nil
			}
			return v, nil
		}
		c := classOf(err)
		if !c.passing() && c != classConflict {
			return view{}, err
		}
		var v view
		var seen error
		if c == classConflict { // from has lost the label, though a replica may not know
			v, _, seen = s.until(ctx, func(v view) bool { return v.current() != from })
		} else {
			v, seen = s.sure(ctx)
		}
		switch {
		case seen != nil:
			return view{}, errors.Join(err, seen)
		case v.current() == to:
			return v, nil
		case v.current() != from:
			return view{}, fmt.Errorf("version %s is current now: another made it so first: %w", v.current(), ErrConflict)
		case try == maxTries:
			return view{}, err
		}
	}
}

// rid returns the version to make current so that the leaked key from is out
// of the value of to: to's own, or one that is put for that.
func (s *Store) rid(ctx context.Context, from, to rotation.Key) (string, error) {
	v, err := s.sure(ctx)
	if err != nil {
		return "", err
	}
	held, err := s.value(ctx, to.Version, v.label(to.Version))
	if err != nil {
		return "", err
	}
	leak := auth.Key{}
	if old, err := s.value(ctx, from.Version, v.label(from.Version)); err == nil {
		if i := slices.IndexFunc(old.parsed.Keys, func(k auth.Key) bool { return k.KID() == from.KID }); i >= 0 {
			leak = old.parsed.Keys[i]
		}
	}
	pepper := s.pepper()
	text, changed, err := without(held.raw(), held.parsed, func(k auth.Key) bool {
		return k.KID() == from.KID || !leak.IsZero() && bytes.Equal(k.Fingerprint(pepper), leak.Fingerprint(pepper))
	})
	if err != nil || !changed {
		return to.Version, err
	}
	version := versionID("without "+from.Name, v.arn, to.Version, time.Time{}, 0)
	if v.current() == version {
		return version, nil
	}
	if _, err := keysOf(version, text, s.kid); err != nil {
		return "", fmt.Errorf("the value without the leaked key: %w", err)
	}
	if err := s.put(ctx, version, text, held.binary); err != nil {
		return "", err
	}
	_, err = s.stored(ctx, v.current(), version)
	return version, err
}
