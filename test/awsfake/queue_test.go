package awsfake

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func (w *world) delete(q *Queue, handle *string) error {
	_, err := w.sqs.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: aws.String(q.URL), ReceiptHandle: handle})
	return err
}

func TestQueuesAreAsOnAWS(t *testing.T) {
	show(t, []row{
		{"a long poll waits until a message comes", func(w *world) {
			q := w.Queue("q")
			got := make(chan []types.Message)
			arrived := make(chan struct{})
			w.Before("ReceiveMessage", func(Call) { close(arrived) })
			go func() { got <- w.receive(q, 20) }()
			<-arrived
			select {
			case <-got:
				w.Fatal("it did not wait")
			case <-time.After(20 * time.Millisecond):
			}
			q.Send("hello")
			if m := <-got; len(m) != 1 || *m[0].Body != "hello" {
				w.Fatalf("got %v", m)
			}
		}},
		{"a long poll ends empty when its time is over", func(w *world) {
			if got := w.receive(w.Queue("q"), 1); len(got) != 0 {
				w.Fatalf("got %v", got)
			}
		}},
		{"a received message is hidden for the visibility timeout, then comes again with a higher count", func(w *world) {
			q := w.Queue("q")
			q.Send("hello")
			first := w.receive(q, 0)
			if len(first) != 1 || first[0].Attributes["ApproximateReceiveCount"] != "1" || len(w.receive(q, 0)) != 0 {
				w.Fatalf("got %v, and it is not hidden", first)
			}
			w.Advance(61 * time.Second)
			second := w.receive(q, 0)
			if len(second) != 1 || *second[0].MessageId != *first[0].MessageId || second[0].Attributes["ApproximateReceiveCount"] != "2" {
				w.Fatalf("got %v", second)
			}
		}},
		{"only the newest receipt handle deletes", func(w *world) {
			q := w.Queue("q")
			q.Send("hello")
			old := w.receive(q, 0)[0].ReceiptHandle
			w.Advance(61 * time.Second)
			fresh := w.receive(q, 0)[0].ReceiptHandle
			if err := w.delete(q, old); err != nil || q.Len() != 1 {
				w.Fatal("the old handle deleted it", err)
			}
			if err := w.delete(q, fresh); err != nil || q.Len() != 0 || q.Deleted() != 1 {
				w.Fatal("the new handle did not delete it", err)
			}
			wantType[*types.ReceiptHandleIsInvalid](w, w.delete(q, aws.String("x")))
		}},
		{"ChangeMessageVisibility gives a message back or keeps it longer; not in flight is an error", func(w *world) {
			q := w.Queue("q")
			q.Send("hello")
			m := w.receive(q, 0)[0]
			change := func(seconds int32) error {
				_, err := w.sqs.ChangeMessageVisibility(context.Background(), &sqs.ChangeMessageVisibilityInput{QueueUrl: aws.String(q.URL), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds})
				return err
			}
			if err := change(3600); err != nil {
				w.Fatal(err)
			}
			w.Advance(2 * time.Minute)
			if len(w.receive(q, 0)) != 0 {
				w.Fatal("it came back too early")
			}
			if err := change(0); err != nil {
				w.Fatal(err)
			}
			wantType[*types.MessageNotInflight](w, change(0))
			if len(w.receive(q, 0)) != 1 {
				w.Fatal("it did not come back")
			}
		}},
		{"after five receives a message moves to the dead-letter queue", func(w *world) {
			q := w.Queue("q")
			q.Send("poison")
			for i := range 5 {
				if len(w.receive(q, 0)) != 1 {
					w.Fatalf("receive %d got nothing", i+1)
				}
				w.Advance(61 * time.Second)
			}
			if got := w.receive(q, 0); len(got) != 0 || q.Len() != 0 || q.DLQ.Len() != 1 || q.DLQ.Bodies()[0] != "poison" {
				w.Fatalf("got %v, %d in the queue, %d in the dead-letter queue", got, q.Len(), q.DLQ.Len())
			}
		}},
		{"batches: up to ten, each entry answered by itself", func(w *world) {
			q := w.Queue("q")
			for i := range 11 {
				q.Send(fmt.Sprint(i))
			}
			got := w.receive(q, 0)
			var entries []types.DeleteMessageBatchRequestEntry
			for i, m := range got {
				entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
			}
			entries[0].ReceiptHandle = aws.String("x")
			out, err := w.sqs.DeleteMessageBatch(context.Background(), &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(q.URL), Entries: entries})
			if err != nil || len(got) != 10 || len(out.Successful) != 9 || len(out.Failed) != 1 || q.Len() != 2 {
				w.Fatal(len(got), out, err, q.Len())
			}
			_, err = w.sqs.DeleteMessageBatch(context.Background(), &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(q.URL), Entries: append(entries, entries...)})
			wantType[*types.TooManyEntriesInBatchRequest](w, err)
			visible, err := w.sqs.ChangeMessageVisibilityBatch(context.Background(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(q.URL), Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 0},
			}})
			if err != nil || len(visible.Successful) != 1 || len(w.receive(q, 0)) != 2 {
				w.Fatal("the batch did not give the message back", err)
			}
		}},
		{"attributes: counts, visibility, redrive", func(w *world) {
			q := w.Queue("q")
			q.Send("a")
			q.Send("b")
			w.receive(q, 0)
			q.Send("c")
			out, err := w.sqs.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(q.URL), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
			if err != nil {
				w.Fatal(err)
			}
			for k, want := range map[string]string{"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "2", "VisibilityTimeout": "60", "QueueArn": q.ARN} {
				if out.Attributes[k] != want {
					w.Errorf("%s: got %q, want %q", k, out.Attributes[k], want)
				}
			}
		}},
		{"GetQueueUrl and SendMessage", func(w *world) {
			q := w.Queue("q")
			out, err := w.sqs.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
			if err != nil || *out.QueueUrl != q.URL {
				w.Fatal(err)
			}
			if _, err := w.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: aws.String(q.URL), MessageBody: aws.String("hello")}); err != nil {
				w.Fatal(err)
			}
			if len(w.receive(q, 0)) != 1 {
				w.Fatal("nothing arrived")
			}
		}},
		{"an unknown queue is QueueDoesNotExist", func(w *world) {
			_, err := w.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(w.URL + "/" + Account + "/none")})
			wantType[*types.QueueDoesNotExist](w, err)
			w.wantError(err, "AWS.SimpleQueueService.NonExistentQueue", "does not exist")
		}},
		{"messages are kept for a day", func(w *world) {
			q := w.Queue("q")
			q.Send("hello")
			w.Advance(25 * time.Hour)
			if got := w.receive(q, 0); len(got) != 0 {
				w.Fatalf("got %v", got)
			}
		}},
	})
}
