package secretsmanager

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	testARN     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt-a1B2c3"
	testVersion = "4d383ea9-1111-4222-8333-abcdef012345"
)

// The messages of testdata/messages, by file name: what they must be read as.
var testMessages = map[string]hint{
	"label.json": {kind: hintLabel, event: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
		ids: []string{testARN, "prod/jwt"}, version: testVersion, at: time.Date(2026, 11, 6, 16, 43, 48, 0, time.UTC)},
	"label-custom.json": {kind: hintLabel, event: "6a7e8feb-b491-4cf7-a9f1-bf3703467719",
		ids: []string{testARN, "prod/jwt"}, version: testVersion, at: time.Date(2026, 11, 6, 16, 43, 48, 0, time.UTC)},
	"put.json": {kind: hintCall, event: "11111111-2222-4333-8444-555555555555",
		ids: []string{testARN, "prod/jwt"}, version: testVersion, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"put-2022.json": {kind: hintCall, event: "11111111-2222-4333-8444-555555555556",
		ids: []string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt"}, version: testVersion, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"stage.json": {kind: hintCall, event: "11111111-2222-4333-8444-555555555557",
		ids: []string{testARN}, version: testVersion, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"update.json": {kind: hintCall, event: "11111111-2222-4333-8444-555555555558",
		ids: []string{testARN, "prod/jwt"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"delete.json": {kind: hintCall, event: "11111111-2222-4333-8444-555555555559",
		ids: []string{testARN, "prod/jwt"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"rotation-succeeded.json": {kind: hintService, event: "21111111-2222-4333-8444-555555555555",
		ids: []string{testARN}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"rotation-failed.json": {kind: hintService, event: "21111111-2222-4333-8444-555555555556",
		ids: []string{testARN}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"rotation-details.json": {kind: hintService, event: "21111111-2222-4333-8444-555555555557",
		ids: []string{testARN}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"failed-call.json": {kind: hintIgnored, event: "31111111-2222-4333-8444-555555555555",
		ids: []string{"prod/jwt"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"read-call.json": {kind: hintIgnored, event: "31111111-2222-4333-8444-555555555556",
		ids: []string{"prod/jwt"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"tag-call.json": {kind: hintIgnored, event: "31111111-2222-4333-8444-555555555557",
		ids: []string{"prod/jwt"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
	"other-service.json": {kind: hintIgnored, event: "31111111-2222-4333-8444-555555555558",
		ids: []string{"arn:aws:s3:::bucket"}, at: time.Date(2026, 10, 23, 12, 26, 45, 0, time.UTC)},
}

func message(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "messages", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inSNS wraps a message as an SNS topic without raw delivery does.
func inSNS(t testing.TB, body []byte) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]any{
		"Type": "Notification", "MessageId": "99999999-2222-4333-8444-555555555555",
		"TopicArn": "arn:aws:sns:eu-west-1:123456789012:keyturn", "Message": string(body),
		"Timestamp": "2026-11-06T16:43:49.000Z", "SignatureVersion": "1", "Signature": "c2lnbmF0dXJl",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEachMessageIsReadAsWhatItTells(t *testing.T) {
	for name, want := range testMessages {
		t.Run(name, func(t *testing.T) {
			body := message(t, name)
			for how, body := range map[string][]byte{"plain": body, "through SNS": inSNS(t, body)} {
				got, err := parse(body)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v, %v\nwant %+v", how, got, err, want)
				}
			}
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "messages"))
	if err != nil || len(files) != len(testMessages) {
		t.Errorf("%d messages on file, %d read, %v", len(files), len(testMessages), err)
	}
}

func TestWhatIsNoEventIsPoison(t *testing.T) {
	label := message(t, "label.json")
	for _, tt := range []struct {
		name string
		body []byte
		want error
	}{
		{"nothing", nil, errNoJSON},
		{"words", []byte("hello"), errNoJSON},
		{"a list", []byte("[]"), errNoJSON},
		{"a text", []byte(`"label"`), errNoJSON},
		{"half an event", label[:len(label)/2], errNoJSON},
		{"two events", append(append([]byte{}, label...), label...), errNoJSON},
		{"another object", []byte(`{"hello":"world"}`), errNoEvent},
		{"an event without source", []byte(`{"detail-type":"Secret Label Updated"}`), errNoEvent},
		{"a notification of words", inSNS(t, []byte("hello")), errNoJSON},
		{"a notification in a notification", inSNS(t, inSNS(t, label)), errWrapping},
		{"too long", append([]byte(`{"x":"`+strings.Repeat("x", maxMessage)), label...), errTooLong},
	} {
		h, err := parse(tt.body)
		if !errors.Is(err, tt.want) || !reflect.DeepEqual(h, hint{}) {
			t.Errorf("%s: got %+v, %v, want %v", tt.name, h, err, tt.want)
		}
	}
}

func TestWhatHasTheWrongTypeIsMissing(t *testing.T) {
	got, err := parse([]byte(`{"id":7,"detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager","time":[],"resources":{},
		"detail":{"eventName":"PutSecretValue","requestParameters":"none","responseElements":[1],"additionalEventData":{"SecretId":"prod/jwt"},"readOnly":"false"}}`))
	if err != nil || got.kind != hintCall || !reflect.DeepEqual(got.ids, []string{"prod/jwt"}) || got.event != "" || got.version != "" || !got.at.IsZero() {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestACallThatChangedNothingIsIgnored(t *testing.T) {
	for _, tt := range []struct {
		name, detail string
		want         hintKind
	}{
		{"a change", `"eventName":"PutSecretValue"`, hintCall},
		{"a change that nobody knows yet", `"eventName":"TurnSecret"`, hintCall},
		{"refused, with a code", `"eventName":"PutSecretValue","errorCode":"AccessDenied"`, hintIgnored},
		{"refused, with a message", `"eventName":"PutSecretValue","errorMessage":"no"`, hintIgnored},
		{"a reading call", `"eventName":"TurnSecret","readOnly":true`, hintIgnored},
		{"a reading call by its name", `"eventName":"BatchGetSecretValue"`, hintIgnored},
		{"tags", `"eventName":"UntagResource"`, hintIgnored},
		{"a policy", `"eventName":"PutResourcePolicy"`, hintIgnored},
	} {
		got, err := parse([]byte(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager","detail":{` + tt.detail + `}}`))
		if err != nil || got.kind != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got.kind, err, tt.want)
		}
	}
}

func TestAnErrorQuotesNothingOfTheMessage(t *testing.T) {
	for _, body := range []string{"canary-1234", `{"canary-1234":`, `{"canary-1234":1}`, `{"id":"x" canary-1234}`} {
		if _, err := parse([]byte(body)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

// Property: an error comes with no hint and quotes nothing; whatever is read
// has a kind that is known and names of bounded length, none twice; and the
// same message through SNS tells the same.
func FuzzParse(f *testing.F) {
	files, err := os.ReadDir(filepath.Join("testdata", "messages"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body := message(f, file.Name())
		f.Add(body)
		f.Add(inSNS(f, body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := parse(body)
		if err != nil {
			if !reflect.DeepEqual(h, hint{}) {
				t.Fatalf("an error and %+v", h)
			}
			if err != errTooLong && err != errNoJSON && err != errNoEvent && err != errWrapping {
				t.Fatalf("an error of its own: %v", err)
			}
			return
		}
		switch h.kind {
		case hintLabel, hintCall, hintService, hintIgnored:
		default:
			t.Fatalf("kind %q", h.kind)
		}
		seen := map[string]bool{}
		for _, id := range h.ids {
			if id == "" || len(id) > maxID || seen[id] {
				t.Fatalf("ids %q", h.ids)
			}
			seen[id] = true
		}
		if len(h.ids) > 6 || len(h.event) > maxID || len(h.version) > maxID {
			t.Fatalf("too much: %+v", h)
		}
		if e, err := decode(body); err != nil || e.DetailType == "" {
			return // came through SNS already
		}
		wrapped := inSNS(t, body)
		if len(wrapped) > maxMessage || !validText(body) {
			return
		}
		if again, err := parse(wrapped); err != nil || !reflect.DeepEqual(again, h) {
			t.Fatalf("through SNS %+v, %v, plain %+v", again, err, h)
		}
	})
}

// validText says whether a body is UTF-8, as SQS and SNS demand.
func validText(body []byte) bool { return strings.ToValidUTF8(string(body), "") == string(body) }
