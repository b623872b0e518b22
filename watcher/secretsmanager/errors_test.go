package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const canary = "canary-8f2d61-in-no-error"

// answering is a client of an endpoint that gives every call this answer.
func answering(t testing.TB, status int, content, body string) *awssm.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what was asked does not matter here
		w.Header().Set("Content-Type", content)
		w.Header().Set("X-Amzn-Requestid", "11111111-2222-3333-4444-555555555555")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a caller that went away is another test's
	}))
	t.Cleanup(server.Close)
	return clientOf(server.URL, server.Client())
}

func clientOf(url string, via *http.Client) *awssm.Client {
	return awssm.New(awssm.Options{
		Region: awsfake.Region, BaseEndpoint: aws.String(url), HTTPClient: via, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canary, ""),
	})
}

// apiError is the body of an error of AWS.
func apiError(code, message string) string {
	return fmt.Sprintf(`{"__type":"com.amazonaws.secretsmanager#%s","Message":%q}`, code, message)
}

const jsonType = "application/x-amz-json-1.1"

func TestEachErrorIsTakenForWhatItMeans(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		content string
		body    string
		want    class
	}{
		{"no secret", 400, jsonType, apiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret."), classGone},
		{"no value at a label", 400, jsonType, apiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSPENDING"), classAbsent},
		{"no value at an id", 400, jsonType, apiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: x"), classAbsent},
		{"label on another version", 400, jsonType, apiError("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId."), classMoved},
		{"scheduled for deletion", 400, jsonType, apiError("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."), classDeleted},
		{"deleted", 400, jsonType, apiError("InvalidRequestException", "You can’t perform this operation on the secret because it was deleted."), classDeleted},
		{"rotation under way", 400, jsonType, apiError("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted."), classUnfinished},
		{"no rotation function", 400, jsonType, apiError("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret."), classNoLambda},
		{"another refusal", 400, jsonType, apiError("InvalidRequestException", "no "+canary), classInvalid},
		{"label held by another", 400, jsonType, apiError("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version x, so you must explicitly reference that version in RemoveFromVersionId."), classConflict},
		{"bad parameter", 400, jsonType, apiError("InvalidParameterException", "Invalid name "+canary), classInvalid},
		{"bad request", 400, jsonType, apiError("ValidationException", "Value '"+canary+"' at 'secretString' failed"), classInvalid},
		{"token reused", 400, jsonType, apiError("ResourceExistsException", "a resource with the ID you requested already exists."), classExists},
		{"too much", 400, jsonType, apiError("LimitExceededException", "You have exceeded the limit of 20 labels"), classQuota},
		{"key disabled", 400, jsonType, apiError("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key."), classKMS},
		{"key does not encrypt", 400, jsonType, apiError("EncryptionFailure", "Secrets Manager can't encrypt"), classKMS},
		{"key denied", 400, jsonType, apiError("AccessDeniedException", "Access to KMS is not allowed"), classKMS},
		{"denied", 400, jsonType, apiError("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/app/i-1 is not authorized to perform: secretsmanager:GetSecretValue on resource: "+canary), classDenied},
		{"unknown key id", 400, jsonType, apiError("UnrecognizedClientException", "The security token included in the request is invalid."), classCredentials},
		{"unknown key id, 403", 403, jsonType, apiError("InvalidClientTokenId", canary), classCredentials},
		{"session over", 400, jsonType, apiError("ExpiredTokenException", canary), classCredentials},
		{"clock wrong", 400, jsonType, apiError("InvalidSignatureException", "Signature expired: "+canary), classCredentials},
		{"throttled", 400, jsonType, apiError("ThrottlingException", "Rate exceeded"), classThrottled},
		{"throttled by status", 429, "text/plain", canary, classThrottled},
		{"service broken", 500, jsonType, apiError("InternalServiceError", canary), classTransient},
		{"service away", 503, jsonType, apiError("ServiceUnavailable", canary), classTransient},
		{"unmet", 400, jsonType, apiError("PreconditionNotMetException", canary), classConflict},
		{"a code that nobody knows", 400, jsonType, apiError("TeapotException", canary), classUnknown},
		{"a code that is no code", 400, jsonType, apiError("a "+canary+" b", canary), classGarbled},
		{"403 in XML", 403, "application/xml", "<Error><Code>AccessDenied</Code><Message>" + canary + "</Message></Error>", classDenied},
		{"a proxy wants a name", 407, "text/html", "<html>" + canary, classDenied},
		{"a proxy's page", 200, "text/html", "<html>" + canary + "</html>", classGarbled},
		{"a proxy's error page", 502, "text/html", "<html>" + canary, classTransient},
		{"a page that is not there", 404, "text/html", "<html>" + canary, classGarbled},
		{"half an answer", 200, jsonType, `{"SecretString":"` + canary, classGarbled},
		{"an answer that says nothing", 200, jsonType, `{}`, classGarbled},
		{"an answer of another version", 200, jsonType, `{"VersionId":"other","SecretString":"` + canary + `"}`, classGarbled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, raw(1))
			s.open(Config{Client: answering(t, c.status, c.content, c.body)})
			_, describe := s.store.describe(t.Context())
			_, get := s.store.value(t.Context(), "11111111-2222-3333-4444-555555555555", labelCurrent)
			_, put := s.store.client.PutSecretValue(t.Context(), &awssm.PutSecretValueInput{SecretId: aws.String(secretName), SecretString: aws.String(canary), ClientRequestToken: aws.String("11111111-2222-3333-4444-555555555555")})
			answers := map[string]error{"DescribeSecret": describe, "GetSecretValue": get}
			if put != nil {
				answers["PutSecretValue"] = failed("PutSecretValue", secretName, put)
			}
			for op, err := range answers {
				if err == nil {
					t.Errorf("%s went well", op)
					continue
				}
				text := fmt.Sprintf("%v %+v %#v", err, err, err)
				if got := classOf(err); got != c.want {
					t.Errorf("%s: got class %q, want %q: %v", op, got, c.want, err)
				}
				if !strings.Contains(err.Error(), op) || !strings.Contains(err.Error(), remedies[c.want]) {
					t.Errorf("%s: names neither call nor remedy: %v", op, err)
				}
				if strings.Contains(text, canary) {
					t.Errorf("%s: shows the canary: %s", op, text)
				}
			}
			for _, entry := range s.logs.All() {
				if strings.Contains(fmt.Sprint(entry.Message, entry.ContextMap()), canary) {
					t.Errorf("the log shows the canary: %v", entry)
				}
			}
			if n := s.counted("keyturn_secretsmanager_errors_total", "class="+string(c.want)); n != 2 {
				t.Errorf("counted %v errors of the class, want 2", n)
			}
		})
	}
}

func TestEveryClassHasARemedy(t *testing.T) {
	for _, c := range []class{classGone, classAbsent, classMoved, classDeleted, classUnfinished, classNoLambda, classDenied, classCredentials, classKMS,
		classThrottled, classTransient, classQuota, classExists, classConflict, classInvalid, classGarbled, classUnreachable, classEnded, classUnknown} {
		if remedies[c] == "" {
			t.Errorf("class %s has none", c)
		}
	}
}

func TestADeniedCallNamesWhoMayNotDoWhat(t *testing.T) {
	s := newScene(t, raw(1))
	s.open(Config{Client: s.client("nobody", awsfake.Region)})
	if _, err := s.store.describe(t.Context()); classOf(err) != classCredentials {
		t.Errorf("an unknown key: got %v", err)
	}
	s.open(Config{Client: answering(t, 400, jsonType, apiError("AccessDeniedException",
		"User: arn:aws:sts::123456789012:assumed-role/app/i-1 is not authorized to perform: secretsmanager:DescribeSecret on resource: x"))})
	_, err := s.store.describe(t.Context())
	if want := "arn:aws:sts::123456789012:assumed-role/app/i-1 may not secretsmanager:DescribeSecret"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

type noCredentials struct{ err error }

func (n noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, n.err
}

func TestWhoCannotAskIsToldWhy(t *testing.T) {
	s := newScene(t, raw(1))
	open := func(c *awssm.Client) { s.open(Config{Client: c}) }
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()

	open(clientOf(closed.URL, closed.Client()))
	if _, err := s.store.describe(t.Context()); classOf(err) != classUnreachable {
		t.Errorf("nobody there: got %v", err)
	}

	open(awssm.New(awssm.Options{Region: awsfake.Region, BaseEndpoint: aws.String(s.URL), RetryMaxAttempts: 1,
		Credentials: aws.NewCredentialsCache(noCredentials{errors.New("no EC2 IMDS role found " + canary)})}))
	_, err := s.store.describe(t.Context())
	if classOf(err) != classCredentials || strings.Contains(err.Error(), canary) {
		t.Errorf("no credentials: got %v", err)
	}

	s.open(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.store.describe(ctx); classOf(err) != classEnded || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if _, err := s.store.Look(ctx, rotation.State{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled look: got %v", err)
	}
	s.Latency(time.Minute)
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.store.describe(ctx); classOf(err) != classEnded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too slow: got %v", err)
	}
	s.Latency(0)
}

func TestThrottlingAndFaultsAreErrorsAndNoEvents(t *testing.T) {
	for name, fault := range map[string]func(s *scene){
		"throttled":  func(s *scene) { s.Throttle(100) },
		"xml 403":    func(s *scene) { s.XML403(true) },
		"broken":     func(s *scene) { s.Fake.Fail("", 100, "InternalServiceError", canary) },
		"get broken": func(s *scene) { s.Fake.Fail("GetSecretValue", 100, "InternalServiceError", canary) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, raw(1))
			st := s.first()
			s.put(raw(2))
			fault(s)
			if err := s.lookError(st); strings.Contains(err.Error(), canary) {
				t.Errorf("shows the canary: %v", err)
			}
			k, _ := st.Current()
			if _, err := s.store.Value(t.Context(), st, k); err != nil {
				t.Errorf("a value that was read before: %v", err)
			}
		})
	}
}
