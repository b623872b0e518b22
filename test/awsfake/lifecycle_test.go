package awsfake

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func (w *world) rotate(immediately bool) (string, error) {
	out, err := w.sm.RotateSecret(context.Background(), &sm.RotateSecretInput{SecretId: aws.String(name), RotateImmediately: aws.Bool(immediately)})
	if err != nil {
		return "", err
	}
	return *out.VersionId, nil
}

func events(q *Queue, eventName string) int {
	n := 0
	for _, b := range q.Bodies() {
		n += strings.Count(b, `"eventName":"`+eventName+`"`)
	}
	return n
}

func TestDeletionIsAsOnAWS(t *testing.T) {
	show(t, []row{
		{"DeleteSecret: Describe still works with DeletedDate and labels; Get, Put and move are refused", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			if _, err := w.sm.DeleteSecret(context.Background(), &sm.DeleteSecretInput{SecretId: aws.String(name)}); err != nil {
				w.Fatal(err)
			}
			d := w.describe()
			if d.DeletedDate == nil || d.DeletedDate.Sub(*d.LastChangedDate).Round(time.Hour) != 30*24*time.Hour || len(d.VersionIdsToStages) != 1 {
				w.Fatalf("deleted %v, changed %v, labels %v; want 30 days and the label", d.DeletedDate, d.LastChangedDate, d.VersionIdsToStages)
			}
			_, getErr := w.get("", "")
			_, putErr := w.put("", "2")
			for _, err := range []error{getErr, putErr, w.move("x", v1, "")} {
				wantType[*types.InvalidRequestException](w, err)
				w.wantError(err, "InvalidRequestException", "marked for deletion")
			}
		}},
		{"RestoreSecret clears it: the same ARN and versions", func(w *world) {
			arn := w.Create(name, String("1"))
			w.Delete(name, 7)
			if _, err := w.sm.RestoreSecret(context.Background(), &sm.RestoreSecretInput{SecretId: aws.String(name)}); err != nil {
				w.Fatal(err)
			}
			if d := w.describe(); d.DeletedDate != nil || *d.ARN != arn || w.mustGet("", "") != "1" {
				w.Fatal("not restored as it was")
			}
		}},
		{"the window is 7 to 30 days; when it is over the secret is gone", func(w *world) {
			w.Create(name, String("1"))
			for _, days := range []int64{6, 31} {
				_, err := w.sm.DeleteSecret(context.Background(), &sm.DeleteSecretInput{SecretId: aws.String(name), RecoveryWindowInDays: aws.Int64(days)})
				wantType[*types.InvalidParameterException](w, err)
			}
			w.Delete(name, 7)
			w.Advance(7 * 24 * time.Hour)
			_, err := w.get("", "")
			w.wantError(err, "ResourceNotFoundException", "can't find the specified secret.")
		}},
		{"forced: ResourceNotFound at once; recreated under the name it has another ARN", func(w *world) {
			arn := w.Create(name, String("1"))
			if _, err := w.sm.DeleteSecret(context.Background(), &sm.DeleteSecretInput{SecretId: aws.String(name), ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
				w.Fatal(err)
			}
			_, err := w.get("", "")
			wantType[*types.ResourceNotFoundException](w, err)
			w.wantError(err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
			if again := w.Create(name, String("2")); again == arn {
				w.Fatal("the ARN is the same")
			}
		}},
		{"a name that is taken, or scheduled for deletion, can't be created", func(w *world) {
			w.Create(name, String("1"))
			create := func() error {
				_, err := w.sm.CreateSecret(context.Background(), &sm.CreateSecretInput{Name: aws.String(name), SecretString: aws.String("2")})
				return err
			}
			w.wantError(create(), "ResourceExistsException", "The operation failed because the secret "+name+" already exists.")
			w.Delete(name, 7)
			w.wantError(create(), "InvalidRequestException", "already scheduled for deletion")
		}},
	})
}

func TestRotationByAFunctionIsAsOnAWS(t *testing.T) {
	next := func(current Value) Value { b, _ := current.Reveal(); return String(string(b) + "+") }
	show(t, []row{
		{"the four steps by AWS's template; the service itself removes AWSPENDING after a success", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			q := w.Queue("q")
			w.Subscribe(q, Rule{Trail: true})
			var steps []string
			template := w.Template(next)
			w.Lambda(name, func(step, id, token string) error {
				steps = append(steps, step) // one goroutine calls it, which has ended when they are read
				return template(step, id, token)
			})
			v2, err := w.rotate(true)
			if err != nil {
				w.Fatal(err)
			}
			w.until("the rotation succeeded", func() bool { return events(q, "RotationSucceeded") == 1 })
			w.wantLabels(map[string][]string{v1: {Previous}, v2: {Current}})
			if w.mustGet("", "") != "1+" || !slices.Equal(steps, []string{"createSecret", "setSecret", "testSecret", "finishSecret"}) {
				w.Fatalf("steps %v", steps)
			}
			if d := w.describe(); !*d.RotationEnabled || d.RotationLambdaARN == nil || d.LastRotatedDate == nil {
				w.Fatal("the secret does not show its rotation")
			}
		}},
		{"each step may be called again", func(w *world) {
			w.Create(name, String("1"))
			template := w.Template(next)
			w.Lambda(name, func(step, id, token string) error {
				if err := template(step, id, token); err != nil {
					return err
				}
				return template(step, id, token)
			})
			v2 := w.Rotate(name)
			w.until("the rotation is over", func() bool { return w.Holder(name, Current) == v2 && w.Holder(name, Pending) == "" })
			if w.mustGet("", "") != "1+" {
				w.Fatal("another value than one step makes")
			}
		}},
		{"AWSPENDING has an id before it has a value", func(w *world) {
			w.Create(name, String("1"))
			reached, goOn := make(chan struct{}), make(chan struct{})
			template := w.Template(next)
			w.Lambda(name, func(step, id, token string) error {
				if step == "createSecret" {
					close(reached)
					<-goOn
				}
				return template(step, id, token)
			})
			v2 := w.Rotate(name)
			<-reached
			if got := w.describe().VersionIdsToStages[v2]; !slices.Equal(got, []string{Pending}) {
				w.Fatalf("got %v, want the label on the announced version", got)
			}
			_, err := w.get("", Pending)
			w.wantError(err, "ResourceNotFoundException", "secret value for staging label: AWSPENDING")
			close(goOn)
			w.until("the rotation is over", func() bool { return w.Holder(name, Current) == v2 })
		}},
		{"while AWSPENDING is on a version that is not current, RotateSecret is refused", func(w *world) {
			w.Create(name, String("1"))
			w.Lambda(name, w.Template(next))
			w.mustPut("2", Pending)
			_, err := w.rotate(true)
			wantType[*types.InvalidRequestException](w, err)
			w.wantError(err, "InvalidRequestException", "previous rotation isn't complete")
		}},
		{"without a function: InvalidRequest; one that can't be invoked: AccessDenied; labels untouched", func(w *world) {
			w.Create(name, String("1"))
			v1 := w.Holder(name, Current)
			_, err := w.rotate(true)
			w.wantError(err, "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
			w.Lambda(name, nil)
			_, err = w.rotate(true)
			w.wantError(err, "AccessDeniedException", "cannot invoke")
			w.wantLabels(map[string][]string{v1: {Current}})
		}},
		{"a failure leaves AWSPENDING and logs RotationFailed; CancelRotateSecret leaves it too; taken off, rotation goes on", func(w *world) {
			w.Create(name, String("1"))
			q := w.Queue("q")
			w.Subscribe(q, Rule{Trail: true})
			w.Lambda(name, Failing("createSecret"))
			v2 := w.Rotate(name)
			w.until("it failed", func() bool { return events(q, "RotationFailed") == 1 })
			if !strings.Contains(strings.Join(q.Bodies(), ""), "during createSecret step") {
				w.Fatal("the event does not name the step")
			}
			if _, err := w.sm.CancelRotateSecret(context.Background(), &sm.CancelRotateSecretInput{SecretId: aws.String(name)}); err != nil {
				w.Fatal(err)
			}
			if d := w.describe(); *d.RotationEnabled || w.Holder(name, Pending) != v2 {
				w.Fatal("rotation is still on, or AWSPENDING is gone")
			}
			w.mustMove(Pending, "", v2)
			w.Lambda(name, w.Template(next))
			if _, err := w.rotate(true); err != nil {
				w.Fatal(err)
			}
		}},
		{"RotateImmediately=false runs testSecret alone, on a temporary AWSPENDING that is then removed", func(w *world) {
			w.Create(name, String("1"))
			q := w.Queue("q")
			w.Subscribe(q, Rule{Trail: true})
			v1 := w.Holder(name, Current)
			called := make(chan string, 4)
			w.Lambda(name, func(step, _, _ string) error { called <- step; return nil })
			if _, err := w.rotate(false); err != nil {
				w.Fatal(err)
			}
			w.until("the test is over", func() bool { return events(q, "TestRotationSucceeded") == 1 })
			if step := <-called; step != "testSecret" || len(called) != 0 {
				w.Fatalf("called %s and %d more", step, len(called))
			}
			w.wantLabels(map[string][]string{v1: {Current}})
		}},
	})
}

func TestReplicasAreReadOnly(t *testing.T) {
	show(t, []row{
		{"a replica has the ARN of its Region, the same versions, and names the primary Region", func(w *world) {
			arn := w.Create(name, String("1"))
			w.Replicate(name, "us-west-2")
			w.sm = secretsClient(w.Fake, Admin, "us-west-2")
			d := w.describe()
			if *d.PrimaryRegion != Region || *d.ARN != strings.Replace(arn, Region, "us-west-2", 1) || w.mustGet("", "") != "1" {
				w.Fatalf("got %s, primary %s", *d.ARN, *d.PrimaryRegion)
			}
		}},
		{"it refuses writes", func(w *world) {
			w.Create(name, String("1"))
			w.Replicate(name, "us-west-2")
			w.sm = secretsClient(w.Fake, Admin, "us-west-2")
			_, err := w.put("", "2")
			w.wantError(err, "InvalidRequestException", "replica")
			w.wantError(w.move("x", w.Holder(name, Current), ""), "InvalidRequestException", "replica")
		}},
		{"it may be behind", func(w *world) {
			w.Create(name, String("1"))
			w.Replicate(name, "us-west-2")
			w.ReplicaLag(time.Hour)
			w.Advance(2 * time.Hour)
			w.mustPut("2")
			w.sm = secretsClient(w.Fake, Admin, "us-west-2")
			if got := w.mustGet("", ""); got != "1" {
				w.Fatalf("got %q, want the value of an hour ago", got)
			}
			w.Advance(time.Hour)
			if got := w.mustGet("", ""); got != "2" {
				w.Fatalf("got %q, want the newest", got)
			}
		}},
		{"elsewhere the secret is not found", func(w *world) {
			w.Create(name, String("1"))
			w.sm = secretsClient(w.Fake, Admin, "us-east-1")
			_, err := w.get("", "")
			w.wantError(err, "ResourceNotFoundException", "specified secret.")
		}},
	})
}
