package secretsmanager

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// recorder is a log that remembers what was appended.
type recorder struct {
	*logtest.Memory
	mu       sync.Mutex
	head     rotation.State
	seq      uint64
	rows     []string // since the last call of taken
	currents []string // versions of the current key, each change once
}

func (r *recorder) Append(ctx context.Context, ev rotation.Event, after uint64) (uint64, error) {
	seq, err := r.Memory.Append(ctx, ev, after)
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head, r.seq = ev.Data, seq
	if row := ev.Data.Cause.Change; row != "retired" {
		r.rows = append(r.rows, row)
	}
	if cur, _ := ev.Data.Current(); len(r.currents) == 0 || r.currents[len(r.currents)-1] != cur.Version {
		r.currents = append(r.currents, cur.Version)
	}
	return seq, nil
}

// Head spares decoding the same event thousands of times.
func (r *recorder) Head(context.Context, string) (rotation.State, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head, r.seq, nil
}

func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := r.rows
	r.rows = nil
	return rows
}

// rehearsal turns the key of a scene again and again, by every kind of actor,
// while a watcher looks at a service that answers badly.
type rehearsal struct {
	*scene
	log     *recorder
	watcher *watcher.Watcher
	random  *rand.Rand
	began   time.Time // on AWS's clock
	n       int       // values made
	truth   []string  // versions that were current, in order
}

func (r *rehearsal) restart() {
	r.Helper()
	r.open(Config{})
	r.store.pauses = []time.Duration{time.Microsecond, time.Microsecond, time.Microsecond}
	w, err := watcher.New(watcher.Config{
		Ring: ringName, Store: "aws", Instance: "one", Source: r.store, Log: r.log,
		Policy: rotation.Policy{TokenLifetime: time.Hour, SignerLag: time.Minute},
	})
	if err != nil {
		r.Fatal(err)
	}
	r.watcher = w
}

// fresh is a value that was never there.
func (r *rehearsal) fresh() awsfake.Value {
	r.n++
	return raw(1000 + r.n)
}

// current notes what is current now.
func (r *rehearsal) current() string {
	v := r.holder(awsfake.Current)
	if len(r.truth) == 0 || r.truth[len(r.truth)-1] != v {
		r.truth = append(r.truth, v)
	}
	return v
}

// look looks once, as a hint or a poll makes the watcher do.
func (r *rehearsal) look(confirmed string) (rotation.State, error) {
	r.log.Offset(r.at.Sub(r.began))
	if r.random.IntN(10) == 0 {
		r.Throttle(1)
	}
	by := rotation.ByPoll
	if r.random.IntN(2) == 0 {
		by = rotation.ByHint
	}
	return r.watcher.Look(r.Context(), by, confirmed)
}

// settle looks until the last change was seen, and again where hints come twice.
func (r *rehearsal) settle(confirmed string) rotation.State {
	r.Helper()
	for range 1000 {
		st, err := r.look(confirmed)
		_, shown := st.Key(r.store.last().pending())
		if err == nil && r.store.changedAt().Equal(r.at) && (shown || r.store.last().pending() == "") {
			if r.random.IntN(4) == 0 {
				continue
			}
			return st
		}
	}
	r.Fatal("a thousand looks did not see the last change")
	return rotation.State{}
}

// maybe settles, or loses the hint.
func (r *rehearsal) maybe() {
	if r.random.IntN(2) == 0 {
		r.settle("")
	} else if r.random.IntN(2) == 0 {
		_, _ = r.look("") // one look, whatever it comes to
	}
}

// turn makes one rotation in one of the ways there are, and returns the rows
// that may be in the log for it.
func (r *rehearsal) turn(way int) (rows [][]string, confirm string) {
	seen, unseen := []string{"pending", "promoted"}, []string{"replaced"}
	switch way {
	case 0: // keyturn, the AWS console's wizard, a careful script
		v := r.put(r.fresh(), awsfake.Pending)
		r.settle("")
		r.move(awsfake.Current, v)
		r.maybe()
		r.move(awsfake.Pending, "")
		return [][]string{seen}, ""
	case 1: // likewise, with nobody looking
		v := r.put(r.fresh(), awsfake.Pending)
		r.maybe()
		r.move(awsfake.Current, v)
		return [][]string{seen, unseen}, ""
	case 2: // the command line
		r.put(r.fresh())
		return [][]string{unseen}, ""
	case 3: // terraform
		r.pass(time.Second)
		r.Update(secretName, r.fresh())
		return [][]string{unseen}, ""
	case 4: // a rotation function
		if r.holder(awsfake.Pending) != "" { // left over; AWS would refuse
			r.move(awsfake.Pending, "")
		}
		r.pass(time.Second)
		r.Rotate(secretName)
		until(r.TB, "the rotation function is done", func() bool {
			return r.holder(awsfake.Pending) == "" && r.holder(awsfake.Current) != r.truth[len(r.truth)-1]
		})
		r.pass(time.Second)
		r.Tag(secretName, "rotated", "yes") // so that the last change has a time of its own
		return [][]string{seen, unseen}, ""
	case 5: // an announced key is withdrawn, and another one announced and promoted
		r.put(r.fresh(), awsfake.Pending)
		r.settle("")
		r.move(awsfake.Pending, "")
		r.settle("")
		v := r.put(r.fresh(), awsfake.Pending)
		r.settle("")
		r.move(awsfake.Current, v)
		return [][]string{append([]string{"pending", "pending_abandoned"}, seen...)}, ""
	}
	back := r.holder(awsfake.Previous) // somebody rolls back
	r.move(awsfake.Current, back)
	return [][]string{{"rolled_back"}}, back
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

func TestAThousandRotationsMakeNoFalseEvent(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			rehearse(t, seed, 250)
		})
	}
}

func rehearse(t *testing.T, seed uint64, rotations int) {
	r := &rehearsal{scene: newScene(t, raw(1)), log: &recorder{Memory: &logtest.Memory{}}, random: rand.New(rand.NewPCG(seed, 4))}
	r.began = r.at
	template := r.Template(func(awsfake.Value) awsfake.Value { return r.fresh() })
	r.Lambda(secretName, func(step, id, token string) error {
		r.pass(time.Second)
		return template(step, id, token)
	})
	r.restart()
	r.current()
	r.pass(time.Second)
	r.Tag(secretName, "began", "yes")
	r.settle("")
	equal(t, "first rows", r.log.taken(), "first_sight")
	r.Stale(0.2)
	turned := map[int]int{}
	for n := range rotations {
		way := r.random.IntN(7)
		if n == 0 {
			way = 0
		}
		turned[way]++
		allowed, confirm := r.turn(way)
		cur := r.current()
		if confirm != "" { // one look alone does not hand current back
			r.settle("")
			equal(t, "rows before a rollback is confirmed", r.log.taken())
		}
		st := r.settle(confirm)
		rows := r.log.taken()
		if !slices.ContainsFunc(allowed, func(a []string) bool { return slices.Equal(a, rows) }) {
			t.Fatalf("rotation %d, way %d: got rows %v, want one of %v; state %v", n, way, rows, allowed, liveIn(st))
		}
		if now, _ := st.Current(); now.Version != cur {
			t.Fatalf("rotation %d: current is %s, want %s", n, now.Version, cur)
		}
		for _, k := range st.Keys {
			key, err := r.store.Value(t.Context(), st, k)
			for tries := 0; err != nil && tries < 100; tries++ { // whoever needs it asks again
				key, err = r.store.Value(t.Context(), st, k)
			}
			if err != nil {
				t.Fatalf("rotation %d: value of %s: %v", n, k.Name, err)
			}
			got, _ := key.MarshalSecret()
			if want, _ := r.Value(secretName, k.Version).Reveal(); string(got) != string(want) {
				t.Fatalf("rotation %d: key %s has the value of another", n, k.Name)
			}
		}
		r.pass(time.Duration(r.random.IntN(40)) * time.Minute)
		switch r.random.IntN(12) {
		case 0:
			r.restart()
		case 1:
			r.pass(time.Second)
			r.Tag(secretName, "n", strings.Repeat("x", n%9))
			r.settle("")
		case 2:
			r.pass(time.Second)
			r.Describe(secretName, strings.Repeat("y", n%9))
			r.settle("")
		}
		equal(t, "rows of what turns no key", r.log.taken())
	}
	if !slices.Equal(r.log.currents, r.truth) {
		t.Errorf("the log names %d current keys in turn, the secret had %d", len(r.log.currents), len(r.truth))
	}
	for way := range 7 {
		if turned[way] < rotations/20 {
			t.Errorf("way %d was taken %d times only", way, turned[way])
		}
	}
	stale := 0
	for _, c := range r.Journal() {
		if c.Stale {
			stale++
		}
	}
	if stale < rotations/2 {
		t.Errorf("only %d answers were stale", stale)
	}
	if left, err := r.log.Memory.Now(t.Context()); err != nil || left.Before(time.Now()) {
		t.Errorf("the log's clock: %v, %v", left, err)
	}
}
