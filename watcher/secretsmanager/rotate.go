package secretsmanager

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	// functionWait is how long a rotation function may take. AWS gives it a
	// quarter of an hour a step; one that works takes seconds.
	functionWait = 15 * time.Minute
	functionPoll = 5 * time.Second // longest pause between two looks at it
)

// Rotates reports whether the secret's own rotation function turns the key, at
// keyturn's word.
func (s *Store) Rotates() bool { return s.rotateBy == RotateByLambda }

// Turn has the secret's rotation function turn the key from away (RotateSecret)
// and waits until AWSCURRENT has moved. It returns the version that is current
// then. Repeated, it asks for the same version, so that nothing is turned twice.
func (s *Store) Turn(ctx context.Context, from rotation.Key) (version string, err error) {
	if version, err = s.turnByFunction(ctx, from); err != nil {
		return "", fmt.Errorf("have the key of ring %s turned: %w", s.ring, err)
	}
	return version, nil
}

func (s *Store) turnByFunction(ctx context.Context, from rotation.Key) (string, error) {
	v, err := s.sure(ctx)
	if err != nil {
		return "", err
	}
	if err := s.Writable(); err != nil {
		return "", err
	}
	version := versionID("rotate", v.arn, from.Version, from.Since, 0)
	pending := v.pending()
	switch {
	case v.current() == version:
		return version, nil
	case v.current() != from.Version:
		return "", fmt.Errorf("version %s is current, not %s: %w", v.current(), from.Version, ErrConflict)
	case pending != "" && pending != version:
		return "", fmt.Errorf("a rotation to version %s has begun and is not complete: wait for it, or give it up with %s", pending, s.giveUp(pending))
	}
	if err := s.startFunction(ctx, version); err != nil {
		return "", err
	}
	return version, s.rotated(ctx, from.Version, version)
}

// startFunction calls the function. An answer that was lost is asked for again: the
// same version is no second rotation.
func (s *Store) startFunction(ctx context.Context, version string) error {
	for try := 1; ; try++ {
		_, err := s.client.RotateSecret(ctx, &awssm.RotateSecretInput{SecretId: aws.String(s.id), ClientRequestToken: aws.String(version)})
		if err == nil {
			return nil
		}
		err = s.failed("RotateSecret", err)
		c := classOf(err)
		if v, seen := s.sure(ctx); seen == nil && (v.current() == version || v.holder(labelPending) == version) {
			return nil // under way
		}
		if try == maxTries || !c.passing() {
			return err
		}
	}
}

// rotated waits until the function has made version current.
func (s *Store) rotated(ctx context.Context, from, version string) error {
	limited, cancel := context.WithTimeout(ctx, functionWait)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, functionPoll) {
		v, err := s.describe(limited)
		switch {
		case err == nil && v.current() == version:
			return nil
		case err == nil && v.current() != from:
			return fmt.Errorf("version %s is current now: another made it so first: %w", v.current(), ErrConflict)
		case err != nil && limited.Err() == nil && classOf(err) != "" && !classOf(err).passing():
			return err
		}
		if wait(limited, pause) != nil {
			return fmt.Errorf("the rotation function did not make version %s current: see its log and the event RotationFailed; then give it up with %s, and run this again: %w", version, s.giveUp(version), limited.Err())
		}
	}
}

// giveUp is what ends a rotation that is stuck, by hand.
func (s *Store) giveUp(version string) string {
	return fmt.Sprintf("aws secretsmanager cancel-rotate-secret --secret-id %s (which also switches its schedule off), and %s", s.id, s.takeOff(labelPending, version))
}
