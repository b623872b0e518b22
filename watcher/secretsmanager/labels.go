package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/watcher"
)

// ErrConflict says that somebody else changed the labels of the secret, so
// that a writer did not go on.
var ErrConflict = errors.New("the secret was changed by another")

const (
	// patience is how long a writer waits for a replica that is behind, or for
	// AWS to work again. It is less than a watcher gives whoever ends a
	// compromise for it.
	patience = 20 * time.Second
	// expectWritten is how long answers that don't show an own write are not
	// believed.
	expectWritten = time.Minute

	firstPause = 50 * time.Millisecond // between two tries of a writer; doubles
	lastPause  = 2 * time.Second       // up to this
	maxTries   = 4                     // of one write whose answer was lost
)

// passing reports whether a call of that class is worth another try, and
// whether what it was to write may have been written.
func (c class) passing() bool {
	return c == classTransient || c == classThrottled || c == classUnreachable || c == classUnknown || c == classGarbled
}

// patiently calls f until it returns something else than again, for as long as
// patience lasts; then it returns what f said last.
func patiently(ctx context.Context, f func() (again bool, err error)) error {
	end := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		again, err := f()
		if !again || !time.Now().Add(pause).Before(end) {
			return err
		}
		if ended := wait(ctx, pause); ended != nil {
			if err == nil {
				err = ended
			}
			return err
		}
	}
}

// sure is describe for writers: it waits for a replica that is behind what this
// process knows, and for a service that has a passing problem.
func (s *Store) sure(ctx context.Context) (v view, err error) {
	err = patiently(ctx, func() (bool, error) {
		var err error
		v, err = s.describe(ctx)
		return errors.Is(err, watcher.ErrStale) || classOf(err).passing(), err
	})
	return v, err
}

// until asks for the labels until they are as wanted. ok is false where they
// were not in time; v is the last answer all the same.
func (s *Store) until(ctx context.Context, wanted func(view) bool) (v view, ok bool, err error) {
	err = patiently(ctx, func() (bool, error) {
		var err error
		v, err = s.describe(ctx)
		ok = err == nil && wanted(v)
		return !ok && (err == nil || errors.Is(err, watcher.ErrStale) || classOf(err).passing()), err
	})
	return v, ok, err
}

// move moves a label from one version to another, once. AWS refuses where the
// label is not on from ([classConflict]). An empty to takes it off, an empty
// from puts it where it was nowhere.
func (s *Store) move(ctx context.Context, label, from, to string) error {
	in := &awssm.UpdateSecretVersionStageInput{SecretId: aws.String(s.id), VersionStage: aws.String(label)}
	if from != "" {
		in.RemoveFromVersionId = aws.String(from)
	}
	if to != "" {
		in.MoveToVersionId = aws.String(to)
	}
	if _, err := s.client.UpdateSecretVersionStage(ctx, in); err != nil {
		return s.failed("UpdateSecretVersionStage", err)
	}
	until := time.Now().Add(expectWritten)
	if to != "" {
		s.expect(to, label, until)
	} else {
		s.expectGone(from, label, until)
	}
	return nil
}

// attach puts a label on a version, wherever v says that it is. It is no error
// if it is there already, or if somebody else puts it there meanwhile.
func (s *Store) attach(ctx context.Context, v view, label, to string) error {
	for try := 1; ; try++ {
		if v.has(to, label) {
			return nil
		}
		err := s.move(ctx, label, v.holder(label), to)
		if err == nil {
			return nil
		}
		c := classOf(err)
		if try == maxTries || !c.passing() && c != classConflict {
			return err
		}
		if v, err = s.sure(ctx); err != nil {
			return err
		}
	}
}

// detach takes a label off a version. It is no error if it is not there.
func (s *Store) detach(ctx context.Context, label, from string) error {
	for try := 1; ; try++ {
		err := s.move(ctx, label, from, "")
		if err == nil {
			return nil
		}
		c := classOf(err)
		if c == classAbsent { // AWS has purged the version
			return nil
		}
		if try == maxTries || !c.passing() && c != classConflict {
			return err
		}
		v, describing := s.sure(ctx)
		if describing != nil {
			return describing
		}
		if !v.has(from, label) {
			return nil
		}
	}
}

// takeOff is the command that takes a label off a version by hand.
func (s *Store) takeOff(label, version string) string {
	return fmt.Sprintf("aws secretsmanager update-secret-version-stage --secret-id %s --version-stage %s --remove-from-version-id %s", s.id, label, version)
}
