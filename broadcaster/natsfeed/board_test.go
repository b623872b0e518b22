package natsfeed

import (
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// told returns what the board says of the one ring; same means no news.
func told(b *board) string {
	_, lives := b.news()
	switch {
	case len(lives) == 0:
		return "same"
	case lives[0].live:
		return "live"
	}
	return "not live"
}

func TestWhatWasReadOverAnEarlierConnectionProvesNothing(t *testing.T) {
	now := time.Now()
	b := newBoard([]string{"payments"})
	step := func(what string, want string) {
		t.Helper()
		if got := told(b); got != want {
			t.Fatalf("%s: got %s, want %s", what, got, want)
		}
	}
	step("at the start", "not live")
	b.connected(true)
	step("connected, nothing read", "same")
	first := b.connection()
	b.watched("payments", first, true, now)
	step("a watcher was seen", "live")
	b.connected(true)
	step("connected all the time", "same")
	b.connected(false)
	step("disconnected", "not live")
	b.watched("payments", first, true, now)
	step("a read that began before the outage", "same")
	b.connected(true)
	b.watched("payments", first, true, now)
	step("and ended after it", "same")
	b.watched("payments", b.connection(), true, now)
	step("a read of now", "live")
}

func TestAReadThatFailsCountsOnlyWhenRowsWouldHaveExpired(t *testing.T) {
	now := time.Now()
	b := newBoard([]string{"payments"})
	b.connected(true)
	b.watched("payments", b.connection(), true, now)
	if got := told(b); got != "live" {
		t.Fatalf("got %s", got)
	}
	b.blind("payments", b.connection(), now.Add(rotation.RowTTL))
	if got := told(b); got != "same" {
		t.Fatalf("after %s: got %s", rotation.RowTTL, got)
	}
	b.blind("payments", b.connection(), now.Add(rotation.RowTTL+1))
	if got := told(b); got != "not live" {
		t.Fatalf("after more: got %s", got)
	}
}

func TestASlowReaderGetsTheNewestStateOnly(t *testing.T) {
	b := newBoard([]string{"payments"})
	for rev := int64(1); rev <= 100; rev++ {
		b.offer(rotation.State{Ring: "payments", Rev: rev})
	}
	b.offer(rotation.State{Ring: "orders", Rev: 1000})
	if states, _ := b.news(); len(states) != 1 || states[0].Rev != 100 {
		t.Fatalf("got %+v", states)
	}
	if states, _ := b.news(); len(states) != 0 {
		t.Fatalf("got %+v again", states)
	}
}

// Property: a row is taken only under the key of its own ring and instance, and
// no bytes make the decoder panic.
func FuzzRowsStandUnderTheirOwnName(f *testing.F) {
	f.Add([]byte(`{"ring":"payments","instance":"one","pollNs":1}`), "payments.one")
	f.Add([]byte(`{"ring":"payments","instance":"a.b c"}`), rotation.RowKey("payments", "a.b c"))
	f.Add([]byte(`{"at":"0000-01-01T00:00:00Z","lookedAt":"9999-12-31T23:59:59Z","pollNs":-1}`), ".")
	f.Add([]byte(`[]`), "")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		row, ok := decodeRow(data, key, watcherID)
		if ok && rotation.RowKey(row.Ring, row.Instance) != key {
			t.Fatalf("row of %s/%s taken under %q", row.Ring, row.Instance, key)
		}
		looks(entry[rotation.WatcherRow]{row: row})
	})
}

// Property: what is taken as a state of a ring is well-formed and of that ring.
func FuzzStatesAreOfTheirRing(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"payments/1","source":"/keyturn/file/payments","type":"dev.keyturn.ring.promoted","subject":"payments","data":{"ring":"payments","rev":1}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode("payments", data)
		if err != nil {
			return
		}
		if s.Ring != "payments" || rotation.Check(s) != nil {
			t.Fatalf("taken: %+v: %v", s, rotation.Check(s))
		}
	})
}
