package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Tidy takes off the labels that turns leave behind and head needs no more:
// AWSPENDING and keyturn-turn on the current version, keyturn-turn on one that
// is not pending any more, pins of versions whose keys are gone, and with them
// AWSPREVIOUS; likewise AWSPREVIOUS of a leaked key. It touches no label of
// anybody else, nor any of a secret that keyturn may not turn. It can be
// repeated, by several processes at once.
func (s *Store) Tidy(ctx context.Context, head rotation.State) error {
	v, err := s.sure(ctx)
	if err == nil && s.Writable() == nil {
		err = s.tidy(ctx, v, head)
	}
	if err != nil {
		return fmt.Errorf("tidy up secret %s: %w", s.id, err)
	}
	return nil
}

func (s *Store) tidy(ctx context.Context, v view, head rotation.State) error {
	var all error
	for _, l := range leftovers(v, head) {
		all = errors.Join(all, s.detach(ctx, l.label, l.version))
	}
	return all
}

// leftover is a label that nobody needs on a version.
type leftover struct{ label, version string }

// leftovers lists them. AWSPREVIOUS comes before the pin, which is the mark by
// which it is known for keyturn's own.
func leftovers(v view, head rotation.State) []leftover {
	var out []leftover
	current := v.current()
	// While a rotation function is at work, AWSPENDING on the current version
	// is for the service to take off.
	if v.has(current, labelPending) && (!v.rotates || v.has(current, labelTurn)) {
		out = append(out, leftover{labelPending, current})
	}
	for _, version := range v.versions() {
		if v.has(version, labelTurn) && version != v.pending() {
			out = append(out, leftover{labelTurn, version})
		}
	}
	for _, version := range v.versions() {
		over, leaked := overOf(head, version)
		if !over || version == current || version == v.pending() {
			continue
		}
		pinned := v.has(version, pinOf(version))
		if v.has(version, labelPrevious) && (pinned || leaked) {
			out = append(out, leftover{labelPrevious, version})
		}
		if pinned {
			out = append(out, leftover{pinOf(version), version})
		}
	}
	return out
}

// overOf reports whether the keys that a version held are all gone, and whether
// one of them had leaked. A version that head knows nothing of may be newer than it.
func overOf(head rotation.State, version string) (over, leaked bool) {
	if slices.ContainsFunc(head.Keys, func(k rotation.Key) bool { return of(version, k.Name, k.Version) }) {
		return false, false
	}
	for _, g := range head.Gone {
		if of(version, g.Key, g.Version) {
			over = over || g.Why != rotation.WhyAbandoned
			leaked = leaked || g.Why == rotation.WhyCompromised
		}
	}
	return over, leaked
}

// Unfinished returns the version that waits to be made current because
// somebody asked for a turn, and when it was put; "" where there is none.
func (s *Store) Unfinished(ctx context.Context) (version string, since time.Time, err error) {
	v, err := s.sure(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	version = v.pending()
	if version == "" || !v.has(version, labelTurn) {
		return "", time.Time{}, nil
	}
	// The date is told with the value only; the value itself is not looked at.
	out, err := s.client.GetSecretValue(ctx, &awssm.GetSecretValueInput{
		SecretId: aws.String(s.id), VersionId: aws.String(version), VersionStage: aws.String(v.label(version)),
	})
	if err != nil {
		return "", time.Time{}, s.failed("GetSecretValue", err)
	}
	return version, aws.ToTime(out.CreatedDate), nil
}
