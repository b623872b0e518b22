package secretsmanager

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// maxLabels is how many staging labels all versions of a secret may carry
// together (user guide, "AWS Secrets Manager quotas").
const maxLabels = 20

// Prepare makes a fresh key pending, in the form of the current one, and
// returns its kid. A version that is pending already is taken over if it holds
// a good key, whoever put it there, so that Prepare can be repeated, by several
// processes too: they put the same version, and whoever comes second takes the
// value that is stored.
//
// It refuses, before it writes, a secret that [Store.Writable] refuses, one
// whose current version is not that of st, a form that can't be written, and a
// secret whose staging labels would not suffice.
func (s *Store) Prepare(ctx context.Context, st rotation.State) (kid string, err error) {
	if kid, err = s.prepare(ctx, st); err != nil {
		return "", fmt.Errorf("prepare a key of ring %s: %w", s.ring, err)
	}
	return kid, nil
}

func (s *Store) prepare(ctx context.Context, st rotation.State) (kid string, err error) {
	v, err := s.sure(ctx)
	if err != nil {
		return "", err
	}
	if err := s.Writable(); err != nil {
		return "", err
	}
	current, known := st.Current()
	switch {
	case v.current() == "":
		return "", fmt.Errorf("secret %s has no current version: store a first key in it", s.id)
	case !known || current.Version != v.current():
		return "", fmt.Errorf("version %s is current now, and the log knows %s: look again: %w", v.current(), current.Version, ErrConflict)
	}
	signing, err := s.value(ctx, v.current(), labelCurrent)
	if err != nil {
		return "", err
	}
	if version := v.pending(); version != "" {
		kid, good, err := s.takeOver(ctx, v, st, version, signing)
		if good || err != nil {
			return kid, err
		}
	}
	if v, err = s.room(ctx, v, st); err != nil {
		return "", err
	}
	version, err := freeVersion(v, st, current)
	if err != nil {
		return "", err
	}
	read := func(text []byte) (auth.Parsed, error) { return keysOf(version, text, s.kid) }
	text, _, err := successor(signing.raw(), signing.binary, signing.parsed, freshKID(version, time.Now()), read, func(kid string) bool { return dropped(st, kid) })
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s.id, err)
	}
	if err := s.put(ctx, version, text, signing.binary); err != nil {
		return "", err
	}
	return s.stored(ctx, v.current(), version)
}

// takeOver marks a version that is pending already as the one to turn to, and
// returns its kid. good is false for one that must not be used and may be
// overwritten: it holds a key that is gone for good, or the current one again.
func (s *Store) takeOver(ctx context.Context, v view, st rotation.State, version string, signing value) (kid string, good bool, err error) {
	pending, err := s.value(ctx, version, labelPending)
	var broken *unusable
	switch {
	case classOf(err) == classAbsent:
		return "", false, fmt.Errorf("a rotation has begun whose version %s has no value yet: wait for it, or give it up with %s", version, s.takeOff(labelPending, version))
	case errors.As(err, &broken):
		return "", false, fmt.Errorf("version %s is pending and can't be used: %w: correct it, or take it back with %s", version, err, s.takeOff(labelPending, version))
	case err != nil:
		return "", false, err
	}
	i, err := pending.signer()
	if err != nil {
		return "", false, err
	}
	key := pending.parsed.Keys[i]
	pepper := s.pepper()
	switch {
	case dead(st, version, key.KID()):
		return "", false, nil
	case slices.ContainsFunc(signing.parsed.Keys, func(k auth.Key) bool { return bytes.Equal(k.Fingerprint(pepper), key.Fingerprint(pepper)) }):
		return "", false, nil
	case !key.CanSign() || key.Weak() != "":
		why := key.Weak()
		if why == "" {
			why = "it is the public half only"
		}
		return "", false, fmt.Errorf("version %s is pending and is not accepted, %s: take it back with %s", version, why, s.takeOff(labelPending, version))
	}
	if v, err = s.room(ctx, v, st); err != nil {
		return "", false, err
	}
	if err := s.attach(ctx, v, labelTurn, version); err != nil {
		return "", false, err
	}
	return key.KID(), true, nil
}

// room sees that there are labels for a whole turn before it begins, and
// takes marks of earlier turns away if need be.
func (s *Store) room(ctx context.Context, v view, st rotation.State) (view, error) {
	if lacking(v) == 0 {
		return v, nil
	}
	if err := s.tidy(ctx, v, st); err != nil {
		return view{}, err
	}
	v, err := s.sure(ctx)
	if err != nil {
		return view{}, err
	}
	if n := lacking(v); n > 0 {
		first := "later"
		for _, k := range st.Keys {
			if end := k.VerifyUntil.UTC().Format(time.RFC3339); k.Stage == rotation.Retiring && v.has(k.Version, pinOf(k.Version)) && (first == "later" || end < first) {
				first = end
			}
		}
		return view{}, fmt.Errorf("secret %s has %d staging labels, %d more are needed, and AWS allows %d: %d of them keep keys that still verify, and the first goes %s; wait for that, take other labels off, or shorten tokenLifetime",
			s.id, v.labelCount(), n, maxLabels, len(v.pinned()), first)
	}
	return v, nil
}

// lacking is how many labels too many a turn would need.
func lacking(v view) int {
	n := v.labelCount()
	for _, label := range []string{labelPending, labelTurn, labelPrevious, pinOf(v.current())} {
		if v.holder(label) == "" {
			n++
		}
	}
	return max(0, n-maxLabels)
}

// freeVersion is the id of the next version: the same for everybody who turns
// the same key away, so that two who do so at once put one version, and another
// one for each later turn. Versions that were used up are passed over.
func freeVersion(v view, st rotation.State, current rotation.Key) (string, error) {
	for n := range uint64(64) {
		version := versionID("turn", v.arn, current.Version, current.Since, n)
		used := slices.ContainsFunc(st.Keys, func(k rotation.Key) bool { return of(version, k.Name, k.Version) && k.Stage != rotation.Pending }) ||
			slices.ContainsFunc(st.Gone, func(g rotation.Gone) bool { return of(version, g.Key, g.Version) }) ||
			v.has(version, labelPrevious) || v.has(version, pinOf(version))
		if !used {
			return version, nil
		}
	}
	return "", fmt.Errorf("%d versions in a row are used up for turning key %s away: make a fresh key current by hand", 64, current.Name)
}

// of reports whether a key of that name and version is, or was, in a version.
func of(version, name, held string) bool {
	return held == version || name == version || len(name) > len(version) && name[:len(version)+1] == version+"/"
}

// dead reports whether the key of that kid in the version must not come back.
func dead(st rotation.State, version, kid string) bool {
	return slices.ContainsFunc(st.Gone, func(g rotation.Gone) bool {
		return g.Why != rotation.WhyAbandoned && of(version, g.Key, g.Version) && (g.KID == kid || g.KID == "")
	})
}

// dropped reports whether a kid names keys that are gone for good, and no live one.
func dropped(st rotation.State, kid string) bool {
	return slices.ContainsFunc(st.Gone, func(g rotation.Gone) bool { return g.KID == kid && g.Why != rotation.WhyAbandoned }) &&
		!slices.ContainsFunc(st.Keys, func(k rotation.Key) bool { return k.KID == kid })
}

// versionID derives an id of 36 characters in the shape of a UUID of version 8
// (RFC 9562 section 5.8), as AWS recommends UUIDs for ClientRequestToken.
func versionID(purpose, arn, from string, since time.Time, n uint64) string {
	h := sha256.New()
	for _, part := range []string{"keyturn", purpose, arn, from} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(since.UnixMilli())))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// freshKID is the kid that a new value writes: the day and the beginning of
// its version, so that people see what is newer and no two are the same.
func freshKID(version string, now time.Time) string {
	return now.UTC().Format(time.DateOnly) + "-" + version[:8]
}

// put stores a version as pending. It is no error if the version is there
// already, with whatever value: whoever came first has written it.
func (s *Store) put(ctx context.Context, version string, text []byte, binary bool) error {
	in := &awssm.PutSecretValueInput{
		SecretId: aws.String(s.id), ClientRequestToken: aws.String(version), VersionStages: []string{labelPending, labelTurn},
	}
	if binary {
		in.SecretBinary = text
	} else {
		in.SecretString = aws.String(string(text))
	}
	for try := 1; ; try++ {
		_, err := s.client.PutSecretValue(ctx, in)
		if err == nil {
			s.expect(version, labelPending, time.Now().Add(expectWritten))
			return nil
		}
		err = s.failed("PutSecretValue", err)
		c := classOf(err)
		if c == classExists {
			s.log.Info("the version to turn to is there already, taking what it holds", zap.String("version", version))
			return nil
		}
		// An answer that was lost: the same put again is no new version.
		if try == maxTries || !c.passing() {
			return err
		}
		if ended := wait(ctx, firstPause<<try); ended != nil {
			return err
		}
	}
}

// stored waits until a version that was put to follow current can be read as
// pending, gives it back the labels that it may have lost, and returns the kid
// of its key.
func (s *Store) stored(ctx context.Context, current, version string) (kid string, err error) {
	v, err := s.sure(ctx)
	if err != nil {
		return "", err
	}
	if v.current() != version {
		switch holder := v.pending(); {
		case v.current() != current:
			return "", fmt.Errorf("another made version %s current meanwhile: look again: %w", v.current(), ErrConflict)
		case holder == version:
		case holder != "":
			return "", fmt.Errorf("another made version %s pending meanwhile: run it again to turn to that one: %w", holder, ErrConflict)
		default: // it was there before, and somebody took its label off
			if err := s.attach(ctx, v, labelPending, version); err != nil {
				return "", err
			}
		}
		if err := s.attach(ctx, v, labelTurn, version); err != nil {
			return "", err
		}
	}
	key, err := s.readBack(ctx, version)
	if err != nil {
		return "", err
	}
	v, ok, err := s.until(ctx, func(v view) bool { return v.has(version, labelPending) || v.has(version, labelCurrent) })
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", fmt.Errorf("version %s was put as pending, and is that no more: somebody took AWSPENDING off it, or made version %q pending: run it again: %w", version, v.pending(), ErrConflict)
	}
	return key.KID(), nil
}

// readBack reads a version that was put until it can be read.
func (s *Store) readBack(ctx context.Context, version string) (key auth.Key, err error) {
	err = patiently(ctx, func() (bool, error) {
		v, err := s.sure(ctx)
		if err != nil {
			return false, err
		}
		held, err := s.value(ctx, version, v.label(version))
		if err != nil {
			c := classOf(err)
			return c == classAbsent || c == classMoved || c.passing(), err
		}
		i, err := held.signer()
		if err != nil {
			return false, err
		}
		key = held.parsed.Keys[i]
		if !key.CanSign() || key.Weak() != "" {
			return false, fmt.Errorf("version %s is pending and is not accepted, its key is weak or public: take it back with %s", version, s.takeOff(labelPending, version))
		}
		return false, nil
	})
	return key, err
}
