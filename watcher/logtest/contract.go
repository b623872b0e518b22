package logtest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Event returns a valid event of ring with one current key of that name.
func Event(ring, key string, rev int64) rotation.Event {
	at := time.UnixMilli(rev).UTC()
	return rotation.NewEvent(rotation.State{
		Ring: ring, Rev: rev, Urgency: rotation.Planned, Seen: "1",
		Keys: []rotation.Key{{
			Name: key, KID: key, Version: key, Stage: rotation.Current, Algorithm: "HS256", Since: at, Logged: at,
		}},
		Gone: []rotation.Gone{}, Revoke: []string{},
		Cause: rotation.Cause{By: rotation.ByPoll, Change: "promoted"},
	}, "file", "promoted", at)
}

// Run holds a log to the contract of watcher.Log. open returns an empty log,
// and a function that appends foreign bytes to a ring of it.
func Run(t *testing.T, open func(t *testing.T) (log watcher.Log, put func(ring string, data []byte))) {
	const rev = 1_795_304_374_000
	t.Run("a ring of which nothing is known has the zero state", func(t *testing.T) {
		log, _ := open(t)
		s, seq, err := log.Head(t.Context(), "payments")
		if err != nil || seq != 0 || !s.IsZero() {
			t.Fatalf("got %+v, %d, %v, want the zero state, 0, nil", s, seq, err)
		}
	})
	t.Run("what was appended is the head", func(t *testing.T) {
		log, _ := open(t)
		ev := Event("payments", "a", rev)
		seq := must(t, log, ev, 0)
		s, head, err := log.Head(t.Context(), "payments")
		if err != nil || head != seq {
			t.Fatalf("got sequence %d, %v, want %d", head, err, seq)
		}
		if !reflect.DeepEqual(s, ev.Data) {
			t.Fatalf("got %+v, want %+v", s, ev.Data)
		}
	})
	t.Run("an append after an older message conflicts and changes nothing", func(t *testing.T) {
		log, _ := open(t)
		first := must(t, log, Event("payments", "a", rev), 0)
		second := must(t, log, Event("payments", "b", rev+1), first)
		for _, after := range []uint64{0, first, second + 1} {
			if _, err := log.Append(t.Context(), Event("payments", "c", rev+2), after); !errors.Is(err, watcher.ErrConflict) {
				t.Fatalf("append after %d: got %v, want ErrConflict", after, err)
			}
		}
		if s, seq, _ := log.Head(t.Context(), "payments"); seq != second || s.Keys[0].Name != "b" {
			t.Fatalf("the head moved: %d %+v", seq, s)
		}
	})
	t.Run("rings do not disturb each other", func(t *testing.T) {
		log, _ := open(t)
		a := must(t, log, Event("payments", "a", rev), 0)
		must(t, log, Event("orders", "x", rev), 0)
		must(t, log, Event("payments", "b", rev+1), a)
		if s, _, _ := log.Head(t.Context(), "orders"); s.Keys[0].Name != "x" {
			t.Fatalf("got %+v, want the state of orders", s)
		}
	})
	t.Run("of several appends after the same message one wins", func(t *testing.T) {
		log, _ := open(t)
		after := must(t, log, Event("payments", "a", rev), 0)
		var wg sync.WaitGroup
		errs := make(chan error, 8) // one for each writer
		for i := range 8 {
			wg.Go(func() {
				_, err := log.Append(t.Context(), Event("payments", string(rune('b'+i)), rev+1), after)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		won := 0
		for err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, watcher.ErrConflict):
				t.Errorf("got %v, want nil or ErrConflict", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d writers won, want 1", won)
		}
	})
	t.Run("an unreadable head is named, and comes with the newest readable state", func(t *testing.T) {
		log, put := open(t)
		first := must(t, log, Event("payments", "a", rev), 0)
		must(t, log, Event("orders", "x", rev), 0)
		put("payments", []byte("not a state"))
		put("payments", nil)
		s, seq, err := log.Head(t.Context(), "payments")
		if !errors.Is(err, watcher.ErrUnreadable) || seq <= first || s.Rev != rev {
			t.Fatalf("got rev %d, sequence %d, %v, want rev %d, a sequence above %d, ErrUnreadable", s.Rev, seq, err, int64(rev), first)
		}
		must(t, log, Event("payments", "b", rev+1), seq)
	})
	t.Run("an unreadable head alone has the zero state and its sequence", func(t *testing.T) {
		log, put := open(t)
		put("payments", []byte(`{"data":{}}`))
		s, seq, err := log.Head(t.Context(), "payments")
		if !errors.Is(err, watcher.ErrUnreadable) || seq == 0 || !s.IsZero() {
			t.Fatalf("got %+v, %d, %v, want the zero state, a sequence, ErrUnreadable", s, seq, err)
		}
		must(t, log, Event("payments", "a", rev), seq)
	})
	t.Run("a ring with a bad name is refused", func(t *testing.T) {
		log, _ := open(t)
		for _, ring := range []string{"", "*", "a.b", "A", ">"} {
			if _, err := log.Append(t.Context(), Event(ring, "a", rev), 0); err == nil {
				t.Errorf("ring %q was taken", ring)
			}
		}
	})
	t.Run("the clock goes forward", func(t *testing.T) {
		log, _ := open(t)
		a, err := log.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := log.Now(t.Context())
		if err != nil || b.Before(a) || a.IsZero() {
			t.Fatalf("got %s after %s, %v", b, a, err)
		}
	})
}

func must(t *testing.T, log watcher.Log, ev rotation.Event, after uint64) uint64 {
	t.Helper()
	seq, err := log.Append(t.Context(), ev, after)
	if err != nil {
		t.Fatalf("append after %d: %v", after, err)
	}
	return seq
}
