package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// class says what a failed call to Secrets Manager means for a ring. It is
// also the label of the metric of errors.
type class string

const (
	classGone        class = "gone"         // there is no such secret here
	classAbsent      class = "absent"       // the secret is there, that version or label of it is not (yet, or any more)
	classMoved       class = "moved"        // the label is on another version than the one asked for
	classDeleted     class = "deleted"      // the secret is scheduled for deletion
	classUnfinished  class = "unfinished"   // an earlier rotation left AWSPENDING behind
	classNoLambda    class = "no_lambda"    // RotateSecret of a secret that has no rotation function
	classDenied      class = "denied"       // a policy does not allow the call
	classCredentials class = "credentials"  // there are no credentials, or AWS does not accept them
	classKMS         class = "kms"          // the KMS key is disabled, deleted or not permitted
	classThrottled   class = "throttled"    // too many calls
	classTransient   class = "transient"    // AWS has a problem, or the network has
	classQuota       class = "quota"        // 100 versions, 20 labels, or 65,536 bytes are used up
	classExists      class = "exists"       // the version id is taken by another value
	classConflict    class = "conflict"     // a label was moved by somebody else meanwhile
	classInvalid     class = "invalid"      // AWS does not take the request: wrong name, wrong Region, …
	classGarbled     class = "garbled"      // whoever answered is not Secrets Manager
	classUnreachable class = "unreachable"  // nobody answered
	classEnded       class = "ended"        // the caller's context ended
	classUnknown     class = "unclassified" // none of the above
)

// remedies tell people what to do, by class.
var remedies = map[class]string{
	classGone:        "there is no such secret here: check name, account and Region (AWS_REGION), or restore it",
	classAbsent:      "that version has no value: it is not written yet, or AWS has purged it",
	classMoved:       "its label has just moved to another version: look again",
	classDeleted:     "the secret is scheduled for deletion: restore it with aws secretsmanager restore-secret, or name another",
	classUnfinished:  "an earlier rotation is not complete: take AWSPENDING off the version that holds it (update-secret-version-stage --remove-from-version-id), then rotate again",
	classNoLambda:    "the secret has no rotation function: configure one, or let keyturn turn it (no rotateBy: lambda)",
	classDenied:      "the policy of this role does not allow it: attach the policies of deploy/aws; AWS says the same of a secret that does not exist",
	classCredentials: "AWS accepts no credentials of this process: give it a role or a profile, and check its clock",
	classKMS:         "the KMS key of the secret can't be used: enable it, and allow this role kms:Decrypt (to turn the key, kms:GenerateDataKey too)",
	classThrottled:   "AWS allows no more calls at the moment: poll less often, or ask for a higher quota",
	classTransient:   "AWS has a problem: it is tried again",
	classQuota:       "a limit of Secrets Manager is reached (about 100 versions, 20 labels, 65,536 bytes a secret): remove labels that nobody needs, or turn keys less often",
	classExists:      "a version of that id exists already with another value",
	classConflict:    "somebody else moved the label meanwhile: look again",
	classInvalid:     "Secrets Manager does not take the request: check the name or ARN, and that its Region is that of AWS_REGION",
	classGarbled:     "whoever answers there is not Secrets Manager: check AWS_ENDPOINT_URL and proxies",
	classUnreachable: "Secrets Manager can't be reached: check network, endpoint and proxies",
	classEnded:       "it took too long or was ended",
	classUnknown:     "see the code and the request id",
}

// credentialCodes are codes of answers to requests whose signature is not accepted.
var credentialCodes = map[string]bool{
	"UnrecognizedClientException": true, "InvalidClientTokenId": true, "InvalidSignatureException": true,
	"SignatureDoesNotMatch": true, "ExpiredToken": true, "ExpiredTokenException": true, "IncompleteSignature": true,
	"MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true, "RequestExpired": true,
	"AuthFailure": true, "InvalidAccessKeyId": true,
}

var deniedCodes = map[string]bool{
	"AccessDeniedException": true, "AccessDenied": true, "UnauthorizedOperation": true, "NotAuthorized": true, "OptInRequired": true,
}

var throttleCodes = map[string]bool{
	"ThrottlingException": true, "Throttling": true, "ThrottledException": true, "RequestThrottledException": true,
	"RequestThrottled": true, "RequestLimitExceeded": true, "TooManyRequestsException": true, "SlowDown": true,
	"BandwidthLimitExceeded": true, "PriorRequestNotComplete": true,
}

// classify says what an error of the SDK means: by its type, then by its code,
// then by the HTTP status of the answer. AWS tells some cases apart by the text
// of the message only; the rows follow
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
// and the errors of each action there.
func classify(err error) class {
	var api smithy.APIError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !asksCredentials(err):
		return classEnded
	case asksCredentials(err):
		return classCredentials
	case errors.As(err, &api):
		c := classifyAPI(err, api)
		if c == classUnknown {
			c = classifyHTTP(err)
		}
		if c == classGarbled && errorCode.MatchString(api.ErrorCode()) && api.ErrorCode() != noCode {
			return classUnknown // it speaks AWS's language, and says something new
		}
		return c
	}
	return classifyHTTP(err)
}

// classifyAPI judges an answer that carries an error of AWS.
func classifyAPI(err error, api smithy.APIError) class {
	says := func(parts ...string) bool {
		message := strings.ToLower(api.ErrorMessage())
		for _, p := range parts {
			if strings.Contains(message, p) {
				return true
			}
		}
		return false
	}
	var (
		notFound *types.ResourceNotFoundException
		request  *types.InvalidRequestException
		param    *types.InvalidParameterException
		exists   *types.ResourceExistsException
		limit    *types.LimitExceededException
		decrypt  *types.DecryptionFailure
		encrypt  *types.EncryptionFailure
		internal *types.InternalServiceError
		unmet    *types.PreconditionNotMetException
	)
	switch {
	case errors.As(err, &notFound):
		if says("secret value", "staging label", "versionid") {
			return classAbsent
		}
		return classGone
	case errors.As(err, &request):
		switch {
		case says("not associated"):
			return classMoved
		case says("deletion", "deleted"):
			return classDeleted
		case says("previous rotation"):
			return classUnfinished
		case says("no lambda"):
			return classNoLambda
		case says("kms"):
			return classKMS
		}
		return classInvalid
	case errors.As(err, &param):
		if says("removefromversionid", "currently attached", "staging label") {
			return classConflict
		}
		return classInvalid
	case errors.As(err, &exists):
		return classExists
	case errors.As(err, &limit):
		return classQuota
	case errors.As(err, &decrypt), errors.As(err, &encrypt):
		return classKMS
	case errors.As(err, &internal):
		return classTransient
	case errors.As(err, &unmet):
		return classConflict
	}
	switch code := api.ErrorCode(); {
	case deniedCodes[code]:
		if says("kms") {
			return classKMS
		}
		return classDenied
	case credentialCodes[code]:
		return classCredentials
	case throttleCodes[code]:
		return classThrottled
	case code == "ValidationException":
		return classInvalid
	case code == "InternalFailure", code == "ServiceUnavailable", code == "InternalServerError":
		return classTransient
	}
	return classUnknown
}

// classifyHTTP judges by the status of the answer, and by whether there is one.
func classifyHTTP(err error) class {
	var (
		answer   *awshttp.ResponseError
		sent     *smithyhttp.RequestSendError
		garbled  *smithy.DeserializationError
		netError net.Error
	)
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	switch {
	case status == 401, status == 403, status == 407:
		return classDenied
	case status == 408, status >= 500:
		return classTransient
	case status == 429:
		return classThrottled
	case errors.As(err, &sent), errors.As(err, &netError):
		return classUnreachable
	case status == 200, errors.As(err, &garbled), status >= 300:
		return classGarbled
	}
	return classUnknown
}

// asksCredentials reports whether the SDK failed to find or renew credentials:
// the call itself was never made. The SDK has no type for it.
func asksCredentials(err error) bool {
	for e := err; e != nil; {
		var op *smithy.OperationError
		if !errors.As(e, &op) {
			break
		}
		if op.ServiceID != awsServiceID {
			return true // a call to STS or SSO
		}
		e = op.Err
	}
	text := err.Error()
	return strings.Contains(text, "get credentials") || strings.Contains(text, "get identity") || strings.Contains(text, "refresh cached credentials")
}

// noCode is the code that the SDK gives an error which has none.
const noCode = "UnknownError"

// awsServiceID is the name by which the SDK's errors know Secrets Manager.
const awsServiceID = "Secrets Manager"

// failure is a failed call in words of our own. The SDK's error is not kept: it
// may hold the answer, and an answer may hold a value.
type failure struct {
	op      string // of the API, "DescribeSecret"
	secret  string
	class   class
	code    string // AWS's code; empty: the answer had none
	status  int    // of HTTP; 0: there was no answer
	request string // AWS's id of the request, for its support; may be empty
	who     string // for classDenied: the principal and the action, as AWS names them
	cause   error  // an error of package context, or nil
}

// Error names the call, the secret, what AWS said, and what to do.
func (f *failure) Error() string {
	var said []string
	if f.code != "" {
		said = append(said, f.code)
	}
	if f.status != 0 {
		said = append(said, fmt.Sprintf("HTTP status %d", f.status))
	}
	if f.request != "" {
		said = append(said, "request "+f.request)
	}
	text := fmt.Sprintf("%s of secret %s: %s", f.op, f.secret, remedies[f.class])
	if f.who != "" {
		text += ": " + f.who
	}
	if len(said) > 0 {
		text += " (" + strings.Join(said, ", ") + ")"
	}
	return text
}

// Unwrap returns the context's error where the call was ended.
func (f *failure) Unwrap() error { return f.cause }

var (
	errorCode   = regexp.MustCompile(`^[A-Za-z0-9_.:#-]{1,80}$`)
	requestID   = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	unpermitted = regexp.MustCompile(`(arn:[\w:+=,.@/-]{1,200}) is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)`)
)

// failed turns an error of the SDK into one that may be shown. nil stays nil.
func failed(op, secret string, err error) error {
	if err == nil {
		return nil
	}
	f := &failure{op: op, secret: secret, class: classify(err)}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			f.cause = ended
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		if errorCode.MatchString(api.ErrorCode()) && api.ErrorCode() != noCode {
			f.code = api.ErrorCode()
		}
		if m := unpermitted.FindStringSubmatch(api.ErrorMessage()); m != nil {
			f.who = m[1] + " may not " + m[2]
		}
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		f.status = answer.HTTPStatusCode()
		if requestID.MatchString(answer.RequestID) {
			f.request = answer.RequestID
		}
	}
	return f
}

// classOf returns the class of an error that [failed] made, or the empty class.
func classOf(err error) class {
	var f *failure
	if errors.As(err, &f) {
		return f.class
	}
	return ""
}

// refused reports whether AWS will not hand out the value until a person has
// changed something, so that asking again and again is of no use.
func (c class) refused() bool { return c == classKMS || c == classDenied }
