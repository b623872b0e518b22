package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// queueRemedies tell people what to do about a queue, by class.
var queueRemedies = map[class]string{
	classGone:        "there is no such queue: check hints.sqs, its account, and that its Region is the one that is asked",
	classDenied:      "the policy of this role does not allow it: attach deploy/aws/policies/watch.json with the ARN of the queue",
	classCredentials: "AWS accepts no credentials of this process: give it a role or a profile, and check its clock",
	classKMS:         "the KMS key of the queue can't be used: enable it, and allow this role kms:Decrypt",
	classThrottled:   "AWS allows no more calls at the moment: it is tried again",
	classTransient:   "AWS has a problem: it is tried again",
	classGarbled:     "whoever answers there is not SQS: check AWS_ENDPOINT_URL and proxies",
	classUnreachable: "SQS can't be reached: check network, endpoint and proxies",
	classEnded:       "it took too long or was ended",
	classInvalid:     "SQS does not take the request",
	classUnknown:     "see the code and the request id",
}

// classifyQueue says what a failed call to SQS means. Its codes:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html.
func classifyQueue(err error) class {
	var (
		api     smithy.APIError
		op      *smithy.OperationError
		missing *types.QueueDoesNotExist
		deleted *types.QueueDeletedRecently
		resent  *types.ReceiptHandleIsInvalid
	)
	switch {
	case errors.Is(err, context.Canceled):
		return classEnded
	case errors.As(err, &missing), errors.As(err, &deleted):
		return classGone
	case errors.As(err, &resent):
		return classInvalid
	}
	if errors.As(err, &api) {
		switch code := api.ErrorCode(); {
		case code == "AWS.SimpleQueueService.NonExistentQueue":
			return classGone
		case strings.HasPrefix(strings.ToLower(code), "kms"):
			return classKMS
		case deniedCodes[code]:
			return classDenied
		case credentialCodes[code]:
			return classCredentials
		case throttleCodes[code], code == "OverLimit":
			return classThrottled
		}
	}
	// The SDK has no type for credentials that it could not find or renew.
	if errors.As(err, &op) && op.ServiceID == awsQueueID {
		text := op.Err.Error()
		if strings.Contains(text, "get credentials") || strings.Contains(text, "get identity") || strings.Contains(text, "refresh cached credentials") {
			return classCredentials
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return classEnded
	}
	return classifyHTTP(err)
}

// awsQueueID is the name by which the SDK's errors know SQS.
const awsQueueID = "SQS"

// queueFailed turns an error of the SDK into one that may be shown: the SDK's
// own could quote a message.
func queueFailed(op, queue string, err error) error {
	var said []string
	var api smithy.APIError
	if errors.As(err, &api) && errorCode.MatchString(api.ErrorCode()) {
		said = append(said, api.ErrorCode())
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		said = append(said, fmt.Sprintf("HTTP status %d", answer.HTTPStatusCode()))
		if requestID.MatchString(answer.RequestID) {
			said = append(said, "request "+answer.RequestID)
		}
	}
	text := fmt.Sprintf("%s of queue %s: %s", op, queue, queueRemedies[classifyQueue(err)])
	if errors.As(err, &api) {
		if m := unpermitted.FindStringSubmatch(api.ErrorMessage()); m != nil {
			text += ": " + m[1] + " may not " + m[2]
		}
	}
	if len(said) > 0 {
		text += " (" + strings.Join(said, ", ") + ")"
	}
	return errors.New(text)
}
