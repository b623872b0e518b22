package awsfake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

const name = "prod/jwt"

// world is a fake with a secret or without, and the SDK's clients for it. They
// try each call once, so that a test sees each answer.
type world struct {
	testing.TB
	*Fake
	sm  *sm.Client
	sqs *sqs.Client
}

func newWorld(t testing.TB) *world {
	f := New(t)
	return &world{TB: t, Fake: f, sm: secretsClient(f, Admin, Region), sqs: queueClient(f, Admin)}
}

func secretsClient(f *Fake, role, region string) *sm.Client {
	return sm.NewFromConfig(f.Config(role), func(o *sm.Options) { o.Region, o.RetryMaxAttempts = region, 1 })
}

func queueClient(f *Fake, role string) *sqs.Client {
	return sqs.NewFromConfig(f.Config(role), func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
}

func (w *world) describe() *sm.DescribeSecretOutput {
	w.Helper()
	out, err := w.sm.DescribeSecret(context.Background(), &sm.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// get reads by id and label; empty ones are left out.
func (w *world) get(version, label string) (*sm.GetSecretValueOutput, error) {
	in := &sm.GetSecretValueInput{SecretId: aws.String(name)}
	if version != "" {
		in.VersionId = aws.String(version)
	}
	if label != "" {
		in.VersionStage = aws.String(label)
	}
	return w.sm.GetSecretValue(context.Background(), in)
}

func (w *world) mustGet(version, label string) string {
	w.Helper()
	out, err := w.get(version, label)
	if err != nil {
		w.Fatal(err)
	}
	return aws.ToString(out.SecretString)
}

// put stores a value by the SDK; the token is the SDK's unless one is given.
func (w *world) put(token, value string, labels ...string) (string, error) {
	in := &sm.PutSecretValueInput{SecretId: aws.String(name), SecretString: aws.String(value), VersionStages: labels}
	if token != "" {
		in.ClientRequestToken = aws.String(token)
	}
	out, err := w.sm.PutSecretValue(context.Background(), in)
	if err != nil {
		return "", err
	}
	return *out.VersionId, nil
}

func (w *world) mustPut(value string, labels ...string) string {
	w.Helper()
	id, err := w.put("", value, labels...)
	if err != nil {
		w.Fatal(err)
	}
	return id
}

// move is UpdateSecretVersionStage; empty ids are left out.
func (w *world) move(label, to, from string) error {
	in := &sm.UpdateSecretVersionStageInput{SecretId: aws.String(name), VersionStage: aws.String(label)}
	if to != "" {
		in.MoveToVersionId = aws.String(to)
	}
	if from != "" {
		in.RemoveFromVersionId = aws.String(from)
	}
	_, err := w.sm.UpdateSecretVersionStage(context.Background(), in)
	return err
}

func (w *world) mustMove(label, to, from string) {
	w.Helper()
	if err := w.move(label, to, from); err != nil {
		w.Fatal(err)
	}
}

// wantLabels compares what DescribeSecret shows, as version → sorted labels.
func (w *world) wantLabels(want map[string][]string) {
	w.Helper()
	got := w.describe().VersionIdsToStages
	if len(got) != len(want) {
		w.Fatalf("got labels %v, want %v", got, want)
	}
	for id, labels := range want {
		slices.Sort(got[id])
		slices.Sort(labels)
		if !slices.Equal(got[id], labels) {
			w.Fatalf("got labels %v, want %v", got, want)
		}
	}
}

// wantError checks the type that the SDK made of an error (by its code) and
// what its message says.
func (w *world) wantError(err error, code, says string) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), says) {
		w.Fatalf("got error %v, want %s with %q", err, code, says)
	}
}

func wantType[E error](w *world, err error) {
	w.Helper()
	if _, ok := errors.AsType[E](err); !ok {
		var want E
		w.Fatalf("got %v, want a %T", err, want)
	}
}

// receive takes up to ten messages, waiting up to so many seconds for the first.
func (w *world) receive(q *Queue, seconds int32) []sqstypes.Message {
	w.Helper()
	if seconds == 0 {
		q.Wait(0)
	}
	out, err := w.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(q.URL), MaxNumberOfMessages: 10, WaitTimeSeconds: seconds,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	if err != nil {
		w.Fatal(err)
	}
	return out.Messages
}

// until waits for what another goroutine of the fake does.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	end := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			w.Fatalf("waited in vain until %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// row is one fact about AWS and how the fake shows it.
type row struct {
	fact  string
	shown func(*world)
}

func show(t *testing.T, rows []row) {
	for _, r := range rows {
		t.Run(r.fact, func(t *testing.T) {
			t.Parallel()
			r.shown(newWorld(t))
		})
	}
}
