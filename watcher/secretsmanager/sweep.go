package secretsmanager

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.uber.org/zap"
)

// sweeps deletes what is done and prolongs what is not, until ctx ends.
func (q *Queue) sweeps(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.work:
		case <-tick.C:
		}
		q.sweep(ctx, time.Now())
	}
}

func (q *Queue) sweep(ctx context.Context, now time.Time) {
	q.deleteDone(ctx)
	q.mu.Lock()
	batches := q.inbox.renewable(now)
	q.mu.Unlock()
	for _, batch := range batches {
		q.prolong(ctx, batch, visibility)
	}
	q.gauge()
}

// deleteDone deletes what is done. What fails is tried again with the next
// sweep, and then left to come back by itself.
func (q *Queue) deleteDone(ctx context.Context) {
	for ctx.Err() == nil {
		q.mu.Lock()
		batch := q.inbox.deletable()
		q.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		failed := q.delete(ctx, batch)
		q.m.deleted.WithLabelValues(q.name).Add(float64(len(batch) - len(failed)))
		q.mu.Lock()
		for _, r := range failed {
			q.inbox.undeleted(r)
		}
		q.mu.Unlock()
		nudge(q.room)
		if len(failed) > 0 {
			return
		}
	}
}

// delete deletes up to ten messages and returns those that it could not.
func (q *Queue) delete(ctx context.Context, batch []receipt) (failed []receipt) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	in := &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(q.url)}
	for i, r := range batch {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(r.handle)})
	}
	out, err := q.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		q.note("delete", queueFailed("DeleteMessageBatch", q.name, err))
		return batch
	}
	for _, e := range out.Failed {
		if i, err := strconv.Atoi(aws.ToString(e.Id)); err == nil && i >= 0 && i < len(batch) {
			failed = append(failed, batch[i])
		}
	}
	if len(failed) > 0 {
		q.m.failures.WithLabelValues(q.name, "delete").Add(float64(len(failed)))
	}
	return failed
}

// prolong keeps up to ten messages invisible to others for d from now; zero
// hands them back. One that can't be prolonged comes back by itself, as a copy.
func (q *Queue) prolong(ctx context.Context, batch []receipt, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(q.url)}
	for i, r := range batch {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(r.handle), VisibilityTimeout: int32(d / time.Second),
		})
	}
	if _, err := q.client.ChangeMessageVisibilityBatch(ctx, in); err != nil {
		q.note("prolong", queueFailed("ChangeMessageVisibilityBatch", q.name, err))
	}
}

// note counts and logs a failure that mends itself.
func (q *Queue) note(what string, err error) {
	q.m.failures.WithLabelValues(q.name, what).Inc()
	q.log.Info("message_"+what+"_failed", zap.Error(err))
}

// end deletes what is done and lets others have the rest at once, instead of in a minute.
func (q *Queue) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handBack)
	defer cancel()
	q.deleteDone(ctx)
	q.mu.Lock()
	batches := q.inbox.all()
	q.mu.Unlock()
	for _, batch := range batches {
		q.prolong(ctx, batch, 0)
	}
}
