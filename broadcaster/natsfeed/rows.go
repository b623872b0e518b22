package natsfeed

import (
	"cmp"
	"context"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Rows puts, lists and drops rows. A row lives for [rotation.RowTTL] and is
// put again by its owner every [rotation.RowEvery]. Lists are sorted by
// instance and leave out what has expired or can't be read. Its methods are
// safe for concurrent use.
type Rows struct {
	census, verifiers, watchers, issuers *bucket
}

// OpenRows makes the buckets that are missing. It waits for a NATS that is not
// there yet until ctx ends, and fails at once where waiting can't help. replicas is how many copies a
// cluster keeps of a bucket that is made here; zero: one. nc stays the caller's.
func OpenRows(ctx context.Context, nc *nats.Conn, replicas int) (*Rows, error) {
	r := &Rows{
		census:    newBucket(nc, rotation.BucketCensus, replicas),
		verifiers: newBucket(nc, rotation.BucketKeys, replicas),
		watchers:  newBucket(nc, rotation.BucketWatch, replicas),
		issuers:   newBucket(nc, rotation.BucketIssuers, replicas),
	}
	for _, b := range []*bucket{r.census, r.verifiers, r.watchers, r.issuers} {
		if err := b.await(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// PutCensus puts what one broadcaster counts.
func (r *Rows) PutCensus(ctx context.Context, row rotation.CensusRow) error {
	return r.census.put(ctx, row.Ring, row.Instance, row)
}

// PutVerifier puts what one verifier holds.
func (r *Rows) PutVerifier(ctx context.Context, row rotation.VerifierRow) error {
	return r.verifiers.put(ctx, row.Ring, row.Instance, row)
}

// PutWatcher puts how one watcher fares.
func (r *Rows) PutWatcher(ctx context.Context, row rotation.WatcherRow) error {
	return r.watchers.put(ctx, row.Ring, row.Instance, row)
}

// PutIssuer marks one live issuer.
func (r *Rows) PutIssuer(ctx context.Context, row rotation.IssuerRow) error {
	return r.issuers.put(ctx, row.Ring, row.Instance, row)
}

// Census lists the rows of a ring's broadcasters.
func (r *Rows) Census(ctx context.Context, ring string) ([]rotation.CensusRow, error) {
	return sorted(ctx, r.census, ring, func(w rotation.CensusRow) (string, string) { return w.Ring, w.Instance })
}

// Verifiers lists the rows of a ring's verifiers.
func (r *Rows) Verifiers(ctx context.Context, ring string) ([]rotation.VerifierRow, error) {
	return sorted(ctx, r.verifiers, ring, func(w rotation.VerifierRow) (string, string) { return w.Ring, w.Instance })
}

// Watchers lists the rows of a ring's watchers.
func (r *Rows) Watchers(ctx context.Context, ring string) ([]rotation.WatcherRow, error) {
	return sorted(ctx, r.watchers, ring, watcherID)
}

// Issuers lists the rows of a ring's issuers.
func (r *Rows) Issuers(ctx context.Context, ring string) ([]rotation.IssuerRow, error) {
	return sorted(ctx, r.issuers, ring, func(w rotation.IssuerRow) (string, string) { return w.Ring, w.Instance })
}

// DropCensus removes a broadcaster's row, when it stops.
func (r *Rows) DropCensus(ctx context.Context, ring, instance string) error {
	return r.census.drop(ctx, ring, instance)
}

// DropVerifier removes a verifier's row, when it stops.
func (r *Rows) DropVerifier(ctx context.Context, ring, instance string) error {
	return r.verifiers.drop(ctx, ring, instance)
}

// DropWatcher removes a watcher's row, when it stops.
func (r *Rows) DropWatcher(ctx context.Context, ring, instance string) error {
	return r.watchers.drop(ctx, ring, instance)
}

// DropIssuer removes an issuer's row, when it stops.
func (r *Rows) DropIssuer(ctx context.Context, ring, instance string) error {
	return r.issuers.drop(ctx, ring, instance)
}

func watcherID(w rotation.WatcherRow) (ring, instance string) { return w.Ring, w.Instance }

func sorted[T any](ctx context.Context, b *bucket, ring string, id func(T) (ring, instance string)) ([]T, error) {
	all, err := list(ctx, b, ring, id)
	if err != nil {
		return nil, err
	}
	rows := make([]T, 0, len(all))
	for _, e := range all {
		rows = append(rows, e.row)
	}
	slices.SortFunc(rows, func(x, y T) int {
		_, i := id(x)
		_, j := id(y)
		return cmp.Compare(i, j)
	})
	return rows, nil
}
