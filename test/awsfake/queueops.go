package awsfake

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// queueOperations are the operations of SQS.
var queueOperations = map[string]operation{
	"ReceiveMessage":               (*Fake).receiveMessage,
	"DeleteMessage":                (*Fake).deleteMessage,
	"DeleteMessageBatch":           (*Fake).deleteMessageBatch,
	"ChangeMessageVisibility":      (*Fake).changeVisibility,
	"ChangeMessageVisibilityBatch": (*Fake).changeVisibilityBatch,
	"GetQueueAttributes":           (*Fake).queueAttributes,
	"GetQueueUrl":                  (*Fake).queueURL,
	"SendMessage":                  (*Fake).sendMessage,
}

// receive is the input of ReceiveMessage.
type receive struct {
	QueueUrl                                    string
	MaxNumberOfMessages                         int
	WaitTimeSeconds, VisibilityTimeout          *int
	AttributeNames, MessageSystemAttributeNames []string
}

func (f *Fake) receiveMessage(req *request) (answer, error) {
	var in receive
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	n := max(1, in.MaxNumberOfMessages)
	if n > 10 || in.WaitTimeSeconds != nil && (*in.WaitTimeSeconds < 0 || *in.WaitTimeSeconds > 20) {
		return nil, refuse("InvalidParameterValue", "MaxNumberOfMessages must be 1-10, WaitTimeSeconds 0-20.")
	}
	hide := q.visibility
	if in.VisibilityTimeout != nil {
		hide = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	taken := q.take(n, hide)
	if len(taken) == 0 {
		req.hold = true
		return nil, nil
	}
	list := make([]answer, len(taken))
	for i, m := range taken {
		list[i] = answer{"MessageId": m.id, "ReceiptHandle": m.handle, "Body": m.body, "MD5OfBody": md5Of(m.body)}
		attributes := map[string]string{}
		names := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
		for name, v := range map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(m.receives),
			"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstSeen.UnixMilli(), 10),
		} {
			if slices.Contains(names, "All") || slices.Contains(names, name) {
				attributes[name] = v
			}
		}
		if len(attributes) > 0 {
			list[i]["Attributes"] = attributes
		}
	}
	return answer{"Messages": list}, nil
}

// patience is how long a receive that found nothing waits before it looks again:
// until the next hidden message shows or its own wait is over. Called with mu held.
func (f *Fake) patience(req *request, started time.Time) time.Duration {
	var in receive
	if req.read(&in) != nil {
		return 0
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return 0
	}
	wait := q.wait
	if in.WaitTimeSeconds != nil {
		wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	left := wait - time.Since(started)
	if at := q.next(); !at.IsZero() {
		left = min(left, max(time.Millisecond, at.Sub(f.now())))
	}
	if time.Since(started) >= wait {
		return 0
	}
	return left
}

func badHandle() *apiError {
	return &apiError{code: "ReceiptHandleIsInvalid", message: "The input receipt handle is invalid.", status: 400}
}

// remove deletes by receipt handle. One of an earlier receive succeeds and
// deletes nothing.
func (q *Queue) remove(handle string) *apiError {
	if len(handle) != 48 {
		return badHandle()
	}
	if m := q.held(handle); m != nil {
		q.messages = slices.DeleteFunc(q.messages, func(x *message) bool { return x == m })
		q.deleted++
	}
	return nil
}

func (f *Fake) deleteMessage(req *request) (answer, error) {
	var in struct{ QueueUrl, ReceiptHandle string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := q.remove(in.ReceiptHandle); err != nil {
		return nil, err
	}
	return nil, nil
}

// hide sets anew how long a message in flight stays hidden; zero gives it back.
func (q *Queue) hide(handle string, seconds int) *apiError {
	if len(handle) != 48 {
		return badHandle()
	}
	now := q.fake.now()
	m := q.held(handle)
	if m == nil || !m.inflight || m.visible.Before(now) {
		return &apiError{code: "MessageNotInflight", message: "The message is not in flight.", status: 400, query: "AWS.SimpleQueueService.MessageNotInflight"}
	}
	if seconds < 0 || seconds > 43_200 {
		return refuse("InvalidParameterValue", "VisibilityTimeout must be 0-43200.")
	}
	m.visible, m.inflight = now.Add(time.Duration(seconds)*time.Second), seconds > 0
	q.fake.nudge()
	return nil
}

func (f *Fake) changeVisibility(req *request) (answer, error) {
	var in struct {
		QueueUrl, ReceiptHandle string
		VisibilityTimeout       int
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := q.hide(in.ReceiptHandle, in.VisibilityTimeout); err != nil {
		return nil, err
	}
	return nil, nil
}

type batchEntry struct {
	Id, ReceiptHandle string
	VisibilityTimeout int
}

func (f *Fake) batch(req *request, each func(*Queue, batchEntry) *apiError) (answer, error) {
	var in struct {
		QueueUrl string
		Entries  []batchEntry
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	switch {
	case err != nil:
		return nil, err
	case len(in.Entries) == 0:
		return nil, &apiError{code: "EmptyBatchRequest", message: "The batch request doesn't contain any entries.", status: 400, query: "AWS.SimpleQueueService.EmptyBatchRequest"}
	case len(in.Entries) > 10:
		return nil, &apiError{code: "TooManyEntriesInBatchRequest", message: "Maximum number of entries per request are 10.", status: 400, query: "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"}
	}
	good, bad := []answer{}, []answer{}
	for _, e := range in.Entries {
		if err := each(q, e); err != nil {
			bad = append(bad, answer{"Id": e.Id, "Code": err.code, "Message": err.message, "SenderFault": true})
			continue
		}
		good = append(good, answer{"Id": e.Id})
	}
	return answer{"Successful": good, "Failed": bad}, nil
}

func (f *Fake) deleteMessageBatch(req *request) (answer, error) {
	return f.batch(req, func(q *Queue, e batchEntry) *apiError { return q.remove(e.ReceiptHandle) })
}

func (f *Fake) changeVisibilityBatch(req *request) (answer, error) {
	return f.batch(req, func(q *Queue, e batchEntry) *apiError { return q.hide(e.ReceiptHandle, e.VisibilityTimeout) })
}

func (f *Fake) queueAttributes(req *request) (answer, error) {
	var in struct {
		QueueUrl       string
		AttributeNames []string
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	now := f.now()
	q.expire(now)
	var visible, inflight, delayed int
	for _, m := range q.messages {
		switch {
		case !m.visible.After(now):
			visible++
		case m.inflight:
			inflight++
		default:
			delayed++
		}
	}
	all := map[string]string{
		"QueueArn":                              q.ARN,
		"VisibilityTimeout":                     strconv.Itoa(int(q.visibility.Seconds())),
		"ReceiveMessageWaitTimeSeconds":         strconv.Itoa(int(q.wait.Seconds())),
		"MessageRetentionPeriod":                strconv.Itoa(int(q.retention.Seconds())),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inflight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
	}
	if q.DLQ != nil {
		all["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, q.DLQ.ARN, q.maxReceive)
	}
	out := map[string]string{}
	for name, v := range all {
		if slices.Contains(in.AttributeNames, "All") || slices.Contains(in.AttributeNames, name) {
			out[name] = v
		}
	}
	return answer{"Attributes": out}, nil
}

func (f *Fake) queueURL(req *request) (answer, error) {
	var in struct{ QueueName string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueName)
	if err != nil {
		return nil, err
	}
	return answer{"QueueUrl": q.URL}, nil
}

func (f *Fake) sendMessage(req *request) (answer, error) {
	var in struct {
		QueueUrl, MessageBody string
		DelaySeconds          int
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	q, err := f.queueOf(req, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	m := q.add(in.MessageBody, time.Duration(in.DelaySeconds)*time.Second)
	return answer{"MessageId": m.id, "MD5OfMessageBody": md5Of(m.body)}, nil
}
