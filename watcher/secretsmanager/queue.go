package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// The pace of a queue.
const (
	longPoll       = 20 * time.Second // the longest that SQS waits for a message
	receiveTimeout = longPoll + 10*time.Second
	batchTimeout   = 10 * time.Second // of a call that deletes or prolongs
	sweepEvery     = 10 * time.Second
	handBack       = 3 * time.Second // at the end: messages nobody looked for are made visible to others
	firstBackoff   = time.Second     // after a failed receive; doubles
	lastBackoff    = 30 * time.Second
	sickAfter      = 30 * time.Second // receives have failed for so long
	emptyPause     = time.Second      // at least, from one receive that brings nothing to the next: not everybody waits as asked
)

// alarmHints is raised while no hints come through.
const alarmHints = "hints_unhealthy"

// QueueConfig is what a [Queue] may be given. All of it is optional.
type QueueConfig struct {
	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Queue takes hints for any number of secrets from one SQS queue: EventBridge
// events, plain or through SNS. A message is deleted when a look that began
// after it was received was believed and is in the log ([Store.Looked]); until
// then it is kept from the other consumers, and after a crash it comes back.
// Copies cost nothing. What tells of no change, of a secret that none of the
// stores watch, or of nothing that can be read, is counted and deleted at once.
//
// Several processes may share a queue if they watch the same secrets: each
// message reaches one of them, and the log tells the others. Its methods are
// safe for concurrent use.
type Queue struct {
	url    string
	name   string
	client *sqs.Client
	stores []*Store
	log    *zap.Logger
	m      *queueMetrics

	work chan struct{} // capacity 1: something can be deleted
	room chan struct{} // capacity 1: something was deleted

	mu      sync.Mutex
	inbox   inbox
	good    time.Time // last successful receive
	failing time.Time // first failure since; zero: the last receive succeeded
	failure error     // the last of them
}

// NewQueue makes a queue of that URL serve stores, each of which has no other.
// It calls nobody.
func NewQueue(queueURL string, client *sqs.Client, c QueueConfig, stores ...*Store) (*Queue, error) {
	if err := CheckQueueURL(queueURL); err != nil {
		return nil, err
	}
	if client == nil || len(stores) == 0 {
		return nil, fmt.Errorf("queue %s: it needs a client and a store", queueURL)
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	m, err := newQueueMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("queue %s: register metrics: %w", queueURL, err)
	}
	u, _ := url.Parse(queueURL) // checked above
	q := &Queue{
		url: queueURL, name: path.Base(u.Path), client: client, stores: stores, m: m, inbox: newInbox(),
		work: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	q.log = c.Logger.With(zap.String("queue", q.name))
	for _, s := range stores {
		if !s.queue.CompareAndSwap(nil, q) {
			return nil, fmt.Errorf("queue %s: ring %s has its hints from another queue already", queueURL, s.ring)
		}
	}
	q.m.unhealthy.WithLabelValues(q.name).Set(0)
	return q, nil
}

// CheckQueueURL returns an error unless the text can be the URL of a queue.
func CheckQueueURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || path.Base(u.Path) == "/" || u.Path == "" {
		return errors.New("want the URL of an SQS queue, like https://sqs.eu-west-1.amazonaws.com/123456789012/keyturn")
	}
	return nil
}

// Run receives until ctx ends, hands back what nobody has looked for, and
// returns nil. It is called once.
func (q *Queue) Run(ctx context.Context) error {
	var sweeping sync.WaitGroup
	sweeping.Go(func() { q.sweeps(ctx) })
	q.receives(ctx)
	sweeping.Wait()
	q.end(context.WithoutCancel(ctx))
	return nil
}

// Healthy returns false once no receive has succeeded for 30 s, or while so
// many messages wait for looks that no more are received.
func (q *Queue) Healthy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.healthyLocked(time.Now())
}

func (q *Queue) healthyLocked(now time.Time) bool {
	return !q.inbox.full() && (q.failing.IsZero() || now.Sub(q.failing) < sickAfter)
}

// Alarms says why no hints come through.
func (q *Queue) Alarms() []rotation.Alarm {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.healthyLocked(now) {
		return nil
	}
	why := fmt.Sprintf("%d messages of queue %s wait for looks that don't succeed, so no more are received", maxHeld, q.name)
	if q.failure != nil {
		why = q.failure.Error()
	}
	return []rotation.Alarm{{Code: alarmHints, Text: why + "; until then changes are found by looking every 15 s"}}
}

// looked takes note of a look of s that was believed and is in the log.
func (q *Queue) looked(s *Store, began time.Time) {
	q.mu.Lock()
	some := q.inbox.looked(s, began, time.Now())
	q.mu.Unlock()
	if some {
		nudge(q.work)
	}
}

// receives receives until ctx ends.
func (q *Queue) receives(ctx context.Context) {
	for fails := 0; ; {
		for q.full() {
			select {
			case <-ctx.Done():
				return
			case <-q.room:
			}
		}
		began := time.Now()
		messages, err := q.receive(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			q.failed(err)
			if wait(ctx, backoff(fails, rand.Float64())) != nil {
				return
			}
			fails++
			continue
		}
		fails = 0
		q.received()
		for _, m := range messages {
			q.take(m, time.Now())
		}
		q.gauge()
		if len(messages) == 0 && wait(ctx, emptyPause-time.Since(began)) != nil {
			return
		}
	}
}

func (q *Queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inbox.full()
}

func (q *Queue) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(q.url), MaxNumberOfMessages: 10,
		WaitTimeSeconds: int32(longPoll / time.Second), VisibilityTimeout: int32(visibility / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, queueFailed("ReceiveMessage", q.name, err)
	}
	return out.Messages, nil
}

// failed and received keep what [Queue.Healthy] and [Queue.Alarms] say.
func (q *Queue) failed(err error) {
	q.mu.Lock()
	first := q.failing.IsZero()
	if first {
		q.failing = time.Now()
	}
	q.failure = err
	q.mu.Unlock()
	q.m.failures.WithLabelValues(q.name, "receive").Inc()
	if first {
		q.log.Warn("hints_failing", zap.Error(err))
	}
	q.gauge()
}

func (q *Queue) received() {
	q.mu.Lock()
	again := !q.failing.IsZero()
	q.good, q.failing, q.failure = time.Now(), time.Time{}, nil
	q.mu.Unlock()
	if again {
		q.log.Info("hints_recovered")
	}
}

// gauge shows the state in metrics.
func (q *Queue) gauge() {
	now := time.Now()
	q.mu.Lock()
	sick, n, oldest := !q.healthyLocked(now), len(q.inbox.waiting)+len(q.inbox.done), q.inbox.oldest()
	q.mu.Unlock()
	age, unhealthy := 0.0, 0.0
	if !oldest.IsZero() {
		age = now.Sub(oldest).Seconds()
	}
	if sick {
		unhealthy = 1
	}
	q.m.unhealthy.WithLabelValues(q.name).Set(unhealthy)
	q.m.held.WithLabelValues(q.name).Set(float64(n))
	q.m.oldest.WithLabelValues(q.name).Set(age)
}

// take acts on one message that was received at now.
func (q *Queue) take(m types.Message, now time.Time) {
	r := receipt{id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle), until: now.Add(visibility)}
	h, err := parse([]byte(aws.ToString(m.Body)))
	var stores []*Store
	kind := string(h.kind)
	switch {
	case err != nil:
		kind = "poison"
		q.log.Warn("message_unreadable", zap.String("message", r.id), zap.Error(err), zap.Int("bytes", len(aws.ToString(m.Body))))
	case h.kind == hintIgnored:
	default:
		if stores = q.match(h.ids); len(stores) == 0 {
			kind = "unknown"
			q.log.Debug("message_of_another_secret", zap.String("message", r.id))
		}
	}
	event := h.event
	if event == "" {
		event = "message " + r.id
	}
	q.mu.Lock()
	switch {
	case len(stores) == 0:
		q.inbox.finish(r)
	case q.inbox.copied(event, r, now):
		kind, stores = "copy", nil
	default:
		q.inbox.wait(event, r, stores, now)
	}
	work := len(q.inbox.done) > 0
	q.mu.Unlock()
	q.m.received.WithLabelValues(q.name, kind).Inc()
	if sent, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		q.m.age.WithLabelValues(q.name).Observe(max(0, now.Sub(time.UnixMilli(sent)).Seconds()))
	}
	for _, s := range stores {
		s.told(h)
	}
	if work {
		nudge(q.work)
	}
}

// match returns the stores that ids fit best.
func (q *Queue) match(ids []string) []*Store {
	var found []*Store
	best := fitsNot + 1
	for _, s := range q.stores {
		fit := fit(ids, s.id, s.last().arn)
		if fit > best {
			best, found = fit, nil
		}
		if fit == best {
			found = append(found, s)
		}
	}
	return found
}

// backoff is the pause after the n-th failure in a row, u in [0,1) its random share.
func backoff(n int, u float64) time.Duration {
	d := min(firstBackoff<<min(n, 10), lastBackoff)
	return d/2 + time.Duration(u*float64(d/2))
}
