package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/test/harness"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAChangeReachesABrowser(t *testing.T) {
	for _, c := range []struct {
		name string
		rule *awsfake.Rule // nil: no queue
		poll time.Duration
		by   string
	}{
		{"by Secrets Manager's own event", &awsfake.Rule{Native: true}, time.Hour, "hint"},
		{"by CloudTrail", &awsfake.Rule{Trail: true}, time.Hour, "hint"},
		{"by CloudTrail as it was, through SNS, doubled", &awsfake.Rule{Trail: true, Old: true, SNS: true, Duplicate: 1}, time.Hour, "hint"},
		{"by poll alone, though there is a queue", &awsfake.Rule{}, 200 * time.Millisecond, "poll"},
		{"by poll alone, without a queue", nil, 200 * time.Millisecond, "poll"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := awsfake.New(t)
			f.Create(secretName, awsfake.String(text(36)))
			s := setup{role: awsfake.Watch, poll: c.poll}
			if c.rule != nil {
				s.queue = f.Queue("hints")
				f.Subscribe(s.queue, *c.rule)
			}
			d := run(t, f, s)
			l := d.listen(d.token())
			d.hears(l, f.Holder(secretName, awsfake.Current))
			before := l.revs()

			v2 := f.Put(secretName, awsfake.String(text(36))) // the console: the old key is current no more, at once

			d.hears(l, v2)
			if got := l.revs(); got != before+1 {
				t.Errorf("the client got %d states for one change", got-before)
			}
			status := d.status()
			if status.State.Cause.By != c.by {
				t.Errorf("the change was found by %s, want %s", status.State.Cause.By, c.by)
			}
			if s.queue != nil {
				harness.Until(t, "every hint is deleted", func() bool { return s.queue.Len() == 0 })
			}
			if l.closed() != nil {
				t.Errorf("the client was disconnected: %v", l.closed())
			}
		})
	}
}

// Two rings on one queue, and messages that are nobody's: each ring moves by its
// own, and nothing stays in the queue.
func TestSeveralRingsShareAQueue(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	f.Create("prod/other", awsfake.String(text(36)))
	f.Create("unwatched", awsfake.String(text(36)))
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true, Trail: true, Failed: true})
	d := run(t, f, setup{role: awsfake.Watch, queue: q, poll: time.Hour, second: "prod/other"})
	first, second := d.status().State.Rev, d.statusOf("second").State.Rev
	q.Send("no JSON")
	q.Send(`{"detail-type":"Secret Label Updated","source":"aws.secretsmanager","resources":"odd"}`)
	f.Put("unwatched", awsfake.String(text(36)))
	v := f.Put("prod/other", awsfake.String(text(36)))
	harness.Until(t, "the second ring has moved", func() bool { return d.statusOf("second").current() == v })
	harness.Until(t, "the queue is empty", func() bool { return q.Len() == 0 })
	if got := d.status().State.Rev; got != first {
		t.Errorf("the first ring moved from rev %d to %d", first, got)
	}
	if got := d.statusOf("second").State.Rev; got == second || q.DLQ.Len() != 0 {
		t.Errorf("the second ring is at rev %d, was %d; %d messages are in the dead-letter queue", got, second, q.DLQ.Len())
	}
	d.becomes(f.Put(secretName, awsfake.String(text(36))))
}

// Three rotations within one token lifetime, with a restart in between: every
// token that was handed out verifies until its own end.
func TestThreeRotationsWithinATokensLifeOrphanNobody(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true})
	d := run(t, f, setup{queue: q})
	first := f.Holder(secretName, awsfake.Current)
	tokens := []string{d.token()}
	all := func(when string) {
		t.Helper()
		for i, token := range tokens {
			if !d.verifies(token) {
				t.Errorf("%s: the token of key %d of %d is refused", when, i+1, len(tokens))
			}
		}
	}
	turn := func() {
		t.Helper()
		d.rotate()
		d.becomes(f.Holder(secretName, awsfake.Current))
		tokens = append(tokens, d.token())
	}
	turn()
	all("after one rotation")
	turn()
	all("after two")
	d.stop()
	d.start()
	all("after a restart")
	turn()
	all("after three")
	d.kill()
	d.start()
	all("after a crash")

	for _, k := range d.status().State.Keys {
		if k.Stage != rotation.Retiring {
			continue
		}
		for _, token := range tokens {
			if claims := decoded(t, token); claims.kid == k.KID && k.VerifyUntil.Before(claims.expires) {
				t.Errorf("key %s verifies until %s, and a token of it lives until %s", k.Name, k.VerifyUntil, claims.expires)
			}
		}
	}
	stages := d.status().stages()
	if len(stages["current"]) != 1 || len(stages["retiring"]) != 3 || len(stages["pending"]) != 0 {
		t.Errorf("got stages %v, want one current and three retiring", stages)
	}
	labels := f.Labels(secretName)
	if len(labels[first]) == 0 {
		t.Errorf("the first version has lost every label, so AWS may purge it: %v", labels)
	}
	if f.Holder(secretName, awsfake.Pending) != "" {
		t.Errorf("AWSPENDING is still there: %v", labels)
	}
}

type claims struct {
	kid     string
	expires time.Time
}

func decoded(t *testing.T, token string) claims {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	expires, err := parsed.Claims.GetExpirationTime()
	if err != nil || expires == nil {
		t.Fatal("a token without an end", err)
	}
	kid, _ := parsed.Header["kid"].(string)
	return claims{kid, expires.Time}
}

// Somebody else's rotations take the labels away. The version is then readable
// by its id alone.
func TestTokensSurviveRotationsThatOthersMake(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	d := run(t, f, setup{role: awsfake.Watch})
	tokens := []string{d.token()}
	for range 3 {
		v := f.Put(secretName, awsfake.String(text(36)))
		d.becomes(v)
		tokens = append(tokens, d.token())
	}
	d.stop()
	d.start()
	for i, token := range tokens {
		if !d.verifies(token) {
			t.Errorf("token %d of %d is refused", i+1, len(tokens))
		}
	}
}

// sign makes a token as a small application does: HS256, no kid.
func sign(secret []byte, lifetime time.Duration) string {
	enc := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	body := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc(fmt.Appendf(nil,
		`{"sub":"alice","iss":"https://issuer.test","aud":"test","iat":%d,"exp":%d}`, now.Unix(), now.Add(lifetime).Unix()))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(body))
	return body + "." + enc(mac.Sum(nil))
}

func TestAWeakSecretOfDayOneIsTurnedIntoAStrongOneAndNobodyIsLoggedOut(t *testing.T) {
	f := awsfake.New(t)
	weak := random(24)
	f.Create(secretName, awsfake.Binary(weak))
	d := run(t, f, setup{})
	if s := d.status(); !s.Degraded || !strings.Contains(s.raw, "weak") {
		t.Errorf("no alarm about 24 bytes: %s", s.raw)
	}
	old := sign(weak, 5*time.Minute)
	if !d.verifies(old) {
		t.Fatal("a token of the application, without kid, is refused")
	}
	l := d.listen(old)
	d.hears(l, f.Holder(secretName, awsfake.Current))

	d.rotate()

	v2 := f.Holder(secretName, awsfake.Current)
	d.hears(l, v2)
	if value, binary := f.Value(secretName, v2).Reveal(); len(value) < 32 || !binary {
		t.Errorf("the new value has %d bytes, binary %v; want 32 or more, binary", len(value), binary)
	} else if fresh := sign(value, 5*time.Minute); !d.verifies(fresh) {
		t.Error("a token of the application under the new secret, without kid, is refused")
	}
	if !d.verifies(old) || l.closed() != nil {
		t.Errorf("somebody was logged out: %v", l.closed())
	}
	for _, a := range d.status().Alarms {
		if a.Key == v2 || a.Code == "weak_secret" && strings.Contains(a.Text, v2) {
			t.Errorf("an alarm about the new key: %s", a.Text)
		}
	}
}

func TestASecretThatARotationFunctionOwns(t *testing.T) {
	next := func(awsfake.Value) awsfake.Value { return awsfake.String(text(36)) }
	t.Run("is followed, and keyturn refuses to turn it", func(t *testing.T) {
		f := awsfake.New(t)
		f.Create(secretName, awsfake.String(text(36)))
		f.Lambda(secretName, f.Template(next))
		d := run(t, f, setup{})
		if s := d.status(); !strings.Contains(s.ReadOnly, "rotateBy") {
			t.Errorf("read only because of %q, want the remedy rotateBy", s.ReadOnly)
		}
		old := d.token()
		if out, err := d.verb("rotate", ring); err == nil || !strings.Contains(out, "rotateBy") {
			t.Errorf("rotate: got %v, %s; want a refusal that names rotateBy", err, out)
		}
		d.becomes(f.Rotate(secretName))
		if !d.verifies(old) || !d.verifies(d.token()) {
			t.Error("a token is refused after the function's rotation")
		}
	})
	t.Run("is turned by its function where rotateBy says lambda", func(t *testing.T) {
		f := awsfake.New(t)
		f.Create(secretName, awsfake.String(text(36)))
		f.Lambda(secretName, f.Template(next))
		d := run(t, f, setup{extra: ", rotateBy: lambda"})
		v1, old := f.Holder(secretName, awsfake.Current), d.token()
		d.rotate()
		v2 := f.Holder(secretName, awsfake.Current)
		if v2 == v1 || f.Calls("RotateSecret") != 1 || f.Calls("PutSecretValue") != 0 {
			t.Errorf("current %s (was %s), %d RotateSecret, %d PutSecretValue", v2, v1, f.Calls("RotateSecret"), f.Calls("PutSecretValue"))
		}
		d.becomes(v2)
		if !d.verifies(old) || !d.verifies(d.token()) {
			t.Error("a token is refused after the rotation")
		}
	})
}

func TestADeletedSecretKeepsServingAndComesBack(t *testing.T) {
	f := awsfake.New(t)
	f.Create(secretName, awsfake.String(text(36)))
	d := run(t, f, setup{role: awsfake.Watch})
	old := d.token()
	f.Delete(secretName, 7)
	harness.Until(t, "the deletion is known", func() bool { return d.status().State.Deleted })
	if !d.verifies(old) || d.get(d.admin+"/readyz", "") != http.StatusOK {
		t.Error("tokens are refused, or the daemon is not ready, while the secret is only scheduled for deletion")
	}
	f.Restore(secretName)
	harness.Until(t, "the restoration is known", func() bool { return !d.status().State.Deleted })
	if !d.verifies(old) || !d.verifies(d.token()) {
		t.Error("a token is refused after the restoration")
	}
}
