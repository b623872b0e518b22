package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/admin"
)

// account is AWS, as the environment of this process points to it.
type account struct {
	*awsfake.Fake
	queue  *awsfake.Queue
	config string // a configuration of ring payments over the secret prod/jwt
	dir    string
	token  string // of the admin API
}

const jwtSecret = "prod/jwt"

// inAWS makes an account with a secret and a queue, acts in it as role from now
// on, and writes a configuration. ring is what else stands in the ring's entry.
func inAWS(t *testing.T, role string, secret awsfake.Value, ring string) *account {
	t.Helper()
	f := awsfake.New(t)
	for _, setting := range f.Env(role) {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	f.Create(jwtSecret, secret)
	token, hash := admin.NewToken()
	a := &account{Fake: f, queue: f.Queue("keyturn"), dir: t.TempDir(), token: token}
	f.Subscribe(a.queue, awsfake.Rule{Native: true, Trail: true})
	a.config = filepath.Join(a.dir, "keyturn.yaml")
	text := fmt.Sprintf(`
rings: [{name: payments, store: aws, secret: %s, issuer: external, poll: 1h, tokenLifetime: 1m, signAfter: 0s, hints: {sqs: "%s"}%s}]
broadcast: {listen: "127.0.0.1:0", origins: ["https://app.example.com"]}
admin: {listen: "127.0.0.1:0", tokens: [{name: alice, sha256: %s, can: [view, rotate, compromise]}]}
dataDir: %s
drain: 0s
`, jwtSecret, a.queue.URL, ring, hash, filepath.Join(a.dir, "data"))
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// verb runs a verb against a daemon of this account.
func (a *account) verb(t *testing.T, d *testDaemon, args ...string) (code int, out string) {
	t.Helper()
	var stdout output
	args = append(args, "--admin", d.inner)
	code = run(t.Context(), world{args: args, env: []string{envAdminToken + "=" + a.token}, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stdout})
	return code, stdout.String()
}

// state waits until the daemon serves the version as the current key.
func (d *testDaemon) currentIs(t *testing.T, version string) {
	t.Helper()
	eventually(t, "version "+version+" is current", func() bool {
		return strings.Contains(d.get(d.public+"/v1/state").body, `"key":"`+version+`"`)
	})
}

// strongSecret is good material, another for each n; it must not show anywhere.
func strongSecret(n int) string {
	return fmt.Sprintf("canary-of-aws-%048x", 0x9e3779b97f4a7c15*uint64(n))
}

func TestARingInAWSIsServedFollowedAndTurned(t *testing.T) {
	a := inAWS(t, awsfake.Rotate, awsfake.String(`{"jwt_secret":"`+strongSecret(1)+`","kid":"k1","owner":"team"}`), "")
	d := startDaemon(t, a.dir, "serve", "--config", a.config)
	d.currentIs(t, a.Holder(jwtSecret, awsfake.Current))

	// Somebody else turns it: the queue tells, since the poll is an hour away.
	d.currentIs(t, a.Put(jwtSecret, awsfake.String(`{"jwt_secret":"`+strongSecret(2)+`","kid":"k2","owner":"team"}`)))
	eventually(t, "the messages are deleted", func() bool { return a.queue.Len() == 0 && a.queue.Deleted() > 0 })

	before := a.Holder(jwtSecret, awsfake.Current)
	code, out := a.verb(t, d, "rotate", "payments")
	if code != exitOK {
		t.Fatalf("rotate: code %d\n%s", code, out)
	}
	after := a.Holder(jwtSecret, awsfake.Current)
	if after == before || a.Holder(jwtSecret, awsfake.Previous) != before {
		t.Fatalf("labels after the turn: %v", a.Labels(jwtSecret))
	}
	d.currentIs(t, after)
	eventually(t, "the messages of the turn are deleted", func() bool { return a.queue.Len() == 0 })
	if text, _ := a.Value(jwtSecret, after).Reveal(); !strings.Contains(string(text), `"owner":"team"`) || strings.Contains(string(text), strongSecret(2)) {
		t.Error("the value was not written in the form that it had, or not anew")
	}

	code, out = a.verb(t, d, "check", "payments")
	for _, want := range []string{
		"ok    store      " + a.ARN(jwtSecret) + " in eu-central-1", "form       current: version " + after + " (AWSCURRENT", "the key in member jwt_secret",
		"permission secretsmanager:DescribeSecret (see what changed): allowed", "permission secretsmanager:PutSecretValue (write a new key): allowed",
		"ok    hints      queue keyturn: 0 waiting", "a message goes to arn:aws:sqs", "after a turn the old key verifies", "next: keyturn rotate payments --dry-run",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("check does not say %q", want)
		}
	}
	if code != exitOK {
		t.Errorf("check: code %d", code)
	}
	if t.Failed() {
		t.Log(out)
	}
	_, status := a.verb(t, d, "status", "payments")
	if !strings.Contains(status, "payments") {
		t.Errorf("status: %s", status)
	}
	if d.end() != exitOK {
		t.Error("the stop failed")
	}
	for what, text := range map[string]string{"the log": d.stderr.String(), "check": out, "status": status, "the output": d.stdout.String()} {
		if strings.Contains(text, "canary-of-aws") || strings.Contains(text, hex.EncodeToString([]byte("canary-of-aws"))) {
			t.Errorf("%s shows the secret", what)
		}
	}
}

func TestARotationFunctionTurnsTheKeyAtKeyturnsWord(t *testing.T) {
	for _, tt := range []struct {
		name, ring string
		code       int
		want       string
	}{
		{"told to", ", rotateBy: lambda", exitOK, ""},
		{"not told", "", exitRefused, "is rotated by the function"},
		{"told not to", ", rotateBy: keyturn", exitOK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := inAWS(t, awsfake.Rotate, awsfake.String(strongSecret(1)), tt.ring)
			a.Lambda(jwtSecret, a.Template(func(awsfake.Value) awsfake.Value { return awsfake.String(strongSecret(2)) }))
			d := startDaemon(t, a.dir, "serve", "--config", a.config)
			before := a.Holder(jwtSecret, awsfake.Current)
			d.currentIs(t, before)
			code, out := a.verb(t, d, "rotate", "payments")
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Fatalf("rotate: code %d, want %d and %q\n%s", code, tt.code, tt.want, out)
			}
			after := a.Holder(jwtSecret, awsfake.Current)
			if turned := after != before; turned != (tt.code == exitOK) {
				t.Fatalf("turned: %v", turned)
			}
			d.currentIs(t, after)
			text, _ := a.Value(jwtSecret, after).Reveal()
			if byFunction := string(text) == strongSecret(2); byFunction != strings.HasSuffix(tt.ring, "lambda") {
				t.Errorf("turned by the function: %v", byFunction)
			}
		})
	}
}

func TestADaemonStartsWhileAWSIsAwayAndSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		breaks func(*testing.T, *account)
		mend   func(*account)
		want   string
	}{
		{"an endpoint that answers with a page", func(_ *testing.T, a *account) { a.XML403(true) }, func(a *account) { a.XML403(false) }, "HTTP status 403"},
		{"credentials that AWS does not know", func(t *testing.T, _ *account) { t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY") }, nil, "AWS accepts no credentials of this process"},
		{"no credentials", func(t *testing.T, _ *account) {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		}, nil, "AWS accepts no credentials of this process: give it a role or a profile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := inAWS(t, awsfake.Watch, awsfake.String(strongSecret(1)), "")
			tt.breaks(t, a)
			d := beginDaemon(t, a.dir, "serve", "--config", a.config)
			eventually(t, "status says why", func() bool {
				_, out := a.verb(t, d, "status", "payments")
				return strings.Contains(out, tt.want)
			})
			if got := d.get(d.inner + "/readyz"); got.status != 503 || !strings.Contains(got.body, "keys of ring payments") {
				t.Errorf("readyz: %d %s", got.status, got.body)
			}
			if tt.mend != nil {
				tt.mend(a)
				d.currentIs(t, a.Holder(jwtSecret, awsfake.Current))
			}
			if code := d.end(); code != exitOK {
				t.Errorf("stop: code %d", code)
			}
		})
	}
}

func TestCheckTellsOfASecretOnDayOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		role  string
		value awsfake.Value
		ring  string
		code  int
		want  []string
	}{
		{"a short raw secret", awsfake.Watch, awsfake.String("canary-of-aws-24-bytes-x"), "", exitOK, []string{
			"ok    form       current: version", "WARN  strength", "and no key like it is accepted again: turn it with keyturn rotate payments",
			"derived from the version", "tokens that carry none go on working", "-     permission secretsmanager:PutSecretValue (write a new key): denied",
			"ok    hints      queue keyturn", "next: keyturn serve --config FILE"}},
		{"kids are required", awsfake.Watch, awsfake.String(strongSecret(1)), ", requireKid: true", exitOK, []string{"WARN  tokens     the value names no kid, and requireKid refuses"}},
		{"no key at all", awsfake.Watch, awsfake.String(`{"username":"canary-of-aws"}`), "", exitFailed, []string{"FAIL  form       current: version", "next: mend what failed"}},
		{"a secret that is not there", awsfake.Admin, awsfake.String(strongSecret(1)), "delete", exitFailed, []string{"FAIL  store      DescribeSecret of secret prod/jwt: there is no such secret here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			extra := tt.ring
			if extra == "delete" {
				extra = ""
			}
			a := inAWS(t, tt.role, tt.value, extra)
			if tt.ring == "delete" {
				a.ForceDelete(jwtSecret)
			}
			var out output
			code := run(t.Context(), world{args: []string{"check", "--config", a.config}, stdin: strings.NewReader(""), stdout: &out, stderr: &out})
			text := out.String()
			if code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("check does not say %q", want)
				}
			}
			if strings.Contains(text, "canary-of-aws") {
				t.Error("check shows the secret")
			}
			if t.Failed() {
				t.Log(text)
			}
			if n := a.Calls("ReceiveMessage"); n != 0 {
				t.Errorf("check received %d messages", n)
			}
			if labels := a.Labels(jwtSecret); tt.ring != "delete" && len(labels) != 1 {
				t.Errorf("check changed the labels: %v", labels)
			}
		})
	}
}

func TestARegionIsTakenFromTheARNAndTheQueue(t *testing.T) {
	for url, want := range map[string]string{
		"https://sqs.eu-west-1.amazonaws.com/123456789012/q":                     "eu-west-1",
		"https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/q":            "us-gov-west-1",
		"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q":                 "cn-north-1",
		"https://vpce-0a1b-c2d3.sqs.eu-west-1.vpce.amazonaws.com/123456789012/q": "eu-west-1",
		"https://sqs.eu-west-1.api.aws/123456789012/q":                           "eu-west-1",
		"http://127.0.0.1:4566/123456789012/q":                                   "",
		"https://sqs.example.com/123456789012/q":                                 "",
		"https://amazonaws.com/q":                                                "",
		"https://sqs.amazonaws.com/q":                                            "",
	} {
		if got := regionOfQueue(url); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
	c := &cloud{}
	c.config.Region = "eu-central-1"
	for secret, want := range map[string]string{
		"prod/jwt": "eu-central-1",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/jwt-a1B2c3": "us-east-1",
	} {
		if got := c.region(RingConfig{Secret: secret}); got != want {
			t.Errorf("%s: got %q, want %q", secret, got, want)
		}
	}
}

func TestAQueueThatMayNotBeReadIsNamed(t *testing.T) {
	a := inAWS(t, awsfake.Watch, awsfake.String(strongSecret(1)), "")
	a.Grant(awsfake.Grants{Queues: []string{"arn:aws:sqs:eu-central-1:123456789012:another"}})
	d := startDaemon(t, a.dir, "serve", "--config", a.config)
	code, out := a.verb(t, d, "check", "payments")
	if want := "FAIL  hints      GetQueueAttributes of queue keyturn: the policy of this role does not allow it"; code != exitFailed || !strings.Contains(out, want) {
		t.Errorf("check: code %d, want 1 and %q\n%s", code, want, out)
	}
	eventually(t, "metrics count the failure", func() bool {
		return strings.Contains(d.get(d.inner+"/metrics").body, `keyturn_sqs_failures_total{queue="keyturn",what="receive"}`)
	})
	eventually(t, "the log says that hints fail", func() bool { return strings.Contains(d.stderr.String(), "hints_failing") })
}
