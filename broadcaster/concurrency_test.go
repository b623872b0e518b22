package broadcaster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestEverythingMayHappenAtOnce(t *testing.T) {
	v := newVerifier("k1", "k2")
	c := payments(v)
	c.Beacon = time.Second
	c.Rings = append(c.Rings, Ring{Name: "public"})
	ho := open(t, c)
	rev := nowRev()
	ctx, cancel := context.WithCancel(context.Background())
	var busy, done sync.WaitGroup
	loop := func(do func(i int)) {
		busy.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				do(i)
			}
		})
	}
	loop(func(i int) {
		s := state(rev+int64(i), "k1", "k2:retiring")
		if i%7 == 0 {
			s.Keys = s.Keys[:1]
		}
		ho.Apply(s)
	})
	loop(func(i int) {
		s := state(rev+int64(i), "p1")
		s.Ring = "public"
		ho.Apply(s)
	})
	loop(func(i int) { ho.SetLive("payments", i%2 == 0) })
	loop(func(int) {
		ho.Census("payments")
		ho.Connections("public")
		ask(ho.StateHandler(), "GET", "?ring=payments", nil)
	})
	loop(func(int) {
		select {
		case <-ho.Changed():
		case <-ctx.Done():
		}
	})
	for w := range 4 {
		done.Go(func() {
			for i := range 15 {
				c := ho.connect(dialOption{query: "?ring=" + []string{"payments", "public"}[i%2]})
				c.ws.WriteMessage(1, fmt.Appendf(nil, `{"type":"auth","token":"k%d.user.600"}`, 1+i%3))
				c.ws.WriteMessage(1, []byte(`{"type":"ping"}`))
				if i%3 == w%3 {
					c.raw.Close()
				}
			}
		})
	}
	done.Wait()
	cancel()
	busy.Wait()
	ho.Drain(t.Context(), 10*time.Millisecond)
	if n := ho.connections(); n != 0 {
		t.Errorf("got %d connections after the drain, want 0", n)
	}
	for _, r := range []string{"payments", "public"} {
		if row := ho.Census(r); row.Told+row.Waiting+len(row.Keys) != 0 || ho.Connections(r) != 0 {
			t.Errorf("ring %s: got %+v after the drain", r, row)
		}
	}
	if len(ho.addresses.by) != 0 {
		t.Errorf("addresses are still counted: %v", ho.addresses.by)
	}
}

// gather returns counters and gauges: name and values of labels → value.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label { // in the order of their names
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return got
}

func TestMetricsCountWhatHappens(t *testing.T) {
	covers.IDs(t, "STAT-05")
	reg := prometheus.NewRegistry()
	c := payments(newVerifier("k1"))
	c.Registerer = reg
	ho := open(t, c)
	ho.Apply(state(nowRev(), "k1"))
	ho.connect().enter("k1.alice.600")
	bad := ho.connect()
	bad.auth("nonsense")
	bad.end(closeUnauthorized)
	ho.refusal(dialOption{header: map[string][]string{"Origin": {"null"}}})
	eventually(t, "one is left", func() bool { return ho.Connections("payments") == 1 })
	got := gather(t, reg)
	for name, want := range map[string]float64{
		"keyturn_hub_connections payments":                    1,
		"keyturn_hub_upgrades_total payments":                 2,
		"keyturn_hub_welcomes_total payments":                 1,
		"keyturn_hub_refusals_total token_malformed payments": 1,
		"keyturn_hub_closes_total unauthorized payments":      1,
		"keyturn_hub_handshakes_refused_total origin_refused": 1,
		"keyturn_hub_slow_total":                              0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s: got %v, want %v (of %v)", name, value, want, got)
		}
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "register metrics") {
		t.Errorf("a second hub on the same registry: got %v, want an error", err)
	}
}

func TestNoTokenOrSubjectIsLogged(t *testing.T) {
	covers.IDs(t, "LOG-22", "SEC-05")
	core, logs := observer.New(zap.DebugLevel)
	c := payments(newVerifier("k1"))
	c.Logger = zap.New(core)
	ho := open(t, c)
	ho.Apply(state(nowRev(), "k1"))
	for _, frame := range []string{
		`{"type":"auth","token":"k1.canary-subject.600"}`,
		`{"type":"auth","token":"canary-token"}`,
		`{"type":"auth","token":["canary-token"]}`,
		`{"type":"failed","code":"canary-code`,
		`canary-junk`,
	} {
		cl := ho.connect()
		cl.send(frame)
		cl.raw.Close()
	}
	ho.stop()
	for _, e := range logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), "canary") {
			t.Errorf("logged: %v %v", e.Message, e.ContextMap())
		}
	}
	if logs.Len() == 0 {
		t.Error("nothing was logged at all: the test sees no log")
	}
}

func TestADrawnWaitSpreadsOverTheWholeWindow(t *testing.T) {
	hub, err := New(payments(newVerifier("k1")))
	if err != nil {
		t.Fatal(err)
	}
	s := state(nowRev(), "k1")
	s.Refresh = rotation.Plan{AfterMs: 60_000, WindowMs: 100_000}
	hub.Apply(s)
	var buckets [10]int
	for range 10_000 {
		d := hub.rings["payments"].retryAfter(time.UnixMilli(s.Rev).Add(20 * time.Second))
		if d < 40*time.Second || d >= 140*time.Second {
			t.Fatalf("got %s, want 40 s to 140 s", d)
		}
		buckets[(d-40*time.Second)/(10*time.Second)]++
	}
	for i, n := range buckets {
		if n < 700 || n > 1300 {
			t.Errorf("tenth %d of the window got %d of 10000", i, n)
		}
	}
	if d := hub.rings["payments"].retryAfter(time.UnixMilli(s.Rev).Add(time.Hour)); d >= maxRetry {
		t.Errorf("an hour later: got %s, want less than %s", d, maxRetry)
	}
}

func TestAKeyThatComesBackIsAliveAgain(t *testing.T) {
	hub, err := New(payments(newVerifier("k1")))
	if err != nil {
		t.Fatal(err)
	}
	r := hub.rings["payments"]
	rev := nowRev()
	for i, c := range []struct {
		current string
		gone    []rotation.Gone
		want    fate
	}{
		{"k1", nil, fateAlive},
		{"k2", []rotation.Gone{{Key: "k1", Why: rotation.WhyRetired}}, fateRetired},
		{"k1", []rotation.Gone{{Key: "k2", Why: rotation.WhyRetired}}, fateAlive}, // rolled back
		{"k2", []rotation.Gone{{Key: "k1", Why: rotation.WhyCompromised}}, fateRevoked},
		{"k3", []rotation.Gone{{Key: "k1", Why: rotation.WhyCompromised}, {Key: "k2", Why: rotation.WhyRetired}}, fateRevoked},
	} {
		s := state(rev+int64(i), c.current)
		s.Gone = c.gone
		hub.Apply(s)
		if got := fate(r.key("k1").fate.Load()); got != c.want {
			t.Errorf("state %d: got fate %d, want %d", i, got, c.want)
		}
	}
	for i := range 100 {
		hub.Apply(state(rev+10+int64(i), fmt.Sprintf("next%d", i)))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) > 5 {
		t.Errorf("got %d keys remembered after 100 rotations", len(r.keys))
	}
}

func TestTheStandardVerifierIsAKeyring(t *testing.T) {
	var _ Verifier = (*auth.Keyring)(nil)
}
