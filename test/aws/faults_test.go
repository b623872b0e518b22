package aws

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/test/harness"
)

// Reads that lag, hints that are doubled, late, out of order or lost, and a
// throttled call now and then: the client gets each state once, and no other.
func TestTroublesAddNoStateAndLoseNone(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true, Trail: true, Failed: true, Duplicate: 0.5, Lose: 0.3, Spread: 300 * time.Millisecond})
	d := run(t, f, setup{role: awsfake.Watch, queue: q, poll: 500 * time.Millisecond})
	l := d.listen(d.token())
	d.hears(l, f.Holder(secretName, awsfake.Current))
	before := l.revs()
	f.Stale(0.2)
	const turns = 15
	for i := range turns {
		if i%5 == 4 {
			f.Throttle(1)
		}
		f.Tag(secretName, "n", fmt.Sprint(i)) // a change that is no rotation
		d.hears(l, f.Put(secretName, awsfake.String(text(36))))
	}
	f.Stale(0)
	harness.Until(t, "the hints are deleted", func() bool { return q.Len() == 0 })
	if got := l.revs() - before; got != turns {
		t.Errorf("the client got %d states for %d rotations", got, turns)
	}
	if l.closed() != nil {
		t.Errorf("the client was disconnected: %v", l.closed())
	}
}

func TestEachFaultOfAWSIsWeathered(t *testing.T) {
	for _, c := range []struct {
		name    string
		on, off func(*awsfake.Fake)
		told    func(seen) bool // what status shows meanwhile; nil: nothing
	}{
		{"an endpoint that answers 403 with XML",
			func(f *awsfake.Fake) { f.XML403(true) }, func(f *awsfake.Fake) { f.XML403(false) },
			func(s seen) bool { return s.Error != "" }},
		{"throttling without end",
			func(f *awsfake.Fake) { f.Throttle(1 << 30) }, func(f *awsfake.Fake) { f.Throttle(0) },
			func(s seen) bool { return s.Error != "" }},
		{"errors of the service",
			func(f *awsfake.Fake) { f.Fail("", 1<<30, "InternalServiceError", "oops") }, func(f *awsfake.Fake) { f.Forgive() },
			func(s seen) bool { return s.Error != "" }},
		{"two versions that hold AWSCURRENT",
			func(f *awsfake.Fake) { f.Put(secretName, awsfake.String(text(36))); f.TwoCurrent(secretName, true) }, func(f *awsfake.Fake) { f.TwoCurrent(secretName, false) },
			func(s seen) bool { return s.Error != "" || len(s.Alarms) > 0 }},
		{"reads of nothing but older states",
			func(f *awsfake.Fake) { f.Stale(1) }, func(f *awsfake.Fake) { f.Stale(0) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := awsfake.New(t)
			f.Create(secretName, awsfake.String(text(36)))
			f.Put(secretName, awsfake.String(text(36)))
			d := run(t, f, setup{role: awsfake.Watch})
			v1, old := f.Holder(secretName, awsfake.Current), d.token()
			d.becomes(v1)
			c.on(f)
			if c.told != nil {
				harness.Until(t, "it is told", func() bool { return c.told(d.status()) })
			}
			if s := d.status(); s.current() != v1 || !d.verifies(old) || d.get(d.admin+"/readyz", "") != http.StatusOK {
				t.Errorf("current %s, want %s; or tokens are refused, or it is not ready", s.current(), v1)
			}
			v2 := f.Put(secretName, awsfake.String(text(36)))
			c.off(f)
			d.becomes(v2)
			if !d.verifies(old) || !d.verifies(d.token()) {
				t.Error("a token is refused afterwards")
			}
		})
	}
}

func TestTheLabelMovesBetweenDescribeAndRead(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	d := run(t, f, setup{role: awsfake.Watch})
	l := d.listen(d.token())
	d.hears(l, f.Holder(secretName, awsfake.Current))
	before := l.revs()
	last := make(chan string, 1)
	var remove func()
	remove = f.Before("GetSecretValue", func(awsfake.Call) {
		remove()
		last <- f.Put(secretName, awsfake.String(text(36)))
	})
	f.Put(secretName, awsfake.String(text(36)))
	d.hears(l, <-last)
	if got := l.revs() - before; got < 1 || got > 2 {
		t.Errorf("the client got %d states, want the last one, and at most the one between", got)
	}
}

func TestASecretMadeAnewUnderItsNameIsAnotherOne(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	d := run(t, f, setup{role: awsfake.Watch})
	old := d.token()
	f.ForceDelete(secretName)
	harness.Until(t, "a look has found nothing", func() bool { return d.status().Error != "" || len(d.status().Alarms) > 0 })
	if !d.verifies(old) {
		t.Error("a token is refused as soon as the secret is not found")
	}
	f.Create(secretName, awsfake.String(text(36)))
	d.becomes(f.Holder(secretName, awsfake.Current))
	if !d.verifies(d.token()) {
		t.Error("a token of the new secret is refused")
	}
}

// The looks of a day cost what the poll says, and a value is read once.
func TestLooksCostWhatThePollSays(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	d := run(t, f, setup{role: awsfake.Watch, poll: time.Second})
	d.becomes(f.Holder(secretName, awsfake.Current))
	looks := func() (n int) { return f.Calls("DescribeSecret") }
	// The keyring reads labels as long as it has no state: what it does at the start is over when the next look comes.
	first := looks()
	harness.Until(t, "the next look was made", func() bool { return looks() > first })
	start, from := time.Now(), looks()
	harness.Until(t, "ten more looks were made", func() bool { return looks() >= from+10 })
	// Eight seconds at least, however slow the machine, less what passed until the first of them was seen.
	if took := time.Since(start); took < 7*time.Second {
		t.Errorf("ten looks took %s with a poll of 1 s ± 20 %%", took)
	}
	if got := f.Calls("GetSecretValue"); got > 2 {
		t.Errorf("the value of one version was read %d times", got)
	}
}

// The canary stands in the secret from day one, and keyturn's own new values
// are looked for as well.
func TestTheSecretShowsNowhere(t *testing.T) {
	f := awsfake.New(t)
	const canary = "canary-7H2k9XqLvBz4mRt8Yw3Pd6Gs1NcJf5Ea"
	f.Create(secretName, awsfake.String(fmt.Sprintf(`{"kid":"k1","secret":%q,"password":"%s-too"}`, canary, canary)))
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true, Trail: true, Failed: true})
	d := run(t, f, setup{queue: q, env: []string{"GOTRACEBACK=all"}})
	l := d.listen(d.token())
	var shown strings.Builder
	note := func(parts ...string) {
		for _, p := range parts {
			shown.WriteString(p + "\n")
		}
	}
	d.rotate()
	f.Put(secretName, awsfake.String(canary+" is no JSON and has a newline at its end\n"))
	harness.Until(t, "the odd value was judged", func() bool {
		return d.status().current() == f.Holder(secretName, awsfake.Current) || d.status().Degraded
	})
	f.KMS(awsfake.KMSDisabled)
	f.Put(secretName, awsfake.String(`{"kid":"`+canary+`","secret":"`+canary+`"}`))
	harness.Until(t, "an alarm is told", func() bool { return d.status().Degraded })
	f.KMS(awsfake.KMSWorks)
	for _, verb := range [][]string{{"status", ring}, {"status", ring, "--json"}, {"check", ring}, {"rotate", ring, "--dry-run"}, {"rotate", ring}} {
		out, _ := d.verb(verb...) // an error is text too
		note(out)
	}
	note(d.body(d.admin+"/metrics", ""), d.body(d.admin+"/v1/rings/"+ring, adminToken), d.body(d.public+"/v1/state?ring="+ring, ""),
		d.body(d.public+"/.well-known/jwks.json", ""), l.everything(), strings.Join(q.DLQ.Bodies(), ""))
	_ = d.cmd.Process.Signal(syscall.SIGQUIT) // every goroutine's stack
	_ = d.cmd.Wait()                          // says that it was killed
	note(d.output.everything())
	if !strings.Contains(shown.String(), "goroutine ") || !strings.Contains(shown.String(), "keyturn_") {
		t.Error("no stacks or no metrics among what was looked through")
	}
	note(files(t, d.dir))

	secrets := []string{canary}
	for _, v := range f.Versions(secretName) {
		value, _ := f.Value(secretName, v).Reveal()
		secrets = append(secrets, string(value))
		if strings.HasPrefix(string(value), "{") {
			secrets = append(secrets, member(t, value, "secret"))
		}
	}
	for i, s := range secrets {
		if at := strings.Index(shown.String(), s); at >= 0 {
			t.Errorf("secret %d of %d shows: …%s", i+1, len(secrets), strings.ReplaceAll(shown.String()[max(0, at-200):at], s, "[secret]"))
		}
	}
	if len(secrets) < 5 {
		t.Errorf("looked for %d secrets only", len(secrets))
	}
}
