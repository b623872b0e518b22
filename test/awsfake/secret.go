package awsfake

import (
	"maps"
	"slices"
	"time"
)

// The labels that Secrets Manager gives a meaning to.
const (
	Current  = "AWSCURRENT"
	Pending  = "AWSPENDING"
	Previous = "AWSPREVIOUS"
)

// Quotas of Secrets Manager (user guide, "reference_limits").
const (
	maxValueBytes  = 65_536
	maxLabels      = 20  // over all versions of a secret, and in one request
	maxVersions    = 100 // beyond it label-less versions older than a day are purged
	keptFor        = 24 * time.Hour
	minTokenLength = 32
	maxTokenLength = 64
)

// secret is one secret as its Region stores it. Guarded by [Fake.mu]; what
// history holds is never changed again.
type secret struct {
	arn, name, description string
	kmsKey                 string
	versions               []*version // oldest first
	created, changed       time.Time
	accessed               time.Time // day resolution
	deleted                time.Time // the end of the recovery window; zero: not scheduled
	lastRotated            time.Time
	rotation               *rotationConfig
	owningService          string
	replicas               []string // Regions
	tags                   map[string]string

	history []snapshot // older states, oldest first, for reads that lag
}

type rotationConfig struct {
	enabled bool
	lambda  string
	days    int64
}

type version struct {
	id      string
	value   Value // none: announced by RotateSecret, not yet put
	labels  []string
	created time.Time
}

// sorted are the labels in the order in which answers list them.
func (v *version) sorted() []string { return slices.Sorted(slices.Values(v.labels)) }

// snapshot is a secret as it was until a moment.
type snapshot struct {
	until time.Time
	state *secret
}

func (s *secret) clone() *secret {
	c := *s
	c.history = nil
	c.versions = make([]*version, len(s.versions))
	for i, v := range s.versions {
		copied := *v
		copied.labels = slices.Clone(v.labels)
		c.versions[i] = &copied
	}
	if s.rotation != nil {
		r := *s.rotation
		c.rotation = &r
	}
	c.replicas = slices.Clone(s.replicas)
	c.tags = maps.Clone(s.tags)
	return &c
}

func (s *secret) version(id string) *version {
	for _, v := range s.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// holder is the version that carries a label; nil: none does.
func (s *secret) holder(label string) *version {
	for _, v := range s.versions {
		if slices.Contains(v.labels, label) {
			return v
		}
	}
	return nil
}

// drop takes a label off whoever holds it.
func (s *secret) drop(label string) {
	if v := s.holder(label); v != nil {
		v.labels = slices.DeleteFunc(v.labels, func(l string) bool { return l == label })
	}
}

// move puts a label on a version, and AWSPREVIOUS on the one that AWSCURRENT
// left. It reports whether the label was not there before.
func (s *secret) move(label string, to *version) bool {
	from := s.holder(label)
	if from == to {
		return false
	}
	s.drop(label)
	to.labels = append(to.labels, label)
	if label == Current && from != nil {
		s.move(Previous, from)
	}
	return true
}

// labels counts the labels over all versions.
func (s *secret) labels() int {
	n := 0
	for _, v := range s.versions {
		n += len(v.labels)
	}
	return n
}

// purge removes the oldest label-less versions beyond the quota that are older
// than a day, and returns their ids.
func (s *secret) purge(now time.Time) (gone []string) {
	s.versions = slices.DeleteFunc(s.versions, func(v *version) bool {
		if len(s.versions)-len(gone) <= maxVersions || len(v.labels) > 0 || now.Sub(v.created) < keptFor {
			return false
		}
		gone = append(gone, v.id)
		return true
	})
	return gone
}
