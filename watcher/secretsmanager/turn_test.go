package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// The store is what a rotation writes to.
var (
	_ rollout.Store    = (*secretsmanager.Store)(nil)
	_ rollout.Replacer = (*secretsmanager.Store)(nil)
	_ rollout.Rotator  = (*secretsmanager.Store)(nil)
	_ rollout.Tidier   = (*secretsmanager.Store)(nil)
	_ rollout.Resumer  = (*secretsmanager.Store)(nil)
)

const (
	ring   = "payments"
	secret = "prod/jwt"
	first  = "q7Lr0p-Zc1yWvTn4KdBxJ9mEoGhUfAsS2iXk5Vw8_bM"
)

// site is a ring whose secret is in AWS, and a log.
type site struct {
	*testing.T
	*awsfake.Fake
	log      *logtest.Memory
	rotateBy string
	tries    int // of the SDK; 0: one, so that each answer is seen
}

func newSite(t *testing.T, value awsfake.Value) *site {
	t.Helper()
	s := &site{T: t, Fake: awsfake.New(t), log: &logtest.Memory{}}
	s.Create(secret, value)
	return s
}

// process is one daemon: a store, a watcher and what rotations need. Its calls
// and appends can be cut off.
type process struct {
	*site
	store   *secretsmanager.Store
	watcher *watcher.Watcher
	deps    rollout.Deps
	ctx     context.Context
}

// start makes a process. wire, where it is not nil, stands between it and the
// world; the process ends with its ctx.
func (s *site) start(ctx context.Context, name string, wire *wire) *process {
	s.Helper()
	c := s.Config(awsfake.Rotate)
	var log watcher.Log = s.log
	if wire != nil {
		wire.next = c.HTTPClient.(*http.Client).Transport
		c.HTTPClient = &http.Client{Transport: wire}
		log = wiredLog{s.log, wire}
	}
	client := awssm.NewFromConfig(c, func(o *awssm.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = max(1, s.tries), 20*time.Millisecond })
	})
	store, err := secretsmanager.Open(secret, secretsmanager.Config{Ring: ring, Client: client, RotateBy: s.rotateBy})
	if err != nil {
		s.Fatal(err)
	}
	w, err := watcher.New(watcher.Config{
		Ring: ring, Store: "aws", Instance: name, Source: store, Log: log, Promoter: rollout.Finisher{Store: store}, Poll: time.Second,
		Policy: rotation.Policy{TokenLifetime: time.Hour, SignerLag: 2 * time.Minute}, Eventual: true,
	})
	if err != nil {
		s.Fatal(err)
	}
	return &process{site: s, store: store, watcher: w, ctx: ctx,
		deps: rollout.Deps{Ring: ring, Store: store, Watcher: w, Verifiers: s.verifiers}}
}

// verifiers answers for one that holds what the log says.
func (s *site) verifiers(ctx context.Context) ([]rotation.VerifierRow, error) {
	st, _, err := s.log.Head(ctx, ring)
	row := rotation.VerifierRow{Ring: ring, Instance: "v", Rev: st.Rev}
	for _, k := range st.Keys {
		row.Keys = append(row.Keys, k.Name)
		if k.Stage == rotation.Current {
			row.Signs = k.Name
		}
	}
	return []rotation.VerifierRow{row}, err
}

func (p *process) look() rotation.State {
	p.Helper()
	st, err := p.watcher.Look(p.ctx, rotation.ByPoll, "")
	if err != nil {
		p.Fatal(err)
	}
	return st
}

func (p *process) rotate(r rollout.Request) (rollout.Result, error) {
	return rollout.Rotate(p.ctx, p.deps, r, nil)
}

// keep runs the watcher and the keeper of processes until done says so.
func (s *site) keep(done func() bool, processes ...*process) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for _, p := range processes {
		p.look()
		k, err := rollout.NewKeeper(rollout.KeeperConfig{Deps: p.deps})
		if err != nil {
			s.Fatal(err)
		}
		group.Go(func() { _ = p.watcher.Run(ctx) })
		group.Go(func() { _ = k.Run(ctx) })
		defer func() {
			for _, a := range k.Alarms() {
				s.Logf("alarm of the keeper: %s", a.Text)
			}
		}()
	}
	s.until(done)
}

func (s *site) until(done func() bool) {
	s.Helper()
	for end := time.Now().Add(60 * time.Second); !done(); {
		if time.Now().After(end) {
			s.Errorf("it did not come in time: labels %v, log %s", s.Labels(secret), s.rows())
			return
		}
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
	}
}

func (s *site) head() rotation.State {
	st, _, err := s.log.Head(context.Background(), ring)
	if err != nil {
		s.Error(err)
	}
	return st
}

func (s *site) rows() string {
	var out []string
	for _, ev := range s.log.Events(ring) {
		out = append(out, ev.Data.Cause.Change)
	}
	return strings.Join(out, " ")
}

// labels of a version, joined.
func (s *site) labels(version string) string { return strings.Join(s.Labels(secret)[version], " ") }

func pin(version string) string { return "keyturn-" + strings.ReplaceAll(version, "-", "")[:8] }

// wire is the network of one process, which can be cut.
type wire struct {
	next  http.RoundTripper
	kill  context.CancelFunc // called when it is cut; nil: only that one answer is lost
	at    int                // which deed; 0: none
	after bool               // the deed is done, and its answer lost
	only  string             // count these operations only; "": all, and appends to the log

	mu   sync.Mutex
	done int
}

var errCut = errors.New("the wire is cut")

// deed counts, and says what becomes of the deed.
func (w *wire) deed(op string) (do, answer bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.only != "" && !strings.HasPrefix(op, w.only) {
		return true, true
	}
	w.done++
	switch {
	case w.at == 0 || w.done < w.at, w.done > w.at && w.kill == nil:
		return true, true
	case w.done > w.at:
		return false, false
	}
	if w.kill != nil {
		defer w.kill()
	}
	return w.after, false
}

func (w *wire) reached() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at > 0 && w.done >= w.at
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	do, answer := w.deed(op)
	if !do {
		return nil, errCut
	}
	if !answer {
		r = r.WithContext(context.WithoutCancel(r.Context())) // what was sent arrives
	}
	resp, err := w.next.RoundTrip(r)
	if answer || err != nil {
		return resp, err
	}
	return nil, errors.Join(errCut, resp.Body.Close())
}

type wiredLog struct {
	watcher.Log
	wire *wire
}

func (l wiredLog) Append(ctx context.Context, ev rotation.Event, after uint64) (seq uint64, err error) {
	do, answer := l.wire.deed("Append")
	if do {
		seq, err = l.Log.Append(context.WithoutCancel(ctx), ev, after)
	}
	if !answer {
		return 0, errCut
	}
	return seq, err
}

// turned checks that exactly one turn was made, and that nothing of it is left.
func (s *site) turned(old string) {
	s.Helper()
	now := s.Holder(secret, awsfake.Current)
	if now == old || len(s.Versions(secret)) != 2 {
		s.Errorf("got current %s of versions %v, want one turn from %s", now, s.Versions(secret), old)
	}
	if got := s.labels(now); got != awsfake.Current {
		s.Errorf("the new version has labels %q", got)
	}
	if got, want := s.labels(old), "AWSPREVIOUS "+pin(old); got != want {
		s.Errorf("the old version has labels %q, want %q", got, want)
	}
	if n := strings.Count(s.rows(), "promoted"); n != 1 {
		s.Errorf("got events %s", s.rows())
	}
	st := s.head()
	if cur, _ := st.Current(); cur.Version != now || len(st.Keys) != 2 || st.Keys[1].Stage != rotation.Retiring {
		s.Errorf("got head %+v", st.Keys)
	}
}

func (s *site) isTurned(old string) func() bool {
	return func() bool {
		cur, _ := s.head().Current()
		now := s.Holder(secret, awsfake.Current)
		return now != old && cur.Version == now && s.labels(now) == awsfake.Current
	}
}

func TestATurnPinsTheOldVersionAndLeavesNothingElse(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	p := s.start(t.Context(), "one", nil)
	p.look()
	old := s.Holder(secret, awsfake.Current)
	r, err := p.rotate(rollout.Request{})
	if err != nil || !r.Turned || !r.Signs || r.Resumed {
		t.Fatalf("got %+v, %v", r, err)
	}
	s.turned(old)
	if b, binary := s.Value(secret, r.To).Reveal(); binary || len(b) != 43 {
		t.Errorf("got a value of %d bytes, binary %v", len(b), binary)
	}
}

// killed runs a rotation that is cut off at its n-th deed.
func (s *site) killed(n int, after bool, r rollout.Request) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	w := &wire{}
	p := s.start(ctx, "one", w)
	p.look()
	w.mu.Lock()
	w.at, w.after, w.done, w.kill = n, after, 0, cancel
	w.mu.Unlock()
	_, _ = p.rotate(r) // what it hears of its own end is of no interest
}

// atEachDeed runs f for each deed of a rotation, cut off before it and after
// it, and for a rotation that is not cut off.
func atEachDeed(t *testing.T, value awsfake.Value, r rollout.Request, f func(t *testing.T, s *site)) {
	t.Helper()
	s := newSite(t, value)
	w := &wire{}
	p := s.start(t.Context(), "one", w)
	p.look()
	before := w.done
	if _, err := p.rotate(r); err != nil {
		t.Fatal(err)
	}
	deeds := w.done - before
	if deeds < 8 {
		t.Fatalf("got %d deeds", deeds)
	}
	var group sync.WaitGroup
	defer group.Wait()
	few := make(chan struct{}, 8) // so many at a time: they wait for clocks more than they work
	for n := 1; n <= deeds+1; n++ {
		for _, after := range []bool{false, true} {
			few <- struct{}{}
			group.Go(func() {
				defer func() { <-few }()
				t.Run(fmt.Sprintf("deed %d, done %v", n, after), func(t *testing.T) {
					s := newSite(t, value)
					s.killed(n, after, r)
					f(t, s)
				})
			})
		}
	}
}

func TestATurnKilledAtAnyStepIsEndedOnceByTheNextStart(t *testing.T) {
	atEachDeed(t, awsfake.String(first), rollout.Request{}, func(t *testing.T, s *site) {
		old := s.Versions(secret)[0]
		// Whatever was begun, two daemons end it together.
		two, three := s.start(t.Context(), "two", nil), s.start(t.Context(), "three", nil)
		if len(s.Versions(secret)) == 1 {
			s.keep(func() bool { return !s.head().IsZero() }, two, three)
			if got := s.labels(old); got != awsfake.Current || s.rows() != "first_sight" {
				t.Errorf("nothing was begun, and there are labels %q and events %s", got, s.rows())
			}
			return
		}
		s.keep(s.isTurned(old), two, three)
		s.turned(old)
	})
}

func TestALostAnswerIsNoSecondTurn(t *testing.T) {
	for _, c := range []struct {
		name  string
		tries int     // 3: the SDK asks again by itself, and hears that the label has moved
		stale float64 // share of answers that don't show yet what was done
	}{{"asked once", 1, 0}, {"asked again by the SDK", 3, 0}, {"replicas behind", 3, 0.5}} {
		for _, op := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
			for n, reached := 1, true; reached; n++ {
				t.Run(fmt.Sprintf("%s, %s %d", c.name, op, n), func(t *testing.T) {
					s := newSite(t, awsfake.String(first))
					s.tries = c.tries
					w := &wire{}
					p := s.start(t.Context(), "one", w)
					p.look()
					w.mu.Lock()
					w.at, w.after, w.only, w.done = n, true, op, 0
					w.mu.Unlock()
					old := s.Holder(secret, awsfake.Current)
					s.Stale(c.stale)
					r, err := p.rotate(rollout.Request{})
					if err != nil || !r.Turned {
						t.Fatalf("got %+v, %v", r, err)
					}
					reached = w.reached()
					s.Stale(0)
					s.turned(old)
				})
			}
		}
	}
}

func TestTwoTurnsAtOnceAreOne(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	one, two := s.start(t.Context(), "one", nil), s.start(t.Context(), "two", nil)
	one.look()
	two.look()
	old := s.Holder(secret, awsfake.Current)
	var group sync.WaitGroup
	results := make([]rollout.Result, 2)
	for i, p := range []*process{one, two} {
		group.Go(func() { results[i], _ = p.rotate(rollout.Request{Key: old}) }) // one may hear that the other was first
	}
	group.Wait()
	if !results[0].Turned && !results[1].Turned {
		t.Fatalf("got %+v", results)
	}
	s.keep(s.isTurned(old), one)
	s.turned(old)
}

func TestALiveRotationAndAKeeperEndTheSameTurnOnce(t *testing.T) {
	s := newSite(t, awsfake.String(first))
	live := s.start(t.Context(), "live", nil)
	live.look()
	old := s.Holder(secret, awsfake.Current)
	announced := make(chan struct{})
	release := make(chan struct{})
	live.deps.Verifiers = func(ctx context.Context) ([]rotation.VerifierRow, error) {
		select {
		case <-announced:
		default:
			close(announced)
		}
		<-release
		return s.verifiers(ctx)
	}
	var group sync.WaitGroup
	group.Go(func() {
		if r, err := live.rotate(rollout.Request{}); err != nil || !r.Turned {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	<-announced // the new key is pending, and the rotation waits
	s.keep(s.isTurned(old), s.start(t.Context(), "other", nil))
	close(release)
	group.Wait()
	s.turned(old)
}

func TestACompromiseKilledAtAnyStepLeavesNoLeakedKey(t *testing.T) {
	atEachDeed(t, awsfake.String(first), rollout.Request{Compromise: true}, func(t *testing.T, s *site) {
		old := s.Versions(secret)[0]
		two := s.start(t.Context(), "two", nil)
		switch {
		case len(s.Versions(secret)) == 1:
			return
		case !strings.Contains(s.rows(), "revoke"): // nobody wrote down that it leaked: what remains is the turn that was asked for
			s.keep(s.isTurned(old), two)
			s.turned(old)
			return
		}
		s.keep(func() bool { return s.isTurned(old)() && s.labels(old) == "" && len(s.head().Revoke) == 0 }, two)
		for _, ev := range s.log.Events(ring) {
			if k, live := ev.Data.Key(old); live && k.Stage == rotation.Retiring {
				t.Error("the leaked key was retiring")
			}
		}
		st := s.head()
		if len(st.Keys) != 1 || len(st.Gone) != 1 || st.Gone[0].Why != rotation.WhyCompromised || len(s.Versions(secret)) != 2 {
			t.Errorf("got %+v, versions %v", st, s.Versions(secret))
		}
	})
}

func TestThreeTurnsWithinATokensLifeKeepAllVersions(t *testing.T) {
	s := newSite(t, awsfake.String(fmt.Sprintf(`{"kid":"a","secret":%q,"db":"x"}`, first)))
	var all []string
	for i := range 3 {
		p := s.start(t.Context(), fmt.Sprint("daemon ", i), nil) // a new one each time
		p.look()
		all = append(all, s.Holder(secret, awsfake.Current))
		if r, err := p.rotate(rollout.Request{}); err != nil || !r.Turned {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	p := s.start(t.Context(), "last", nil)
	st := p.look()
	if len(st.Keys) != 4 {
		t.Fatalf("got %+v", st.Keys)
	}
	for i, version := range all {
		if !slices.Contains(s.Labels(secret)[version], pin(version)) {
			t.Errorf("version %d is not pinned: %q", i, s.labels(version))
		}
	}
	for _, k := range st.Keys {
		if key, err := p.store.Value(t.Context(), st, k); err != nil || key.KID() != k.KID {
			t.Errorf("key %s: got %v, %v", k.Name, key, err)
		}
	}
}
