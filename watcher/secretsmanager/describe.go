package secretsmanager

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// maxExpectations bounds what a flood of hints can make the store remember.
const maxExpectations = 32

// expectation is a label that an answer must show on a version (or must not
// show on it), because its own writer or a hint said so. An answer that is newer than
// what was known when it was said may differ: somebody may have moved on.
type expectation struct {
	version, label string    // label empty: any
	gone           bool      // the label must not be there
	after          time.Time // the newest change known at that time
	until          time.Time // on this process's clock: given up then
}

// met reports whether the view shows what is expected.
func (e expectation) met(v view) bool {
	shown := v.has(e.version, e.label)
	if e.label == "" {
		shown = len(v.labels[e.version]) > 0
	}
	return shown != e.gone
}

// expect says that the version carries the label now; an empty label stands for
// any. Until then, an answer that does not show it and is no newer than what is
// known now is stale. Call it after an own write, and after a hint that tells of
// a change later than [Store.changedAt].
func (s *Store) expect(version, label string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expectLocked(expectation{version: version, label: label, until: until})
}

// expectGone says that the version does not carry the label any more.
func (s *Store) expectGone(version, label string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expectLocked(expectation{version: version, label: label, gone: true, until: until})
}

func (s *Store) expectLocked(e expectation) {
	s.expectations = slices.DeleteFunc(s.expectations, func(o expectation) bool {
		return o.label == e.label && (o.version == e.version || !o.gone && !e.gone && o.label != "") // a label is on one version
	})
	if e.met(s.newest) && s.newest.arn != "" {
		return
	}
	e.after = s.newest.changed
	s.expectations = append(s.expectations, e)
	if n := len(s.expectations) - maxExpectations; n > 0 {
		s.expectations = slices.Delete(s.expectations, 0, n)
	}
}

// changedAt returns when the secret changed last, as far as this process knows,
// on AWS's clock; zero: it was not seen yet, or AWS does not say.
func (s *Store) changedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest.changed
}

// last returns the newest view that was believed; zero: none yet.
func (s *Store) last() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

// describe asks for the labels of the secret, and believes no answer that is
// older than what is known: it asks again, for about a third of a second, and
// then returns an error that wraps [watcher.ErrStale].
func (s *Store) describe(ctx context.Context) (view, error) {
	return s.describeAfter(ctx, rotation.State{})
}

// describeAfter is describe for whoever knows the state prev.
func (s *Store) describeAfter(ctx context.Context, prev rotation.State) (view, error) {
	for try := 0; ; try++ {
		v, err := s.ask(ctx)
		if err != nil {
			return view{}, err
		}
		why := s.believe(v, prev)
		if why == "" {
			s.m.describes.WithLabelValues(s.ring, "fine").Inc()
			return v, nil
		}
		s.m.describes.WithLabelValues(s.ring, "stale").Inc()
		if try == len(s.pauses) {
			return view{}, fmt.Errorf("DescribeSecret of secret %s: %s: %w", s.id, why, watcher.ErrStale)
		}
		if err := wait(ctx, s.pauses[try]); err != nil {
			return view{}, failed("DescribeSecret", s.id, err)
		}
	}
}

// ask makes one call.
func (s *Store) ask(ctx context.Context) (view, error) {
	out, err := s.client.DescribeSecret(ctx, &awssm.DescribeSecretInput{SecretId: aws.String(s.id)})
	if err != nil {
		s.m.describes.WithLabelValues(s.ring, "failed").Inc()
		return view{}, s.failed("DescribeSecret", err)
	}
	v := newView(out)
	if v.arn == "" {
		s.m.describes.WithLabelValues(s.ring, "failed").Inc()
		return view{}, s.count(&failure{op: "DescribeSecret", secret: s.id, class: classGarbled})
	}
	return v, nil
}

// failed is the function of that name, counted.
func (s *Store) failed(op string, err error) error { return s.count(failed(op, s.id, err)) }

func (s *Store) count(err error) error {
	if err != nil {
		s.m.errors.WithLabelValues(s.ring, string(classOf(err))).Inc()
	}
	return err
}

// believe takes an answer for the newest, or says why not.
func (s *Store) believe(v view, prev rotation.State) (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.expectations = slices.DeleteFunc(s.expectations, func(e expectation) bool { return !now.Before(e.until) })
	s.alarms.inconsistent = inconsistency(v, s.newest, prev)
	switch {
	case s.alarms.inconsistent != "":
		return s.alarms.inconsistent
	case s.olderLocked(v):
		return "the answer is older than an earlier one"
	case !s.foreignLocked(v, prev) && v.marker() != "" && v.marker() < prev.Seen && !markerTime(prev.Seen).IsZero():
		return "the answer is older than the log"
	}
	for _, e := range s.expectations {
		if !e.met(v) && !v.changed.After(e.after) {
			return "the answer does not show yet what was just written"
		}
	}
	s.expectations = slices.DeleteFunc(s.expectations, func(e expectation) bool { return e.met(v) || v.changed.After(e.after) })
	if s.newest.arn != "" && s.newest.arn != v.arn {
		s.log.Warn("the secret is another one under the same name", zap.String("was", s.newest.arn), zap.String("is", v.arn))
	}
	s.newest, s.missed = v, absence{}
	return ""
}

// olderLocked reports whether the answer is older than the newest one. Of two
// secrets of one name the one that was made later counts.
func (s *Store) olderLocked(v view) bool {
	switch {
	case s.newest.arn == "":
		return s.remembered.overtakes(s.id, v)
	case s.newest.arn != v.arn:
		return v.created.Before(s.newest.created)
	}
	return v.changed.Before(s.newest.changed)
}

// inconsistency says what can't be in an answer, whatever anybody did; empty:
// nothing. A ring that had a current key keeps having one: AWS moves that label
// and never drops it.
func inconsistency(v, newest view, prev rotation.State) string {
	held := v.holders(labelCurrent)
	switch {
	case len(held) > 1:
		return fmt.Sprintf("the answer names two current versions, %s and %s", held[0], held[1])
	case len(held) == 0 && len(v.labels) > 0 && (newest.arn == v.arn && newest.current() != "" || shows(v, prev)):
		return "the answer names no current version"
	}
	return ""
}

// shows reports whether the view has any version that a live key of the state names.
func shows(v view, prev rotation.State) bool {
	return slices.ContainsFunc(prev.Keys, func(k rotation.Key) bool { return len(v.labels[k.Version]) > 0 })
}

// foreignLocked reports whether the view is of another secret than the one the
// state tells of: it has none of its versions, and was made after the state's
// last look, or has another ARN than the secret seen last.
func (s *Store) foreignLocked(v view, prev rotation.State) bool {
	if prev.IsZero() || shows(v, prev) {
		return false
	}
	seen := markerTime(prev.Seen)
	return !seen.IsZero() && v.created.After(seen) || s.remembered.differs(s.id, v)
}

// wait returns after d, or with the context's error before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
