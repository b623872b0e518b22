package natsfeed_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	often = 20 * time.Millisecond // reads do the work
	never = time.Hour             // pushes do the work
)

func TestAFeedStartsWithTheHeadAndFollowsPushes(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	stream(t, nc)
	appendRev(t, nc, rev)
	f, h := feed(t, nc, never)
	h.untilRev(t, rev)
	synced(t, f)
	appendRev(t, nc, rev+1)
	h.untilRev(t, rev+1)
}

func TestAFeedWithoutAStreamIsSyncedAndHearsTheFirstPush(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	f, h := feed(t, nc, never)
	synced(t, f)
	stream(t, nc)
	appendRev(t, nc, rev)
	h.untilRev(t, rev)
}

func TestAFeedOfNoRingIsSynced(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	synced(t, natsfeed.New(nc, natsfeed.Config{}))
}

func TestAFeedIsNotSyncedBeforeItReadTheHead(t *testing.T) {
	s := natstest.Start(t)
	s.Stop(t)
	nc := s.Conn(t)
	f, h := feed(t, nc, never)
	h.untilLive(t, false)
	select {
	case <-f.Synced():
		t.Fatal("synced without NATS")
	default:
	}
	s.Start(t)
	synced(t, f)
}

func TestAStateThatIsNotNewerIsNotApplied(t *testing.T) {
	covers.IDs(t, "EDGE-11")
	nc := natstest.Start(t).Conn(t)
	s := stream(t, nc)
	appendRev(t, nc, rev+5)
	_, h := feed(t, nc, often)
	h.untilRev(t, rev+5)
	// The same again, an older one, one twice, garbage, another ring's, a
	// state under a false name; then a newer one, which comes last.
	appendRev(t, nc, rev+5)
	appendRev(t, nc, rev+4)
	for subject, data := range map[string][]byte{
		rotation.StateSubject(ring):     []byte("garbage"),
		rotation.StateSubject("orders"): event(t, "orders", rev+9),
	} {
		if err := nc.Publish(subject, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish(rotation.StateSubject(ring), event(t, "orders", rev+9)); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendRev(t, nc, rev+6)
	h.untilRev(t, rev+6)
	if got := len(h.states); got != 2 {
		t.Fatalf("%d states applied, want 2: %+v", got, h.states)
	}
}

func TestALostPushIsMadeGoodByTheNextRead(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	// A stream that republishes nothing loses every push.
	s := stream(t, nc)
	c := s.CachedInfo().Config
	c.RePublish = nil
	if _, err := js(t, nc).UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, h := feed(t, nc, often)
	appendRev(t, nc, rev)
	h.untilRev(t, rev)
	appendRev(t, nc, rev+1)
	h.untilRev(t, rev+1)
}

func TestAFeedHearsPushesOfARecreatedStream(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	stream(t, nc)
	for i := range int64(5) {
		appendRev(t, nc, rev+i)
	}
	_, h := feed(t, nc, never)
	h.untilRev(t, rev+4)
	if err := js(t, nc).DeleteStream(t.Context(), rotation.Stream); err != nil {
		t.Fatal(err)
	}
	stream(t, nc)
	appendRev(t, nc, rev+5) // sequence 1 again
	h.untilRev(t, rev+5)
}

func TestAReconnectReadsWhatWasAppendedMeanwhile(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	stream(t, nc)
	appendRev(t, nc, rev)
	_, h := feed(t, nc, never)
	h.untilRev(t, rev)
	gone := nc.StatusChanged(nats.RECONNECTING)
	s.Stop(t)
	<-gone
	h.untilLive(t, false)
	// The feed's connection stays away until the append is there.
	s.StartFor(t, func(other *nats.Conn) { appendRev(t, other, rev+1) })
	h.untilRev(t, rev+1)
	appendRev(t, nc, rev+2)
	h.untilRev(t, rev+2)
}

func TestRefreshReadsTheHeadNow(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	f, h := feed(t, nc, never)
	synced(t, f)
	if got, err := f.Refresh(t.Context(), ring); err != nil || !got.IsZero() {
		t.Fatalf("got %+v, %v, want nothing yet", got, err)
	}
	st := stream(t, nc)
	c := st.CachedInfo().Config
	c.RePublish = nil
	if _, err := js(t, nc).UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	appendRev(t, nc, rev)
	if got, err := f.Refresh(t.Context(), ring); err != nil || got.Rev != rev {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.untilRev(t, rev)
	if _, err := f.Refresh(t.Context(), "orders"); err == nil {
		t.Fatal("a ring of another feed was read")
	}
	gone := nc.StatusChanged(nats.RECONNECTING)
	s.Stop(t)
	<-gone
	if got, err := f.Refresh(t.Context(), ring); err == nil || got.Rev != rev {
		t.Fatalf("got %+v, %v, want the last state and an error", got, err)
	}
}

func TestLiveTellsWhetherPushesCanBeReliedUpon(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	_, h := feed(t, nc, often)
	h.untilLive(t, false) // no watcher yet

	r, err := natsfeed.OpenRows(t.Context(), nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	put := func(w rotation.WatcherRow) {
		t.Helper()
		if err := r.PutWatcher(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	blind := row("one")
	blind.LookedAt = time.Time{}
	put(blind)
	late := row("two")
	late.LookedAt = late.At.Add(-3*late.Poll - rotation.RowEvery - time.Second)
	put(late)
	skewed := row("three") // a clock that is a day behind does not matter
	skewed.At, skewed.LookedAt = skewed.At.Add(-24*time.Hour), skewed.At.Add(-24*time.Hour)
	put(skewed)
	h.untilLive(t, true)
	if err := r.DropWatcher(t.Context(), ring, "three"); err != nil {
		t.Fatal(err)
	}
	h.untilLive(t, false)
	put(row("three"))
	h.untilLive(t, true)

	gone := nc.StatusChanged(nats.RECONNECTING)
	s.Stop(t)
	<-gone
	h.untilLive(t, false)
	s.Start(t)
	// The rows were in the server's memory: somebody has to put them again.
	h.until(t, "row", func() bool { return r.PutWatcher(t.Context(), row("one")) == nil || nudged(h) })
	h.untilLive(t, true)
}

func TestAFeedThatStartsBeforeTheFirstWatcherTurnsLiveLongBeforeItsNextRead(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	_, h := feed(t, nc, time.Hour)
	h.untilLive(t, false)
	r, err := natsfeed.OpenRows(t.Context(), nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.PutWatcher(t.Context(), row("one")); err != nil {
		t.Fatal(err)
	}
	h.untilLive(t, true)
}

// nudged keeps a loop over until going.
func nudged(h *heard) bool { h.nudge(); return false }

func TestAFeedSaysThatItsConnectionWasClosed(t *testing.T) {
	nc := natstest.Start(t).Conn(t)
	f := natsfeed.New(nc, natsfeed.Config{Rings: []string{ring}})
	done := make(chan error, 1)
	go func() { done <- f.Run(t.Context()) }()
	synced(t, f)
	nc.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("got nil, want an error")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the feed still runs")
	}
	if err := natsfeed.New(nc, natsfeed.Config{Rings: []string{ring}}).Run(t.Context()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Fatalf("got %v, want ErrConnectionClosed", err)
	}
}
