package natsfeed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func rows(t *testing.T, nc *nats.Conn) *natsfeed.Rows {
	t.Helper()
	r, err := natsfeed.OpenRows(t.Context(), nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func same[T any](t *testing.T, what string, got []T, err error, want ...T) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
		t.Fatalf("%s: %s", what, diff)
	}
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestEachKindOfRowIsPutListedAndDropped(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	r, ctx := rows(t, nc), t.Context()
	at := time.Now().UTC().Round(0)
	c := rotation.CensusRow{Ring: ring, Instance: "host-1.example.com", At: at, Rev: rev, Told: 3, Keys: map[string]int{"a": 2}}
	v := rotation.VerifierRow{Ring: ring, Instance: "host-1.example.com", At: at, Rev: rev, Keys: []string{"a"}, Signs: "a"}
	w := rotation.WatcherRow{Ring: ring, Instance: "host-1.example.com", At: at, Store: "file", LookedAt: at, Poll: time.Minute}
	i := rotation.IssuerRow{Ring: ring, Instance: "host-1.example.com", At: at}
	ok(t, r.PutCensus(ctx, c), r.PutVerifier(ctx, v), r.PutWatcher(ctx, w), r.PutIssuer(ctx, i))

	cs, err := r.Census(ctx, ring)
	same(t, "census", cs, err, c)
	vs, err := r.Verifiers(ctx, ring)
	same(t, "verifiers", vs, err, v)
	ws, err := r.Watchers(ctx, ring)
	same(t, "watchers", ws, err, w)
	is, err := r.Issuers(ctx, ring)
	same(t, "issuers", is, err, i)

	ok(t, r.DropCensus(ctx, ring, c.Instance), r.DropVerifier(ctx, ring, v.Instance),
		r.DropWatcher(ctx, ring, w.Instance), r.DropIssuer(ctx, ring, i.Instance))
	cs, err = r.Census(ctx, ring)
	same(t, "census", cs, err)
	vs, err = r.Verifiers(ctx, ring)
	same(t, "verifiers", vs, err)
	ws, err = r.Watchers(ctx, ring)
	same(t, "watchers", ws, err)
	is, err = r.Issuers(ctx, ring)
	same(t, "issuers", is, err)
	ok(t, r.DropIssuer(ctx, ring, "nobody"))
}

func TestRowsAreThoseOfOneRingSortedByInstance(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	r, ctx := rows(t, nc), t.Context()
	var want []string
	for n := range 100 {
		instance := fmt.Sprintf("host-%03d", (n*37)%100)
		want = append(want, instance)
		ok(t, r.PutIssuer(ctx, rotation.IssuerRow{Ring: ring, Instance: instance}))
	}
	slices.Sort(want)
	ok(t, r.PutIssuer(ctx, rotation.IssuerRow{Ring: "orders", Instance: "x"}), r.PutIssuer(ctx, rotation.IssuerRow{Ring: "pay", Instance: "x"}))
	all, err := r.Issuers(ctx, ring)
	ok(t, err)
	var got []string
	for _, row := range all {
		got = append(got, row.Instance)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if none, err := r.Issuers(ctx, "nothing"); err != nil || len(none) != 0 {
		t.Fatalf("got %v, %v", none, err)
	}
}

func TestTheLastPutOfARowCounts(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	r, ctx := rows(t, nc), t.Context()
	for n := range int64(3) {
		ok(t, r.PutVerifier(ctx, rotation.VerifierRow{Ring: ring, Instance: "x", Rev: n}))
	}
	all, err := r.Verifiers(ctx, ring)
	if err != nil || len(all) != 1 || all[0].Rev != 2 {
		t.Fatalf("got %+v, %v", all, err)
	}
}

func TestRowsThatCannotBeReadAreLeftOut(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	r, ctx := rows(t, nc), t.Context()
	ok(t, r.PutIssuer(ctx, rotation.IssuerRow{Ring: ring, Instance: "good"}))
	kv, err := js(t, nc).KeyValue(ctx, rotation.BucketIssuers)
	ok(t, err)
	for key, value := range map[string]string{
		ring + ".garbage":    "{",
		ring + ".empty":      "",
		ring + ".other":      `{"ring":"payments","instance":"somebody"}`,
		ring + ".otherring":  `{"ring":"orders","instance":"otherring"}`,
		ring + ".good.extra": `{"ring":"payments","instance":"good"}`,
	} {
		_, err := kv.Put(ctx, key, []byte(value))
		ok(t, err)
	}
	all, err := r.Issuers(ctx, ring)
	same(t, "issuers", all, err, rotation.IssuerRow{Ring: ring, Instance: "good"})
}

func TestARowThatIsTooLargeIsRefused(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	err := rows(t, nc).PutVerifier(t.Context(), rotation.VerifierRow{Ring: ring, Instance: "x", Error: strings.Repeat("x", 65<<10)})
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Fatalf("got %v", err)
	}
}

func TestBucketsForgetRowsAfterThirtySecondsWhateverTheyWereMadeWith(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	if _, err := js(t, nc).CreateKeyValue(t.Context(), jetstream.KeyValueConfig{
		Bucket: rotation.BucketWatch, TTL: time.Hour, Storage: jetstream.MemoryStorage,
	}); err != nil {
		t.Fatal(err)
	}
	rows(t, nc)
	for _, bucket := range []string{rotation.BucketCensus, rotation.BucketKeys, rotation.BucketWatch, rotation.BucketIssuers} {
		s, err := js(t, nc).Stream(t.Context(), "KV_"+bucket)
		ok(t, err)
		if got := s.CachedInfo().Config.MaxAge; got != rotation.RowTTL {
			t.Errorf("%s: rows live for %s, want %s", bucket, got, rotation.RowTTL)
		}
	}
}

func TestAWipedBucketIsMadeAgain(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	r, ctx := rows(t, nc), t.Context()
	ok(t, r.PutIssuer(ctx, rotation.IssuerRow{Ring: ring, Instance: "x"}))
	_, err := r.Issuers(ctx, ring)
	ok(t, err, js(t, nc).DeleteKeyValue(ctx, rotation.BucketIssuers))
	if all, err := r.Issuers(ctx, ring); err != nil || len(all) != 0 {
		t.Fatalf("got %v, %v, want nothing", all, err)
	}
	ok(t, r.PutIssuer(ctx, rotation.IssuerRow{Ring: ring, Instance: "y"}))
	all, err := r.Issuers(ctx, ring)
	same(t, "issuers", all, err, rotation.IssuerRow{Ring: ring, Instance: "y"})
}

func TestOpenRowsWaitsForAServerUntilItsContextEnds(t *testing.T) {
	s := natstest.Start(t)
	s.Stop(t)
	nc := s.Conn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := natsfeed.OpenRows(ctx, nc, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the context's end", err)
	}
	done := make(chan error, 1)
	go func() { _, err := natsfeed.OpenRows(t.Context(), nc, 0); done <- err }()
	s.Start(t)
	ok(t, <-done)
}

func TestOpenRowsSaysAtOnceWhatWaitingCannotMend(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	if _, err := natsfeed.OpenRows(t.Context(), nc, 3); err == nil || !strings.Contains(err.Error(), "replicas") {
		t.Fatalf("got %v, want a word on replicas", err)
	}
}
