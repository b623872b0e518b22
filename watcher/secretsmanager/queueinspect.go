package secretsmanager

import (
	"context"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// QueueInspection tells what a queue of hints looks like.
type QueueInspection struct {
	Name        string
	Waiting     int           // messages that nobody has received yet, about
	InFlight    int           // received and not deleted, about
	Delayed     int           // not to be received yet, about
	Retention   time.Duration // how long a message is kept
	DeadLetters string        // ARN of the queue for what was received too often; empty: none
	MaxReceives int           // how often is too often
	KMSKey      string        // of the customer; empty: AWS's own, or none
	FromEvents  bool          // its policy names EventBridge or SNS, which fill it
}

// InspectQueue asks for the attributes of a queue and changes nothing. It
// receives no message, so it can't tell how old they are; see [Queue.Age].
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func InspectQueue(ctx context.Context, queueURL string, client *sqs.Client) (QueueInspection, error) {
	name := path.Base(queueURL)
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(queueURL), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return QueueInspection{}, queueFailed("GetQueueAttributes", name, err)
	}
	return newQueueInspection(name, out.Attributes), nil
}

func newQueueInspection(name string, attributes map[string]string) QueueInspection {
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(attributes[string(name)]) // missing: 0
		return n
	}
	i := QueueInspection{
		Name:    name,
		Waiting: number(types.QueueAttributeNameApproximateNumberOfMessages), InFlight: number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		Delayed:   number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
		Retention: time.Duration(number(types.QueueAttributeNameMessageRetentionPeriod)) * time.Second,
		KMSKey:    attributes[string(types.QueueAttributeNameKmsMasterKeyId)],
	}
	var redrive struct {
		DeadLetterTargetARN string      `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.Number `json:"maxReceiveCount"` // a number, or one in quotes
	}
	// What can't be read is taken as missing.
	_ = json.Unmarshal([]byte(attributes[string(types.QueueAttributeNameRedrivePolicy)]), &redrive)
	i.DeadLetters = redrive.DeadLetterTargetARN
	i.MaxReceives, _ = strconv.Atoi(redrive.MaxReceiveCount.String())
	policy := attributes[string(types.QueueAttributeNamePolicy)]
	i.FromEvents = strings.Contains(policy, "events.amazonaws.com") || strings.Contains(policy, "sns.amazonaws.com")
	return i
}

// Age tells when the queue last answered (zero: it never has), how many
// messages wait for a look, and when the oldest of them was received.
func (q *Queue) Age() (answered time.Time, waiting int, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.good, len(q.inbox.waiting), q.inbox.oldest()
}
