package awsfake

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestCallsAreCheckedAgainstThePolicies(t *testing.T) {
	show(t, []row{
		{"watch may describe and read, not write", func(w *world) {
			w.Create(name, String("1"))
			w.sm = secretsClient(w.Fake, Watch, Region)
			w.describe()
			w.mustGet("", "")
			_, err := w.put("", "2")
			w.wantError(err, "AccessDeniedException", "keyturn-watch/session is not authorized to perform: secretsmanager:PutSecretValue on resource: "+w.ARN(name)+" because no identity-based policy allows the secretsmanager:PutSecretValue action")
			if len(w.Versions(name)) != 1 {
				w.Fatal("a refused call had an effect")
			}
		}},
		{"rotate may do both", func(w *world) {
			w.Create(name, String("1"))
			w.sm = secretsClient(w.Fake, Rotate, Region)
			w.mustGet("", "")
			w.mustMove("x", w.mustPut("2", Pending), "")
		}},
		{"neither may delete", func(w *world) {
			w.Create(name, String("1"))
			for _, role := range []string{Watch, Rotate} {
				_, err := secretsClient(w.Fake, role, Region).DeleteSecret(context.Background(), &sm.DeleteSecretInput{SecretId: aws.String(name)})
				w.wantError(err, "AccessDeniedException", "DeleteSecret")
			}
		}},
		{"another secret is refused, and whether it exists is not told", func(w *world) {
			w.Create(name, String("1"))
			w.Create("other", String("1"))
			w.Grant(Grants{Secrets: []string{w.ARN(name)}})
			c := secretsClient(w.Fake, Watch, Region)
			for _, id := range []string{"other", "none"} {
				_, err := c.DescribeSecret(context.Background(), &sm.DescribeSecretInput{SecretId: aws.String(id)})
				w.wantError(err, "AccessDeniedException", "DescribeSecret")
			}
		}},
		{"a policy with the full ARN ends with the secret; one with -?????? follows its recreation", func(w *world) {
			arn := w.Create(name, String("1"))
			w.ForceDelete(name)
			w.Create(name, String("2"))
			w.sm = secretsClient(w.Fake, Watch, Region)
			w.Grant(Grants{Secrets: []string{arn}})
			_, err := w.get("", "")
			w.wantError(err, "AccessDeniedException", "GetSecretValue")
			w.Grant(Grants{Secrets: []string{arn[:len(arn)-6] + "??????"}})
			w.mustGet("", "")
		}},
		{"a customer key needs kms:Decrypt to read and kms:GenerateDataKey to write, for this secret", func(w *world) {
			w.Create(name, String("1"), CustomerKey("k1"))
			w.sm = secretsClient(w.Fake, Rotate, Region)
			w.mustGet("", "")
			w.mustPut("2", Pending)
			w.Grant(Grants{Keys: []string{keyARN("other")}})
			_, err := w.get("", "")
			w.wantError(err, "AccessDeniedException", "Access to KMS is not allowed")
			_, err = w.put("", "3")
			w.wantError(err, "AccessDeniedException", "Access to KMS is not allowed")
			w.describe()
		}},
		{"RotateSecret needs the right to invoke the function too", func(w *world) {
			w.Create(name, String("1"))
			w.Lambda(name, Failing("none"))
			w.sm = secretsClient(w.Fake, Rotate, Region)
			w.Grant(Grants{Lambdas: []string{"arn:aws:lambda:eu-central-1:123456789012:function:other"}})
			_, err := w.rotate(true)
			w.wantError(err, "AccessDeniedException", "lambda:InvokeFunction")
			w.Grant(Grants{})
			if _, err := w.rotate(true); err != nil {
				w.Fatal(err)
			}
		}},
		{"a statement that is left out is not allowed; what was used is told", func(w *world) {
			w.Create(name, String("1"), CustomerKey("k1"))
			w.sm = secretsClient(w.Fake, Watch, Region)
			w.mustGet("", "")
			if got := w.Used(Watch); !slices.Equal(got, []string{"kms:Decrypt", "secretsmanager:GetSecretValue"}) {
				w.Fatalf("got %v", got)
			}
			w.Without("ReadItsVersions")
			_, err := w.get("", "")
			w.wantError(err, "AccessDeniedException", "GetSecretValue")
			w.describe()
		}},
		{"a queue that is not granted is refused", func(w *world) {
			q, other := w.Queue("q"), w.Queue("other")
			w.Grant(Grants{Queues: []string{q.ARN}})
			w.sqs = queueClient(w.Fake, Watch)
			q.Send("x")
			w.receive(q, 0)
			_, err := w.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(other.URL)})
			w.wantError(err, "AccessDenied", "sqs:ReceiveMessage")
			_, err = w.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: aws.String(q.URL), MessageBody: aws.String("x")})
			w.wantError(err, "AccessDenied", "sqs:SendMessage")
		}},
	})
}

func TestConditionsHoldOrDoNot(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/jwt-a1b2c3"
	for _, c := range []struct {
		operator    string
		wanted, got []string
		holds       bool
	}{
		{"StringEquals", []string{arn}, []string{arn}, true},
		{"StringEquals", []string{arn[:len(arn)-6] + "??????"}, []string{arn}, false},
		{"StringLike", []string{arn[:len(arn)-6] + "??????"}, []string{arn}, true},
		{"StringLike", []string{"arn:*:secret:prod/*"}, []string{arn}, true},
		{"ArnEquals", []string{"arn:aws:secretsmanager:*:*:secret:prod/jwt-*"}, []string{arn}, true},
		{"StringEquals", []string{"a"}, nil, false},
		{"ForAnyValue:StringEquals", []string{"AWSCURRENT", "AWSPENDING"}, []string{"x", "AWSPENDING"}, true},
		{"ForAnyValue:StringEquals", []string{"AWSCURRENT"}, []string{"x"}, false},
		{"ForAnyValue:StringEquals", []string{"AWSCURRENT"}, nil, false},
		{"StringEquals", []string{"a"}, []string{"a", "b"}, false},
		{"NumericLessThan", []string{"1"}, []string{"1"}, false},
	} {
		if got := holds(c.operator, c.wanted, c.got); got != c.holds {
			t.Errorf("%s %v of %v: got %v, want %v", c.operator, c.wanted, c.got, got, c.holds)
		}
	}
}

func TestAConditionOnTheLabelRefusesReadsByIDAlone(t *testing.T) {
	s := Statement{Effect: "Allow", Action: []string{"secretsmanager:Get*"}, Resource: []string{"*"},
		Condition: map[string]map[string][]string{"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": {Current}}}}
	if !s.allows("secretsmanager:GetSecretValue", "x", map[string][]string{"secretsmanager:VersionStage": {Current}}) {
		t.Error("a read of AWSCURRENT is refused")
	}
	if s.allows("secretsmanager:GetSecretValue", "x", map[string][]string{}) {
		t.Error("a read by id alone is allowed")
	}
}
