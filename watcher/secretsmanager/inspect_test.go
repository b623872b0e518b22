package secretsmanager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
)

func (s *scene) inspect() Inspection {
	s.Helper()
	i, err := s.store.Inspect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %#v", i, i); strings.Contains(text, strong(1)) || strings.Contains(text, strong(2)) {
		s.Error("the inspection shows a secret")
	}
	return i
}

func TestAnInspectionTellsWhatIsThereAndNoValue(t *testing.T) {
	s := newScene(t, awsfake.String(`{"jwt_secret":"`+strong(1)+`","db":"x"}`))
	one := s.holder(awsfake.Current)
	two := s.put(named("2026-b", 2), awsfake.Pending, "hold")
	i := s.inspect()
	if i.ARN != s.ARN(secretName) || i.Name != secretName || i.Region != awsfake.Region || i.Replica() || i.Rotates || i.Labels != 3 || i.Changed.IsZero() || len(i.Versions) != 2 {
		t.Fatalf("got %+v", i)
	}
	a, b := i.Versions[0], i.Versions[1]
	if a.Version != one || a.Stage != "current" || a.Form != "json" || a.Member != "jwt_secret" || a.Err != nil || len(a.Keys) != 1 ||
		!strings.HasPrefix(a.Keys[0].Why, "derived") || !a.Keys[0].Symmetric || !a.Keys[0].Active || !a.Keys[0].CanSign || a.Keys[0].Weak != "" {
		t.Errorf("current: got %+v", a)
	}
	if b.Version != two || b.Stage != "pending" || b.Keys[0].KID != "2026-b" || b.Keys[0].Why != "named by the value" {
		t.Errorf("pending: got %+v", b)
	}
	equal(t, "labels", b.Labels, awsfake.Pending, "hold")

	for rule, want := range map[watcher.KIDRule]string{
		{From: watcher.KIDLiteral, Literal: "main"}: "the literal",
		{From: watcher.KIDVersion}:                  "the version",
	} {
		s.open(Config{KID: rule})
		if got := s.inspect().Versions[0].Keys[0].Why; !strings.HasPrefix(got, want) {
			t.Errorf("%+v: got %q", rule, got)
		}
	}
}

func TestAnInspectionShowsWhatIsWrongWithAValue(t *testing.T) {
	s := newScene(t, awsfake.String(strong(1)[:24]+"\n"))
	v := s.inspect().Versions[0]
	if v.Form != "raw" || len(v.Warnings) != 1 || v.Keys[0].Weak == "" {
		t.Errorf("got %+v", v)
	}
	s.put(awsfake.String(`{"username":"x"}`))
	if v = s.inspect().Versions[0]; v.Err == nil || v.Form != "" {
		t.Errorf("got %+v", v)
	}
}

func TestWritableSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		name   string
		does   func(s *scene)
		config Config
		region string
		want   string // "": writable
	}{
		{name: "a secret of one's own"},
		{name: "a replica", does: func(s *scene) { s.Replicate(secretName, "us-east-1") }, region: "us-east-1", want: "replica"},
		{name: "the primary of replicas", does: func(s *scene) { s.Replicate(secretName, "us-east-1") }},
		{name: "managed", does: func(s *scene) { s.OwnedBy(secretName, "rds") }, want: "managed by the AWS service rds"},
		{name: "deleted", does: func(s *scene) { s.Delete(secretName, 7) }, want: "scheduled for deletion"},
		{name: "a function owns it", does: func(s *scene) { s.Lambda(secretName, nil) }, want: "rotateBy: lambda"},
		{name: "a function owns it, and turns it", does: func(s *scene) { s.Lambda(secretName, nil) }, config: Config{RotateBy: RotateByLambda}},
		{name: "a function owns it, and keyturn turns it", does: func(s *scene) { s.Lambda(secretName, nil) }, config: Config{RotateBy: RotateByKeyturn}},
		{name: "no function, and it should turn it", config: Config{RotateBy: RotateByLambda}, want: "no rotation function"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, raw(1))
			s.pass(time.Second)
			if c.does != nil {
				c.does(s)
			}
			if c.region != "" {
				c.config.Client = s.client(awsfake.Admin, c.region)
			}
			s.open(c.config)
			if err := s.store.Writable(); err == nil || !strings.Contains(err.Error(), "not seen yet") {
				t.Errorf("before the first look: got %v", err)
			}
			s.once()
			switch err := s.store.Writable(); {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// once looks once, whatever comes of it.
func (s *scene) once() { _, _ = s.store.describe(s.Context()) }

func results(all []Permission) (out []string) {
	for _, p := range all {
		out = append(out, strings.TrimPrefix(p.Action, "secretsmanager:")+" "+p.Result)
	}
	return out
}

func TestAProbeTriesEachPermissionAndChangesNothing(t *testing.T) {
	s := newScene(t, raw(1), awsfake.CustomerKey("11111111-2222-3333-4444-555555555555"))
	s.put(raw(2))
	labels, changed := s.Labels(secretName), s.inspect().Changed
	for _, c := range []struct {
		role     string
		rotateBy string
		want     []string
	}{
		{awsfake.Watch, "", []string{"DescribeSecret allowed", "GetSecretValue allowed", "GetSecretValue allowed", "GetSecretValue allowed", "kms:Decrypt allowed",
			"PutSecretValue denied", "UpdateSecretVersionStage denied", "kms:GenerateDataKey not tried"}},
		{awsfake.Rotate, "", []string{"DescribeSecret allowed", "GetSecretValue allowed", "GetSecretValue allowed", "GetSecretValue allowed", "kms:Decrypt allowed",
			"PutSecretValue allowed", "UpdateSecretVersionStage allowed", "kms:GenerateDataKey not tried"}},
	} {
		s.open(Config{Client: s.client(c.role, awsfake.Region), RotateBy: c.rotateBy})
		all := s.store.Probe(t.Context())
		equal(t, c.role, results(all), c.want...)
		for _, p := range all {
			if (p.Why == "") != (p.Result == Allowed) || p.For == "" {
				t.Errorf("%s: got %+v", c.role, p)
			}
		}
	}
	s.KMS(awsfake.KMSDenied)
	equal(t, "kms denied", results(s.store.Probe(t.Context()))[:5], "DescribeSecret allowed", "GetSecretValue allowed", "GetSecretValue allowed", "GetSecretValue allowed", "kms:Decrypt denied")
	s.KMS(awsfake.KMSWorks)
	s.XML403(true)
	equal(t, "an endpoint that refuses all", results(s.store.Probe(t.Context())), "DescribeSecret denied", "GetSecretValue not tried")
	s.XML403(false)
	if got := s.inspect().Changed; !got.Equal(changed) || fmt.Sprint(s.Labels(secretName)) != fmt.Sprint(labels) || len(s.Versions(secretName)) != 2 {
		t.Errorf("the probe changed the secret: %v → %v, %v", changed, got, s.Labels(secretName))
	}
	s.Lambda(secretName, s.Template(func(v awsfake.Value) awsfake.Value { return v }))
	s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region), RotateBy: RotateByLambda})
	all := results(s.store.Probe(t.Context()))
	equal(t, "turned by its function", all[len(all)-2:], "UpdateSecretVersionStage allowed", "RotateSecret not tried")
	s.open(Config{Client: s.client(awsfake.Rotate, awsfake.Region)})
	all = results(s.store.Probe(t.Context()))
	equal(t, "owned by its function", all[len(all)-2:], "PutSecretValue not tried", "UpdateSecretVersionStage not tried")
}

func TestAWrongConfigurationIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	s := newScene(t, raw(1))
	nowhere := s.client(awsfake.Watch, "")
	arn := s.ARN(secretName)
	for _, c := range []struct {
		name, id string
		change   func(*Config)
		want     string // "": accepted
	}{
		{"a name", secretName, nil, ""},
		{"an ARN", arn, nil, ""},
		{"an ARN without its end", arn[:len(arn)-7], nil, ""},
		{"no name", "", nil, "has no name"},
		{"a name with a blank", "prod jwt", nil, "neither a name nor an ARN"},
		{"an ARN of something else", "arn:aws:s3:::bucket", nil, "not the ARN of a secret"},
		{"an ARN of another Region", strings.Replace(arn, awsfake.Region, "us-east-1", 1), nil, "AWS_REGION=us-east-1"},
		{"no Region", secretName, func(c *Config) { c.Client = nowhere }, "no AWS Region"},
		{"no client", secretName, func(c *Config) { c.Client = nil }, "no client"},
		{"a wrong ring", secretName, func(c *Config) { c.Ring = "Payments" }, "ring name"},
		{"a wrong kid rule", secretName, func(c *Config) { c.KID.From = "header" }, "kid rule"},
		{"a wrong rotateBy", secretName, func(c *Config) { c.RotateBy = "cron" }, "rotateBy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := s.config
			if c.change != nil {
				c.change(&config)
			}
			_, err := Open(c.id, config)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if n := len(s.Journal()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}
