package secretsmanager

import (
	"slices"
	"strings"
	"time"
)

// expectFor is how long a version that a hint told of may stay unseen before a
// look without it is believed: the service is eventually consistent, and a hint
// may be false.
const expectFor = 30 * time.Second

// Hints implements [watcher.Hints]. A [Queue] fills the channel; without one
// nobody does.
func (s *Store) Hints() <-chan struct{} { return s.hints }

// Looked implements [watcher.Acknowledger]: what the queue holds for this
// secret since before then is deleted.
func (s *Store) Looked(began time.Time) {
	if q := s.queue.Load(); q != nil {
		q.looked(s, began)
	}
}

// Healthy implements [watcher.Health]. A store without a queue is healthy: it
// was never to be told of anything.
func (s *Store) Healthy() bool {
	q := s.queue.Load()
	return q == nil || q.Healthy()
}

// told takes a hint: the next look expects the version that the hint tells of,
// if it can be news.
func (s *Store) told(h hint) {
	// A hint has whole seconds: one from the second of the last known change may
	// be of before it, and its version gone since. The next looks will show it.
	if changed := s.changedAt(); h.version != "" && !changed.IsZero() && h.at.After(changed) {
		s.expect(h.version, "", time.Now().Add(expectFor))
	}
	nudge(s.hints)
}

// How well a name fits a secret; the best fit of a message counts.
const (
	fitsNot     = iota
	fitsPartly  // the ARN's name is the same: a partial ARN, or a secret made anew under the name
	fitsByName  // a name, and it is the same; account and Region are not known
	fitsExactly // the ARN is the same
)

// fit says how well the best of ids names a secret. id is how the configuration
// names it, arn its ARN where that is known already. In doubt it fits: a look
// in vain costs one call.
func fit(ids []string, id, arn string) int {
	best := fitsNot
	for _, given := range ids {
		switch {
		case isARN(given) && (given == arn || given == id):
			return fitsExactly
		case !sameName(given, id):
		case !isARN(given):
			best = max(best, fitsByName)
		case !isARN(id) || realm(given) == realm(id):
			best = max(best, fitsPartly)
		}
	}
	return best
}

// isARN tells an ARN, whole or partial, from a name: AWS allows no colon in a name.
func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// cutARN parts an ARN into what stands before and after "secret:". A name has no realm.
func cutARN(id string) (realm, name string) {
	parts := strings.SplitN(id, ":", 7)
	if !isARN(id) || len(parts) < 7 {
		return "", id
	}
	return strings.Join(parts[:6], ":"), parts[6]
}

// realm is partition, Region and account of an ARN.
func realm(id string) string {
	r, _ := cutARN(id)
	return r
}

// sameName says whether two names, ARNs or partial ARNs can be of secrets of
// one name. Whether an ARN is partial can't be seen, so both readings count.
func sameName(a, b string) bool {
	for _, x := range names(a) {
		if slices.Contains(names(b), x) {
			return true
		}
	}
	return false
}

func names(id string) []string {
	_, name := cutARN(id)
	if !isARN(id) {
		return []string{name}
	}
	return []string{name, withoutSuffix(name)}
}

// withoutSuffix cuts off the hyphen and the six characters that end the ARN of
// a secret; a text that does not end like that stays.
func withoutSuffix(text string) string {
	cut := len(text) - 7
	if cut <= 0 || text[cut] != '-' || strings.ContainsAny(text[cut+1:], "/+=.@_-:") {
		return text
	}
	return text[:cut]
}
