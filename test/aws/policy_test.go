package aws

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/test/harness"
)

// allowed are the actions of a role's policies, sorted.
func allowed(f *awsfake.Fake, role string) (actions []string) {
	for _, s := range f.Policies(role) {
		actions = append(actions, s.Action...)
	}
	slices.Sort(actions)
	return actions
}

// The fake refuses what the policies do not allow. So what is left to show is
// that they allow nothing that keyturn never does.
func TestThePoliciesAllowExactlyTheCallsThatKeyturnMakes(t *testing.T) {
	t.Run(awsfake.Watch, func(t *testing.T) {
		t.Parallel()
		f := awsfake.New(t)
		f.Create(secretName, awsfake.String(text(36)), awsfake.CustomerKey("k1"))
		exercise(t, f, awsfake.Watch, "")
		if got, want := f.Used(awsfake.Watch), allowed(f, awsfake.Watch); !slices.Equal(got, want) {
			t.Errorf("used    %v\nallowed %v", got, want)
		}
	})
	t.Run(awsfake.Rotate, func(t *testing.T) {
		t.Parallel()
		f := awsfake.New(t)
		f.Create(secretName, awsfake.String(text(36)), awsfake.CustomerKey("k1"))
		d := exercise(t, f, awsfake.Rotate, "")
		d.rotate()
		d.stop()
		f.Lambda(secretName, f.Template(func(awsfake.Value) awsfake.Value { return awsfake.String(text(36)) }))
		d.setup.extra = ", rotateBy: lambda"
		d.start()
		d.rotate()
		if got, want := f.Used(awsfake.Rotate), allowed(f, awsfake.Rotate); !slices.Equal(got, want) {
			t.Errorf("used    %v\nallowed %v", got, want)
		}
	})
}

// exercise makes a daemon do all that it does with a queue: receive, delete,
// hand back, and check.
func exercise(t *testing.T, f *awsfake.Fake, role, extra string) *daemon {
	t.Helper()
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true, Trail: true})
	var begun atomic.Int64
	f.Before("ReceiveMessage", func(awsfake.Call) { begun.Add(1) })
	d := run(t, f, setup{role: role, queue: q, extra: extra, poll: 2 * time.Second})
	d.becomes(f.Put(secretName, awsfake.String(text(36))))
	harness.Until(t, "the hints are deleted", func() bool { return q.Deleted() > 0 && q.Len() == 0 })
	if out, err := d.verb("check", ring); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	// A message that it could not look for is handed back at the end.
	f.Throttle(1 << 30)
	f.Put(secretName, awsfake.String(text(36)))
	last := 0
	harness.Until(t, "it holds all messages and has asked for more", func() bool {
		// The begun call beyond those that ended is the one that waits for more.
		held, waits := q.Len(), int(begun.Load()) == f.Calls("ReceiveMessage")+1
		same := held > 0 && q.InFlight() == held && waits && last == int(begun.Load())
		last = int(begun.Load())
		return same
	})
	d.stop()
	if f.Calls("ChangeMessageVisibilityBatch") == 0 {
		t.Error("nothing was handed back")
	}
	f.Throttle(0)
	d.start()
	harness.Until(t, "the hints are deleted", func() bool {
		if q.InFlight() > 0 { // a long poll that nobody waits for any more may have taken them again, at any time
			f.Advance(5 * time.Second)
		}
		return q.Len() == 0
	})
	return d
}

func TestWhoeverForgetsAStatementIsToldWhichPermissionIsMissing(t *testing.T) {
	next := func(awsfake.Value) awsfake.Value { return awsfake.String(text(36)) }
	rotate := func(d *daemon) string { out, _ := d.verb("rotate", ring); return out }
	turned := func(d *daemon) string { d.fake.Put(secretName, awsfake.String(text(36))); return "" }
	for _, c := range []struct {
		sid   string
		act   func(*daemon) string // what meets the gap, and what it prints
		says  []string             // in that, or in status or log, all of them
		extra string
	}{
		{"LookAtTheSecret", turned, []string{"secretsmanager:DescribeSecret"}, ""},
		{"ReadItsVersions", turned, []string{"secretsmanager:GetSecretValue"}, ""},
		{"DecryptWithTheCustomerKey", turned, []string{"KMS key", "kms:Decrypt"}, ""},
		{"ReceiveHints", turned, []string{"sqs:ReceiveMessage"}, ""},
		{"WriteVersions", rotate, []string{"secretsmanager:PutSecretValue"}, ""},
		{"MoveLabels", rotate, []string{"secretsmanager:UpdateSecretVersionStage"}, ""},
		{"EncryptWithTheCustomerKey", rotate, []string{"KMS key", "kms:GenerateDataKey"}, ""},
		{"AskTheRotationFunction", rotate, []string{"secretsmanager:RotateSecret"}, ", rotateBy: lambda"},
		{"InvokeTheRotationFunction", rotate, []string{"lambda:InvokeFunction"}, ", rotateBy: lambda"},
	} {
		t.Run(c.sid, func(t *testing.T) {
			t.Parallel()
			f := awsfake.New(t)
			f.Create(secretName, awsfake.String(text(36)), awsfake.CustomerKey("k1"))
			if c.extra != "" {
				f.Lambda(secretName, f.Template(next))
			}
			q := f.Queue("hints")
			f.Subscribe(q, awsfake.Rule{Native: true})
			if !slices.ContainsFunc(f.Policies(awsfake.Rotate), func(s awsfake.Statement) bool { return s.Sid == c.sid }) {
				t.Fatal("the policies have no such statement")
			}
			d := run(t, f, setup{queue: q, extra: c.extra})
			old := d.token()
			v1 := f.Holder(secretName, awsfake.Current)
			f.Without(c.sid)

			printed := c.act(d)

			harness.Until(t, "what is missing is said", func() bool {
				all := printed + d.status().raw + d.output.String()
				return !slices.ContainsFunc(c.says, func(s string) bool { return !strings.Contains(all, s) })
			})
			if printed != "" && f.Holder(secretName, awsfake.Current) != v1 {
				t.Error("the key was turned all the same")
			}
			if !d.verifies(old) {
				t.Error("a token that was good is refused")
			}
			f.Without()
			if c.sid == "ReadItsVersions" || c.sid == "DecryptWithTheCustomerKey" {
				d.stop() // a value that was refused is asked for again after some minutes, or by a new process
				d.start()
			}
			if printed == "" {
				d.becomes(f.Holder(secretName, awsfake.Current))
			} else if out, err := d.verb("rotate", ring); err != nil && f.Holder(secretName, awsfake.Current) == v1 {
				// Where the turn that failed has become current, the keeper of a daemon
				// that had just started took it for one that a crash had cut off.
				t.Fatalf("rotate: %v\n%s", err, out)
			}
			if !d.verifies(old) || !d.verifies(d.token()) {
				t.Error("a token is refused after the permission was given")
			}
		})
	}
	if f := awsfake.New(t); !t.Failed() {
		f.Create(secretName, awsfake.String("x"), awsfake.CustomerKey("k1"))
		f.Lambda(secretName, nil)
		f.Queue("q")
		if n := len(f.Policies(awsfake.Rotate)); n != 9 {
			t.Errorf("the policies have %d statements, and this test knows 9", n)
		}
	}
}
