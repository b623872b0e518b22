package secretsmanager

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ringName   = "payments"
	secretName = "prod/jwt"
)

// scene is a fake with one secret, and a Store that watches it. Its clock
// stands still, and goes on by a second with each edit.
type scene struct {
	testing.TB
	*awsfake.Fake
	store  *Store
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
	config Config

	mu sync.Mutex
	at time.Time
}

// newScene makes the secret with that value; the zero value: without a version.
func newScene(t testing.TB, v awsfake.Value, options ...awsfake.SecretOption) *scene {
	t.Helper()
	s := &scene{TB: t, Fake: awsfake.New(t), at: time.Now().Add(-time.Hour).Truncate(time.Second)}
	s.Clock(func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.at
	})
	s.Create(secretName, v, options...)
	s.open(Config{})
	return s
}

// open opens the store anew, as a restart does. What c leaves out is filled in.
func (s *scene) open(c Config) {
	s.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs, s.reg = logs, prometheus.NewRegistry()
	c.Ring, c.Logger, c.Registerer = ringName, zap.New(core), s.reg
	if c.Client == nil {
		c.Client = s.client(awsfake.Watch, awsfake.Region)
	}
	store, err := Open(secretName, c)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.showsNothing(logs) })
	store.pauses = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	s.store, s.config = store, c
}

// showsNothing checks that no log entry holds any of the values that tests use.
func (s *scene) showsNothing(logs *observer.ObservedLogs) {
	for _, entry := range logs.All() {
		text := fmt.Sprint(entry.Message, entry.ContextMap())
		for n := range 10 {
			if strings.Contains(text, strong(n)) {
				s.Errorf("the log shows a secret: %s", entry.Message)
			}
		}
	}
}

// client asks once, so that a test sees each answer.
func (s *scene) client(role, region string) *awssm.Client {
	return awssm.NewFromConfig(s.Config(role), func(o *awssm.Options) { o.Region, o.RetryMaxAttempts = region, 1 })
}

// pass lets time go on, on AWS's clock.
func (s *scene) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

func (s *scene) put(v awsfake.Value, labels ...string) (version string) {
	s.pass(time.Second)
	return s.Put(secretName, v, labels...)
}

func (s *scene) move(label, to string) {
	s.pass(time.Second)
	s.Move(secretName, label, to)
}

func (s *scene) holder(label string) string { return s.Holder(secretName, label) }

func (s *scene) look(prev rotation.State) rotation.Snapshot {
	s.Helper()
	snap, err := s.store.Look(context.Background(), prev)
	if err != nil {
		s.Fatal(err)
	}
	return snap
}

// next looks, and lets the rules of rotation say what follows prev.
func (s *scene) next(prev rotation.State) (rotation.State, rotation.Change) {
	s.Helper()
	now := time.Now()
	if prev.Rev > 0 {
		now = time.UnixMilli(prev.Rev + 10_000)
	}
	policy := rotation.Policy{TokenLifetime: time.Hour, LastSeen: prev.Seen}
	snap := s.look(prev)
	st, change := rotation.Next(prev, snap, policy, now)
	if change.Confirm != "" {
		policy.Confirmed = change.Confirm
		st, change = rotation.Next(prev, snap, policy, now)
	}
	if change.Stale {
		s.Errorf("look %v is stale for %s", shownBy(snap), prev.Seen)
	}
	return st, change
}

// first is the state after the first look.
func (s *scene) first() rotation.State {
	s.Helper()
	st, change := s.next(rotation.State{})
	if change.Row != "first_sight" {
		s.Fatalf("first look: got %+v, want first_sight", change)
	}
	return st
}

// shownBy lists what a snapshot shows, as "version stage".
func shownBy(snap rotation.Snapshot) []string {
	var out []string
	for _, k := range snap.Keys {
		out = append(out, k.Version+" "+string(k.Stage))
	}
	return out
}

// liveIn lists the live keys of a state, as "name stage".
func liveIn(st rotation.State) []string {
	var out []string
	for _, k := range st.Keys {
		out = append(out, k.Name+" "+string(k.Stage))
	}
	return out
}

func equal(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func codesOf(alarms []rotation.Alarm) []string {
	var out []string
	for _, a := range alarms {
		out = append(out, a.Code)
	}
	return out
}

// strong returns a strong secret, the same for the same n.
func strong(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "a secret of the tests: %d", n))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// raw is a secret that is the key itself.
func raw(n int) awsfake.Value { return awsfake.String(strong(n)) }

// named is a JSON secret with a kid.
func named(kid string, n int) awsfake.Value {
	return awsfake.String(fmt.Sprintf(`{"kid":%q,"alg":"HS256","secret":%q}`, kid, strong(n)))
}

// counted returns the value of a metric: name, then label=value, in any order.
func (s *scene) counted(name string, labels ...string) (sum float64) {
	s.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.GetMetric() {
			for _, l := range labels {
				found := false
				for _, p := range m.GetLabel() {
					found = found || p.GetName()+"="+p.GetValue() == l
				}
				if !found {
					continue series
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// gets lists the reads of values since the journal was forgotten, as "version label".
func (s *scene) gets() []string {
	var out []string
	for _, c := range s.Journal() {
		if c.Op == "GetSecretValue" {
			out = append(out, strings.TrimSpace(c.Version+" "+c.Stage))
		}
	}
	return out
}

func tempFile(t testing.TB, name string) string { return filepath.Join(t.TempDir(), name) }
