package awsfake

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

func TestErrorsBecomeTheSDKsOwn(t *testing.T) {
	show(t, []row{
		{"secret gone, wrong name or wrong Region: ResourceNotFoundException", func(w *world) {
			_, err := w.get("", "")
			wantType[*types.ResourceNotFoundException](w, err)
			w.wantError(err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}},
		{"label or value missing: the same type, only the message differs", func(w *world) {
			w.Create(name, String("1"))
			_, err := w.get("", Pending)
			wantType[*types.ResourceNotFoundException](w, err)
			w.wantError(err, "ResourceNotFoundException", "secret value for staging label: AWSPENDING")
			id := newID()
			_, err = w.get(id, "")
			w.wantError(err, "ResourceNotFoundException", "secret value for VersionId: "+id)
		}},
		{"key denied: AccessDeniedException that names KMS; Describe goes on", func(w *world) {
			w.Create(name, String("1"))
			w.KMS(KMSDenied)
			_, err := w.get("", "")
			w.wantError(err, "AccessDeniedException", "KMS")
			w.describe()
		}},
		{"key disabled: DecryptionFailure to read, EncryptionFailure to write, and nothing is stored", func(w *world) {
			w.Create(name, String("1"))
			w.KMS(KMSDisabled)
			_, err := w.get("", "")
			wantType[*types.DecryptionFailure](w, err)
			_, err = w.put("", "2")
			wantType[*types.EncryptionFailure](w, err)
			if len(w.Versions(name)) != 1 {
				w.Fatal("a version was made")
			}
		}},
		{"unknown credentials: 403 UnrecognizedClientException", func(w *world) {
			cfg := w.Config(Admin)
			cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAELSE", "x", "")
			_, err := sm.NewFromConfig(cfg).DescribeSecret(context.Background(), &sm.DescribeSecretInput{SecretId: aws.String(name)})
			w.wantError(err, "UnrecognizedClientException", "invalid")
		}},
		{"throttling: the SDK tries three times, then says ThrottlingException", func(w *world) {
			w.Create(name, String("1"))
			w.sm = sm.NewFromConfig(w.Config(Admin), func(o *sm.Options) { o.Retryer = quickRetries() })
			w.Throttle(2)
			w.describe()
			w.Throttle(3)
			_, err := w.get("", "")
			w.wantError(err, "ThrottlingException", "Rate exceeded")
			if got := w.Calls("DescribeSecret") + w.Calls("GetSecretValue"); got != 6 {
				w.Fatalf("got %d tries, want 3 and 3", got)
			}
		}},
		{"5xx InternalServiceError is transient", func(w *world) {
			w.Create(name, String("1"))
			w.Fake.Fail("DescribeSecret", 1, "InternalServiceError", "An error occurred on the server side.")
			_, err := w.sm.DescribeSecret(context.Background(), &sm.DescribeSecretInput{SecretId: aws.String(name)})
			wantType[*types.InternalServiceError](w, err)
			w.describe()
		}},
		{"LimitExceededException is one that the SDK retries", func(w *world) {
			w.Create(name, String("1"))
			w.sm = sm.NewFromConfig(w.Config(Admin), func(o *sm.Options) { o.Retryer = quickRetries() })
			w.Fake.Fail("PutSecretValue", 3, "LimitExceededException", "quota")
			_, err := w.put("", "2")
			wantType[*types.LimitExceededException](w, err)
			if got := w.Calls("PutSecretValue"); got != 3 {
				w.Fatalf("got %d tries, want 3", got)
			}
		}},
		{"without a token: InvalidRequestException, and InvalidParameterException from RotateSecret", func(w *world) {
			w.Create(name, String("1"))
			for op, code := range map[string]string{
				"PutSecretValue": "InvalidRequestException", "UpdateSecret": "InvalidRequestException",
				"CreateSecret": "InvalidRequestException", "RotateSecret": "InvalidParameterException",
			} {
				body := answer{"SecretId": name, "SecretString": "2"}
				if op == "CreateSecret" {
					body = answer{"Name": "other", "SecretString": "2"}
				}
				if got := w.raw(op, mustJSON(body)); !strings.Contains(got, code) || !strings.Contains(got, "You must provide a ClientRequestToken value. We recommend a UUID-type value.") {
					w.Fatalf("%s: got %s, want %s", op, got, code)
				}
			}
		}},
		{"an answer may be 403 with XML, which is no error of AWS", func(w *world) {
			w.Create(name, String("1"))
			w.XML403(true)
			_, err := w.get("", "")
			var api smithy.APIError
			if response, ok := errors.AsType[*awshttp.ResponseError](err); !ok || response.HTTPStatusCode() != 403 || errors.As(err, &api) {
				w.Fatalf("got %v, want a bare 403", err)
			}
		}},
		{"the answer of a call that took effect may be lost: the SDK tries again with the same token", func(w *world) {
			w.Create(name, String("1"))
			w.sm = sm.NewFromConfig(w.Config(Admin), func(o *sm.Options) { o.Retryer = quickRetries() })
			var remove func()
			remove = w.After("PutSecretValue", func(Call) Outcome { remove(); return Lose })
			id := w.mustPut("2", Pending)
			if got := w.Versions(name); w.Calls("PutSecretValue") != 2 || len(got) != 2 || got[1] != id {
				w.Fatalf("%d calls made versions %v, want two calls and one version %s", w.Calls("PutSecretValue"), got, id)
			}
		}},
		{"an answer may take its time", func(w *world) {
			w.Create(name, String("1"))
			w.Latency(time.Hour)
			ctx, cancel := context.WithCancel(context.Background())
			w.Before("DescribeSecret", func(Call) { cancel() })
			_, err := w.sm.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: aws.String(name)})
			if !errors.Is(err, context.Canceled) {
				w.Fatal(err)
			}
		}},
	})
}

// raw sends a body past the SDK and returns the answer's.
func (w *world) raw(op, body string) string {
	w.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL, bytes.NewReader([]byte(body)))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager."+op)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey(Admin)+"/20260101/"+Region+"/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
	res, err := w.server.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out bytes.Buffer
	if _, err := out.ReadFrom(res.Body); err != nil {
		w.Fatal(err)
	}
	return out.String()
}

func TestReadsMayLag(t *testing.T) {
	w := newWorld(t)
	w.Create(name, String("1"))
	for i := range 3 {
		w.Tag(name, "n", string(rune('a'+i)))
		w.mustPut(string(rune('2' + i)))
	}
	w.Stale(0.2)
	stale := 0
	const reads = 500
	for range reads {
		got := w.mustGet("", "")
		if got != "4" {
			stale++
		}
		if got < "2" {
			t.Fatalf("got %q, further behind than three states", got)
		}
	}
	if stale < reads/20 || stale > reads/3 {
		t.Errorf("%d of %d reads were behind, want about a fifth less those that only a tag made old", stale, reads)
	}
	w.Stale(0)
	if got := w.mustGet("", ""); got != "4" {
		t.Errorf("got %q, want the newest", got)
	}
}

func TestAnEmulatorsHabitsCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	w.Create(name, String("1"))
	v1, v2, v3 := w.Holder(name, Current), w.mustPut("2"), w.mustPut("3")
	w.TwoCurrent(name, true)
	if d := w.describe().VersionIdsToStages; len(d[v2]) != 2 || len(d[v3]) != 1 {
		t.Errorf("got %v, want AWSCURRENT on both", d)
	}
	w.TwoCurrent(name, false)
	w.Untidy(true)
	if d := w.describe().VersionIdsToStages; d[v1] == nil || len(d[v1]) != 0 || len(d[v3]) != 2 {
		t.Errorf("got %v, want an empty list for %s and doubled labels", d, v1)
	}
	w.Untidy(false)
	w.wantLabels(map[string][]string{v2: {Previous}, v3: {Current}})
}

func TestALabelMovesBetweenDescribeAndRead(t *testing.T) {
	w := newWorld(t)
	w.Create(name, String("1"))
	v1 := w.Holder(name, Current)
	var remove func()
	remove = w.Before("GetSecretValue", func(c Call) {
		if c.Secret != name || c.Version != v1 || c.Stage != Current {
			t.Errorf("got call %+v", c)
		}
		remove()
		w.Put(name, String("2"))
	})
	_, err := w.get(v1, Current)
	w.wantError(err, "InvalidRequestException", "not associated")
	if got := w.mustGet("", ""); got != "2" {
		t.Errorf("got %q, want the new value", got)
	}
}

func TestTheJournalKeepsWhoDidWhatAndNoValue(t *testing.T) {
	w := newWorld(t)
	const canary = "canary-5d41402abc4b2a76"
	w.Create(name, String(canary))
	w.mustGet("", "")
	if _, err := w.put("", canary, Pending); err != nil {
		t.Fatal(err)
	}
	q := w.Queue("q")
	w.Subscribe(q, Rule{Native: true, Trail: true, Failed: true})
	_, _ = w.put(w.Holder(name, Current), canary+"x") // refused: the token is taken
	w.mustPut(canary + "y")
	calls := w.Journal()
	if len(calls) != 4 || calls[1].Op != "PutSecretValue" || calls[1].Who != Admin || calls[1].Stage != Pending || calls[2].Code != "ResourceExistsException" {
		t.Errorf("got %+v", calls)
	}
	all := mustJSON(calls) + strings.Join(q.Bodies(), "") + mustJSON(w.Value(name, w.Holder(name, Current))) + w.Value(name, w.Holder(name, Current)).redacted()
	if strings.Contains(all, canary) || !strings.Contains(all, "[redacted]") {
		t.Error("a value shows in journal, events or formatting")
	}
}
