package secretsmanager

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Staging labels of AWS.
const (
	labelCurrent  = "AWSCURRENT"
	labelPending  = "AWSPENDING"
	labelPrevious = "AWSPREVIOUS"
)

// Labels of keyturn.
const (
	labelTurn = "keyturn-turn" // on the pending version while a turn that a person asked for is under way
	pinPrefix = "keyturn-"     // + the first 8 hex digits of the version: keeps AWS from purging a retiring version
)

// pinOf returns the label that pins the version: keyturn-<first 8 hex digits of
// its id>, in lower case; an id with fewer of them gives all it has.
func pinOf(version string) string {
	digits := make([]byte, 0, 8)
	for _, c := range []byte(strings.ToLower(version)) {
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'f' {
			if digits = append(digits, c); len(digits) == 8 {
				break
			}
		}
	}
	return pinPrefix + string(digits)
}

// view is one answer of DescribeSecret, normalised.
type view struct {
	arn, name string
	created   time.Time
	changed   time.Time // to the millisecond; zero: the service does not say
	deleted   time.Time // AWS's DeletedDate; zero: it is not marked for deletion
	// labels: version → its labels, sorted and each once. Versions without any
	// label are not there; AWS does not list them either.
	labels        map[string][]string
	rotates       bool   // automatic rotation is on
	lambda        string // ARN of the rotation function
	kmsKey        string // id or ARN of the customer's key; empty: AWS's own
	primaryRegion string // empty: the secret has no replicas, and this is none
	owner         string // the AWS service that manages the secret; empty: none
}

// newView normalises an answer: labels come once, versions without any are dropped.
func newView(d *awssm.DescribeSecretOutput) view {
	v := view{
		arn: aws.ToString(d.ARN), name: aws.ToString(d.Name),
		created: millis(d.CreatedDate), changed: millis(d.LastChangedDate), deleted: millis(d.DeletedDate),
		labels: make(map[string][]string, len(d.VersionIdsToStages)), rotates: aws.ToBool(d.RotationEnabled), lambda: aws.ToString(d.RotationLambdaARN),
		kmsKey: aws.ToString(d.KmsKeyId), primaryRegion: aws.ToString(d.PrimaryRegion), owner: aws.ToString(d.OwningService),
	}
	for version, labels := range d.VersionIdsToStages {
		labels = slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == "" })
		slices.Sort(labels)
		if labels = slices.Compact(labels); version != "" && len(labels) > 0 {
			v.labels[version] = labels
		}
	}
	return v
}

// millis is a time to the millisecond in UTC, which is all that AWS tells.
func millis(t *time.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// markerLayout has a fixed width, so that markers order bytewise.
const markerLayout = "2006-01-02T15:04:05.000Z"

// marker is the change marker of a snapshot: the time of the last change, or
// nothing where the service does not say.
func (v view) marker() string {
	if v.changed.IsZero() {
		return ""
	}
	return v.changed.Format(markerLayout)
}

// markerTime reads a marker; zero: it is none of this package.
func markerTime(marker string) time.Time {
	t, err := time.Parse(markerLayout, marker)
	if err != nil {
		return time.Time{}
	}
	return t
}

// holders returns the versions that carry the label, sorted. AWS lets only one.
func (v view) holders(label string) []string {
	var held []string
	for version, labels := range v.labels {
		if slices.Contains(labels, label) {
			held = append(held, version)
		}
	}
	slices.Sort(held)
	return held
}

// holder returns the version that carries the label; empty: none.
func (v view) holder(label string) string {
	if held := v.holders(label); len(held) > 0 {
		return held[0]
	}
	return ""
}

// has reports whether the version carries the label.
func (v view) has(version, label string) bool { return slices.Contains(v.labels[version], label) }

// current returns the version that signs; empty: none.
func (v view) current() string { return v.holder(labelCurrent) }

// pending returns the version that is to sign next; empty: none. AWSPENDING on
// the current version is what a finished rotation left, and on the previous one
// what a rotation left that another has overtaken.
func (v view) pending() string {
	version := v.holder(labelPending)
	if v.has(version, labelCurrent) || v.has(version, labelPrevious) {
		return ""
	}
	return version
}

// previous returns the version that signed before; empty: none.
func (v view) previous() string {
	version := v.holder(labelPrevious)
	if v.has(version, labelCurrent) {
		return ""
	}
	return version
}

// pinned returns the versions that carry their own pin, sorted.
func (v view) pinned() []string {
	var held []string
	for version := range v.labels {
		if v.has(version, pinOf(version)) {
			held = append(held, version)
		}
	}
	slices.Sort(held)
	return held
}

// label returns a label of the version, to be sent with its id so that AWS
// says whether it moved meanwhile; empty: it has none.
func (v view) label(version string) string {
	labels := v.labels[version]
	for _, l := range []string{labelCurrent, labelPending, labelPrevious} {
		if slices.Contains(labels, l) {
			return l
		}
	}
	if len(labels) > 0 {
		return labels[0]
	}
	return ""
}

// versions returns all labelled versions: current, pending, previous, then the others by id.
func (v view) versions() []string {
	rank := func(version string) int {
		return slices.Index([]string{v.previous(), v.pending(), v.current()}, version)
	}
	return slices.SortedFunc(maps.Keys(v.labels), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a, b))
	})
}

// labelCount is how many labels are on versions; AWS allows 20.
func (v view) labelCount() int {
	n := 0
	for _, labels := range v.labels {
		n += len(labels)
	}
	return n
}
