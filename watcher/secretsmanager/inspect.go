package secretsmanager

import (
	"context"
	"slices"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// MaxLabels is how many labels AWS allows on all versions of a secret together
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxLabels = 20

// Inspection tells what a secret looks like to keyturn. It holds no value, no
// digest of one, and nothing else that may not be shown.
type Inspection struct {
	ARN, Name     string
	Region        string             // where this process asks
	PrimaryRegion string             // where the secret is written; empty: it has no replicas
	OwningService string             // the AWS service that manages it; empty: none
	KMSKey        string             // id or ARN of the customer's key; empty: AWS's own
	Rotates       bool               // AWS rotates it by itself
	Lambda        string             // ARN of its rotation function; empty: none
	Created       time.Time          // of the secret
	Changed       time.Time          // its last change of any kind; zero: AWS does not say
	Deleted       time.Time          // AWS's DeletedDate; zero: it is not marked for deletion
	Labels        int                // on all versions, of MaxLabels
	Versions      []InspectedVersion // with labels: current, pending, previous, then others
}

// Replica reports whether this is a replica, which can't be turned here.
func (i Inspection) Replica() bool { return i.PrimaryRegion != "" && i.PrimaryRegion != i.Region }

// InspectedVersion is one version of an [Inspection].
type InspectedVersion struct {
	Version  string
	Labels   []string
	Stage    rotation.Stage // that the labels give it; empty: none
	Binary   bool           // stored as SecretBinary
	Form     string         // one of the auth.Form words; empty: see Err
	Member   string         // auth.FormJSON: the member that holds the material
	Keys     []InspectedKey
	Warnings []string // what is odd about the value
	Err      error    // why it can't be read or used; nil: it can
}

// InspectedKey is one key of an [InspectedVersion].
type InspectedKey struct {
	KID       string
	Why       string // where the kid comes from, in words
	Algorithm string // JWS alg
	Active    bool   // the one of its value that the version's stage is about
	CanSign   bool   // false: only its public half is there
	Symmetric bool   // a shared secret
	Weak      string // why it must not be taken as a new key; empty: it may
}

// Inspect looks at the secret and reads the labelled versions that were not
// read before. An error says that the secret itself could not be looked at.
func (s *Store) Inspect(ctx context.Context) (Inspection, error) {
	v, err := s.describe(ctx)
	if err != nil {
		return Inspection{}, err
	}
	i := Inspection{
		ARN: v.arn, Name: v.name, Region: s.region, PrimaryRegion: v.primaryRegion, OwningService: v.owner, KMSKey: v.kmsKey,
		Rotates: v.rotates, Lambda: v.lambda, Created: v.created, Changed: v.changed, Deleted: v.deleted, Labels: v.labelCount(),
	}
	staging := stages(v, rotation.State{})
	for _, version := range v.versions() {
		seen := InspectedVersion{Version: version, Labels: v.labels[version]}
		if at := slices.IndexFunc(staging, func(l staged) bool { return l.version == version }); at >= 0 {
			seen.Stage = staging[at].stage
		}
		val, err := s.value(ctx, version, v.label(version))
		if seen.Err = err; err == nil {
			s.describeValue(&seen, val)
		}
		i.Versions = append(i.Versions, seen)
	}
	return i, nil
}

// describeValue tells of a value what may be told.
func (s *Store) describeValue(seen *InspectedVersion, v value) {
	seen.Binary, seen.Form, seen.Member = v.binary, v.parsed.Form, v.parsed.Member
	seen.Warnings = slices.Clone(v.parsed.Warnings)
	signer, _ := v.signer() // a value without one is no value
	for n, k := range v.parsed.Keys {
		seen.Keys = append(seen.Keys, InspectedKey{
			KID: k.KID(), Why: s.whyKID(v, n), Algorithm: k.Algorithm(), Active: n == signer,
			CanSign: k.CanSign(), Symmetric: k.Symmetric(), Weak: k.Weak(),
		})
	}
}

// whyKID says where the kid of the n-th key of a value comes from.
func (s *Store) whyKID(v value, n int) string {
	const probe = "keyturn-probe" // stands where the material names no kid
	parsed, err := auth.ParseKeys(v.raw(), auth.ParseOptions{KID: probe})
	if err != nil || n >= len(parsed.Keys) || parsed.Keys[n].KID() != probe || v.parsed.Keys[n].KID() == probe {
		return "named by the value"
	}
	switch {
	case s.kid.From == watcher.KIDLiteral:
		return "the literal of the configuration, since the value names none"
	case s.kid.From == watcher.KIDVersion && v.parsed.Keys[n].KID() == v.version:
		return "the version, since the value names none"
	}
	return "derived from the version, since the value names none"
}
