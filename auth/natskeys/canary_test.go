package natskeys_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/covers"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// flock is verifiers of one ring on one server, each with its own store.
type flock struct {
	t   *testing.T
	ctx context.Context
	nc  *natstest.Server
}

func newFlock(t *testing.T) *flock {
	t.Helper()
	server := natstest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	conn := server.Conn(t)
	log, err := natslog.Open(ctx, conn, natslog.Config{})
	must(t, err)
	_, err = natsfeed.OpenRows(ctx, conn, 1)
	must(t, err)
	state := rotation.State{Ring: "payments", Rev: time.Now().UnixMilli(), Urgency: rotation.Planned, Seen: "1",
		Keys:  []rotation.Key{{Name: "a", KID: "kid-a", Version: "a", Stage: rotation.Current, Algorithm: auth.HS256, Since: time.Now().UTC()}},
		Cause: rotation.Cause{By: rotation.ByPoll, Change: "recorded"}}
	_, err = log.Append(ctx, rotation.NewEvent(state, "file", "recorded", time.Now()), 0)
	must(t, err)
	return &flock{t: t, ctx: ctx, nc: server}
}

// verifier runs one more, until the test ends, and waits until it answers.
func (f *flock) verifier(instance string, secret auth.Key) *natskeys.Source {
	f.t.Helper()
	s, err := natskeys.New(f.ctx, natskeys.Config{
		Ring: "payments", Instance: instance, Conn: f.nc.Conn(f.t), Store: vault{"a": secret}, Signs: true,
		Keyring: auth.Config{Issuer: "https://issuer.test", Audience: "api", Skew: 30 * time.Second},
	})
	must(f.t, err)
	ctx, stop := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			f.t.Errorf("got error %v from Run, want none", err)
		}
	})
	eventually(f.ctx, f.t, instance+" answers", func() bool {
		verdicts, err := s.Agreement(f.ctx, []string{instance})
		return err == nil && len(verdicts) > 0 && verdicts[0].Code != natskeys.CodeSilent
	})
	return s
}

func TestACanaryTellsWhoHoldsOtherMaterialThanTheSigner(t *testing.T) {
	covers.IDs(t, "CFG-09")
	f := newFlock(t)
	right, err := auth.Generate("kid-a", auth.HS256)
	must(t, err)
	wrong, err := auth.Generate("kid-a", auth.HS256)
	must(t, err)
	signer := f.verifier("signer", right)
	f.verifier("same", right)
	f.verifier("other", wrong)

	// An answer has a second, which a slow machine may miss. Whoever runs answers sooner or later.
	running := []string{"other", "same", "signer"}
	var got []natskeys.Verdict
	eventually(f.ctx, t, "all that run answer in one second", func() bool {
		got, err = signer.Agreement(f.ctx, append(running, "stopped"))
		return err == nil && !slices.ContainsFunc(got, func(v natskeys.Verdict) bool {
			return v.Code == natskeys.CodeSilent && slices.Contains(running, v.Instance)
		})
	})
	want := []natskeys.Verdict{
		{Instance: "other", Code: auth.CodeSignatureInvalid},
		{Instance: "same", Verifies: true},
		{Instance: "signer", Verifies: true},
		{Instance: "stopped", Code: natskeys.CodeSilent},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

// What travels as a canary must be worth nothing to whoever picks it up.
func TestACanaryIsNoToken(t *testing.T) {
	f := newFlock(t)
	key, err := auth.Generate("kid-a", auth.HS256)
	must(t, err)
	signer := f.verifier("signer", key)
	conn := f.nc.Conn(t)
	heard, err := conn.SubscribeSync(rotation.CanarySubject("payments"))
	must(t, err)
	must(t, conn.Flush())
	_, err = signer.Agreement(f.ctx, []string{"signer"})
	must(t, err)
	m, err := heard.NextMsgWithContext(f.ctx)
	must(t, err)
	for name, grace := range map[string]time.Duration{"to a service": 0, "as a stale token": time.Minute, "after a day": 24 * time.Hour} {
		token, err := signer.Keyring().VerifyStale(f.ctx, string(m.Data), grace)
		if refused, ok := err.(*auth.Error); !ok || refused.Code != auth.CodeTokenExpired {
			t.Errorf("%s: got %v, %v, want %s", name, token, err, auth.CodeTokenExpired)
		}
	}
}
