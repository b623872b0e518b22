package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// ErrNoValue says that the material of a key can't be had (any more).
var ErrNoValue = errors.New("value not found")

// value is what one version holds. A version never changes, nor does a value.
// It shows itself to nobody: the bytes are behind a function, and a
// [auth.Key] keeps its material to itself.
type value struct {
	version string
	binary  bool          // it was stored as SecretBinary
	raw     func() []byte // not to be changed
	parsed  auth.Parsed
}

// String shows the version alone.
func (v value) String() string { return "value(version=" + v.version + " [redacted])" }

// GoString is String, for %#v.
func (v value) GoString() string { return v.String() }

// Format writes String for every verb.
func (v value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.String()) } // a printer takes everything

// MarshalJSON encodes the string "[redacted]".
func (v value) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// signer returns the index of the key that the value's label is about: the
// active one of a set, else the only one. An error: the value does not say.
func (v value) signer() (int, error) {
	switch {
	case v.parsed.Active >= 0:
		return v.parsed.Active, nil
	case len(v.parsed.Keys) == 1:
		return 0, nil
	}
	return 0, errors.New("it holds several keys and none of them can sign: add the private key that does, and name it in current_kid")
}

// unusable is a value that was read and that holds no key.
type unusable struct {
	version string
	why     error // quotes nothing of the value
}

// Error says what is wrong with the value.
func (u *unusable) Error() string {
	return fmt.Sprintf("the value of version %s can't be used: %v", u.version, u.why)
}

// Unwrap returns what is wrong with it.
func (u *unusable) Unwrap() error { return u.why }

// keysOf reads the keys of a value under the ring's kid rule.
func keysOf(version string, data []byte, rule watcher.KIDRule) (auth.Parsed, error) {
	kid := rotation.DeriveKID(version)
	switch rule.From {
	case watcher.KIDVersion:
		if auth.CheckKID(version) == nil {
			kid = version
		}
	case watcher.KIDLiteral:
		kid = rule.Literal
	}
	parsed, err := auth.ParseKeys(data, auth.ParseOptions{KID: kid})
	if err != nil {
		return auth.Parsed{}, &unusable{version, err}
	}
	if _, err := (value{parsed: parsed}).signer(); err != nil {
		return auth.Parsed{}, &unusable{version, err}
	}
	return parsed, nil
}

const (
	// maxValues bounds the values that a Store remembers: what AWS can label,
	// and what a state can name, several times over.
	maxValues = 256
	// askAgain is how long a value is left alone that AWS does not hand out:
	// until somebody has changed a policy or a key, asking is of no use. With the
	// watcher's own pause it is tried again within five minutes.
	askAgain = 3 * time.Minute
)

// cache holds what was read, by version. It is guarded by the Store's mutex.
type cache struct {
	kept    map[string]kept
	prints  map[string][]printed     // version → its keys; stays when the value goes
	order   []string                 // versions of kept and prints, the longest unused first
	lost    map[string]kept          // versions of live keys that AWS does not have, for a while
	reading map[string]chan struct{} // version → capacity 1: held by whoever reads it
}

// kept is what is known of a version: its value, or why there is none.
type kept struct {
	value value
	err   error     // *unusable for ever; a refusal until then
	until time.Time // zero: for ever
}

// printed is one key of a version, by print, which is behind a function because
// package fmt shows the fields of a struct that is itself a hidden field.
type printed struct {
	kid, alg string
	print    func() rotation.Print
}

func newCache() cache {
	return cache{kept: map[string]kept{}, prints: map[string][]printed{}, lost: map[string]kept{}, reading: map[string]chan struct{}{}}
}

// get returns what is known of the version; ok is false where it has to be read.
func (c *cache) get(version string, now time.Time) (h kept, ok bool) {
	h, ok = c.kept[version]
	if !ok || !h.until.IsZero() && !now.Before(h.until) {
		return kept{}, false
	}
	c.use(version)
	return h, true
}

func (c *cache) use(version string) {
	if i := slices.Index(c.order, version); i >= 0 {
		c.order = slices.Delete(c.order, i, i+1)
	}
	c.order = append(c.order, version)
}

func (c *cache) put(version string, h kept, prints []printed) {
	c.kept[version] = h
	if len(prints) > 0 {
		c.prints[version] = prints
	}
	c.use(version)
	for len(c.order) > maxValues {
		delete(c.kept, c.order[0])
		delete(c.prints, c.order[0])
		c.order = c.order[1:]
	}
}

// known returns the prints of the keys that prev names: name → print.
func (c *cache) known(prev rotation.State) map[string]rotation.Print {
	known := make(map[string]rotation.Print, len(prev.Keys))
	add := func(name, version, kid, alg string) {
		for _, p := range c.prints[version] {
			if p.kid == kid && p.alg == alg {
				known[name] = p.print()
			}
		}
	}
	for _, g := range prev.Gone {
		add(g.Key, g.Version, g.KID, g.Algorithm)
	}
	for _, k := range prev.Keys {
		add(k.Name, k.Version, k.KID, k.Algorithm)
	}
	return known
}

// forget drops material of versions that are gone for good, and keeps their prints.
func (c *cache) forget(prev rotation.State, v view) {
	for _, g := range prev.Gone {
		live := slices.ContainsFunc(prev.Keys, func(k rotation.Key) bool { return k.Version == g.Version })
		if !live && v.label(g.Version) == "" {
			delete(c.kept, g.Version)
		}
	}
}

// value returns what the version holds. label is one that it carries, so that
// AWS refuses where it has moved meanwhile ([classMoved]); empty: the version
// has none. A version that was read once is never read again, and one that AWS
// refuses to hand out not sooner than in askAgain. Each version has one reader
// at a time.
func (s *Store) value(ctx context.Context, version, label string) (value, error) {
	gate := s.gate(version)
	select {
	case gate <- struct{}{}:
		defer func() { <-gate }()
	case <-ctx.Done():
		return value{}, s.failed("GetSecretValue", context.Cause(ctx))
	}
	s.mu.Lock()
	h, ok := s.cache.get(version, time.Now())
	s.mu.Unlock()
	if ok {
		return h.value, h.err
	}
	v, err := s.read(ctx, version, label)
	var broken *unusable
	switch c := classOf(err); {
	case err == nil, errors.As(err, &broken):
		h = kept{value: v, err: err}
	case c.refused():
		h = kept{err: err, until: time.Now().Add(askAgain)}
	default:
		return value{}, err
	}
	var prints []printed
	for _, k := range v.parsed.Keys {
		prints = append(prints, s.pepper.printed(k))
	}
	s.mu.Lock()
	s.cache.put(version, h, prints)
	s.mu.Unlock()
	return h.value, h.err
}

// held returns the value of a version that was read before.
func (s *Store) held(version string) (value, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.cache.kept[version]
	return h.value, ok && h.err == nil
}

func (s *Store) gate(version string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate, ok := s.cache.reading[version]
	if !ok {
		if len(s.cache.reading) >= maxValues { // whoever holds one of these goes on; at worst a version is read twice
			clear(s.cache.reading)
		}
		gate = make(chan struct{}, 1)
		s.cache.reading[version] = gate
	}
	return gate
}

// read makes one call and parses the answer.
func (s *Store) read(ctx context.Context, version, label string) (value, error) {
	in := &awssm.GetSecretValueInput{SecretId: aws.String(s.id), VersionId: aws.String(version)}
	if label != "" {
		in.VersionStage = aws.String(label)
	}
	out, err := s.client.GetSecretValue(ctx, in)
	if err != nil {
		err = s.failed("GetSecretValue", err)
		s.m.gets.WithLabelValues(s.ring, string(classOf(err))).Inc()
		return value{}, err
	}
	if aws.ToString(out.VersionId) != version || out.SecretString == nil && out.SecretBinary == nil {
		s.m.gets.WithLabelValues(s.ring, string(classGarbled)).Inc()
		return value{}, s.count(&failure{op: "GetSecretValue", secret: s.id, class: classGarbled})
	}
	data, binary := out.SecretBinary, true
	if out.SecretString != nil {
		data, binary = []byte(*out.SecretString), false
	}
	v := value{version: version, binary: binary, raw: func() []byte { return data }}
	if v.parsed, err = keysOf(version, data, s.kid); err != nil {
		s.m.gets.WithLabelValues(s.ring, "unusable").Inc()
		return v, err
	}
	s.m.gets.WithLabelValues(s.ring, "fine").Inc()
	if len(v.parsed.Warnings) > 0 { // they quote nothing of the value
		s.log.Warn("value of a version is odd", zap.String("version", version), zap.Strings("warnings", v.parsed.Warnings))
	}
	return v, nil
}
