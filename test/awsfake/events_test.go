package awsfake

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// event is what a test reads of an event.
type event struct {
	Version, ID, Source, Account, Region, Time string
	DetailType                                 string `json:"detail-type"`
	Resources                                  []string
	Detail                                     struct {
		Name, LabelUpdated, VersionID, EventName, EventType, ErrorCode, RequestID, ErrorMessage string
		RequestParameters, ResponseElements, AdditionalEventData                                map[string]any
	}
}

func (w *world) events(q *Queue) []event {
	w.Helper()
	var out []event
	for _, b := range q.Bodies() {
		var e event
		if err := json.Unmarshal([]byte(b), &e); err != nil {
			w.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func (w *world) one(q *Queue) event {
	w.Helper()
	all := w.events(q)
	if len(all) != 1 {
		w.Fatalf("got %d events, want one: %v", len(all), q.Bodies())
	}
	return all[0]
}

// watched makes a secret and then a queue with that rule.
func (w *world) watched(r Rule) *Queue {
	w.Create(name, String("1"))
	q := w.Queue("hints")
	w.Subscribe(q, r)
	return q
}

func TestEventsAreAsEventBridgeDeliversThem(t *testing.T) {
	show(t, []row{
		{"native: Secret Label Updated when a label moves to a new version", func(w *world) {
			q := w.watched(Rule{Native: true})
			v2 := w.mustPut("2")
			e := w.one(q)
			if e.DetailType != "Secret Label Updated" || e.Source != "aws.secretsmanager" || e.Version != "0" || e.Account != Account || e.Region != Region ||
				len(e.Resources) != 1 || e.Resources[0] != w.ARN(name) || e.Detail.Name != name || e.Detail.LabelUpdated != Current || e.Detail.VersionID != v2 {
				w.Fatalf("got %+v", e)
			}
		}},
		{"native: custom labels included, AWSPENDING and AWSPREVIOUS not", func(w *world) {
			q := w.watched(Rule{Native: true})
			w.mustPut("2", Pending, "announced")
			if e := w.one(q); e.Detail.LabelUpdated != "announced" {
				w.Fatalf("got %+v", e)
			}
		}},
		{"native: promotion by UpdateSecretVersionStage is one", func(w *world) {
			q := w.watched(Rule{Native: true})
			v1, v2 := w.Holder(name, Current), w.mustPut("2", Pending)
			w.mustMove(Current, v2, v1)
			if e := w.one(q); e.Detail.VersionID != v2 {
				w.Fatalf("got %+v", e)
			}
		}},
		{"native: nothing for removed labels, deletion, restoration, descriptions, tags", func(w *world) {
			q := w.watched(Rule{Native: true})
			v2 := w.mustPut("2", Pending)
			w.mustMove(Pending, "", v2)
			w.Tag(name, "a", "b")
			w.Fake.Describe(name, "x")
			w.Delete(name, 7)
			w.Restore(name)
			if got := w.events(q); len(got) != 0 {
				w.Fatalf("got %+v", got)
			}
		}},
		{"API call: PutSecretValue, with the caller's spelling of the secret and the token, never the value", func(w *world) {
			q := w.watched(Rule{Trail: true})
			v2 := w.mustPut("2", Pending)
			e := w.one(q)
			if e.DetailType != "AWS API Call via CloudTrail" || len(e.Resources) != 0 || e.Detail.EventName != "PutSecretValue" || e.Detail.EventType != "AwsApiCall" ||
				e.Detail.RequestParameters["secretId"] != name || e.Detail.RequestParameters["clientRequestToken"] != v2 ||
				e.Detail.ResponseElements["arn"] != w.ARN(name) || e.Detail.RequestParameters["secretString"] != nil {
				w.Fatalf("got %+v", e)
			}
		}},
		{"API call: before 2024 responseElements may be null, or spell aRN", func(w *world) {
			q := w.watched(Rule{Trail: true, Old: true})
			w.mustPut("2")
			w.Delete(name, 30)
			got := w.events(q)
			if len(got) != 2 || got[0].Detail.ResponseElements != nil || got[1].Detail.ResponseElements["aRN"] != w.ARN(name) {
				w.Fatalf("got %+v", got)
			}
		}},
		{"API call: UpdateSecretVersionStage names label and both versions", func(w *world) {
			w.Create(name, String("1"))
			v1, v2 := w.Holder(name, Current), w.mustPut("2", Pending)
			q := w.Queue("hints")
			w.Subscribe(q, Rule{Trail: true})
			w.mustMove(Current, v2, v1)
			p := w.one(q).Detail.RequestParameters
			if p["versionStage"] != Current || p["moveToVersionId"] != v2 || p["removeFromVersionId"] != v1 {
				w.Fatalf("got %v", p)
			}
		}},
		{"API call: a failed one is an event too, with errorCode, for a rule that does not leave it out", func(w *world) {
			q := w.watched(Rule{Trail: true, Failed: true})
			_ = w.move(Current, newID(), "")
			if e := w.one(q); e.Detail.ErrorCode == "" {
				w.Fatalf("got %+v", e)
			}
			w.Subscribe(q, Rule{Trail: true})
			_ = w.move(Current, newID(), "")
			w.one(q)
		}},
		{"API call: reads are not delivered", func(w *world) {
			q := w.watched(Rule{Native: true, Trail: true, Failed: true})
			w.describe()
			w.mustGet("", "")
			_, _ = w.get("", Pending)
			if q.Len() != 0 {
				w.Fatalf("got %v", q.Bodies())
			}
		}},
		{"service events name the secret in additionalEventData and the version at the end of requestID", func(w *world) {
			q := w.watched(Rule{Trail: true})
			w.Lambda(name, Failing("testSecret"))
			v2 := w.Rotate(name)
			w.until("it failed", func() bool { return events(q, "RotationFailed") == 1 })
			for _, e := range w.events(q) {
				if e.DetailType == "AWS API Call via CloudTrail" {
					continue
				}
				if e.DetailType != "AWS Service Event via CloudTrail" || e.Detail.EventType != "AwsServiceEvent" || e.Detail.AdditionalEventData["SecretId"] != w.ARN(name) ||
					e.Detail.RequestParameters != nil || e.Detail.RequestID != "Rotation-"+w.ARN(name)+"-"+v2 {
					w.Fatalf("got %+v", e)
				}
				if e.Detail.EventName == "RotationFailed" && e.Detail.ErrorMessage == "" {
					w.Fatal("no errorMessage")
				}
			}
		}},
		{"the same change arrives natively and by CloudTrail under two ids", func(w *world) {
			q := w.watched(Rule{Native: true, Trail: true})
			w.mustPut("2")
			if got := w.events(q); len(got) != 2 || got[0].ID == got[1].ID {
				w.Fatalf("got %+v", got)
			}
		}},
		{"an SNS topic in between wraps the event", func(w *world) {
			q := w.watched(Rule{Native: true, SNS: true})
			w.mustPut("2")
			var envelope struct{ Type, Message string }
			var inner event
			if err := json.Unmarshal([]byte(q.Bodies()[0]), &envelope); err != nil || envelope.Type != "Notification" {
				w.Fatal(err, envelope)
			}
			if err := json.Unmarshal([]byte(envelope.Message), &inner); err != nil || inner.Detail.LabelUpdated != Current {
				w.Fatal(err, inner)
			}
		}},
		{"events may be doubled, lost, late and out of order", func(w *world) {
			q := w.watched(Rule{Native: true, Duplicate: 1})
			w.mustPut("2")
			if got := w.events(q); len(got) != 2 || got[0].ID != got[1].ID {
				w.Fatalf("got %+v, want one event twice", got)
			}
			w.Subscribe(q, Rule{Native: true, Lose: 1})
			w.mustPut("3")
			if q.Len() != 2 {
				w.Fatal("a lost event arrived")
			}
			late := w.Queue("late")
			w.Subscribe(late, Rule{Native: true, Delay: time.Hour, Spread: time.Hour})
			for range 20 {
				w.mustPut("x" + newID())
			}
			if got := w.receive(late, 0); len(got) != 0 {
				w.Fatal("a late event is there at once")
			}
			var order []string
			sent := late.Bodies()
			late.Visibility(12 * time.Hour)
			w.Advance(time.Hour)
			for range 60 {
				w.Advance(time.Minute)
				for _, m := range w.receive(late, 0) {
					order = append(order, *m.Body)
				}
			}
			swapped := false
			for i := range order {
				swapped = swapped || order[i] != sent[i]
			}
			if len(order) != 20 || !swapped {
				w.Fatalf("%d events, out of order: %v; want 20, true", len(order), swapped)
			}
		}},
		{"what another account's caller did by ARN or partial ARN is spelled as they typed it", func(w *world) {
			q := w.watched(Rule{Trail: true})
			partial := w.ARN(name)[:len(w.ARN(name))-7]
			if _, err := w.sm.PutSecretValue(context.Background(), &sm.PutSecretValueInput{SecretId: aws.String(partial), SecretString: aws.String("2")}); err != nil {
				w.Fatal(err)
			}
			if got := w.one(q).Detail.RequestParameters["secretId"]; got != partial {
				w.Fatalf("got %v, want %s", got, partial)
			}
		}},
	})
}
