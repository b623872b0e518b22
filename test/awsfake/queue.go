package awsfake

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Queue is a standard queue of SQS.
type Queue struct {
	URL  string
	ARN  string
	DLQ  *Queue // where a message goes that was received too often; nil: nowhere
	fake *Fake

	// Guarded by Fake.mu.
	visibility time.Duration
	wait       time.Duration // of a receive that names none
	retention  time.Duration
	maxReceive int
	messages   []*message
	deleted    int
}

type message struct {
	id, body  string
	handle    string // of the latest receive, the only one that counts
	sent      time.Time
	firstSeen time.Time
	visible   time.Time
	receives  int
	inflight  bool
}

// Queue makes a queue as deploy/aws makes it: visibility 60 s, kept for a day,
// and after five receives a message moves to a dead-letter queue. An existing
// one of that name is returned.
func (f *Fake) Queue(name string) *Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	url := f.URL + "/" + Account + "/" + name
	for _, q := range f.queues {
		if q.URL == url {
			return q
		}
	}
	arn := "arn:aws:sqs:" + Region + ":" + Account + ":" + name
	dlq := &Queue{URL: url + "-dlq", ARN: arn + "-dlq", fake: f, visibility: time.Minute, retention: 14 * 24 * time.Hour}
	q := &Queue{URL: url, ARN: arn, DLQ: dlq, fake: f, visibility: time.Minute, wait: 20 * time.Second, retention: 24 * time.Hour, maxReceive: 5}
	f.queues = append(f.queues, q, dlq)
	return q
}

// Visibility sets how long a received message stays hidden where the receiver
// doesn't say.
func (q *Queue) Visibility(d time.Duration) {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	q.visibility = d
}

// Wait sets how long a receive waits that does not say, as the SDK's does not
// where WaitTimeSeconds is zero.
func (q *Queue) Wait(d time.Duration) {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	q.wait = d
}

// Send puts a message into the queue.
func (q *Queue) Send(body string) {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	q.add(body, 0)
}

// Len counts the messages that were not deleted: waiting, delayed or in flight.
func (q *Queue) Len() int {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	return len(q.messages)
}

// InFlight counts the messages that somebody has received and that are hidden
// from others.
func (q *Queue) InFlight() int {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	n := 0
	for _, m := range q.messages {
		if m.inflight && m.visible.After(q.fake.now()) {
			n++
		}
	}
	return n
}

// Deleted counts the messages that were deleted so far.
func (q *Queue) Deleted() int {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	return q.deleted
}

// Bodies returns what the messages say that were not deleted.
func (q *Queue) Bodies() []string {
	q.fake.mu.Lock()
	defer q.fake.mu.Unlock()
	out := make([]string, len(q.messages))
	for i, m := range q.messages {
		out[i] = m.body
	}
	return out
}

// add is Send with mu held.
func (q *Queue) add(body string, delay time.Duration) *message {
	now := q.fake.now()
	m := &message{id: newID(), body: body, sent: now, visible: now.Add(delay)}
	q.messages = append(q.messages, m)
	q.fake.nudge()
	return m
}

// expire forgets what was kept too long.
func (q *Queue) expire(now time.Time) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return now.Sub(m.sent) >= q.retention })
}

// take receives up to n visible messages and hides them; one that was received
// too often moves to the dead-letter queue instead.
func (q *Queue) take(n int, hide time.Duration) (taken []*message) {
	now := q.fake.now()
	q.expire(now)
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		if len(taken) == n || m.visible.After(now) {
			return false
		}
		if q.DLQ != nil && m.receives >= q.maxReceive {
			q.DLQ.add(m.body, 0)
			return true
		}
		if m.receives == 0 {
			m.firstSeen = now
		}
		m.receives++
		m.inflight = true
		m.handle = newHandle()
		m.visible = now.Add(hide)
		taken = append(taken, m)
		return false
	})
	return taken
}

// next is when the next hidden message becomes visible; zero: there is none.
func (q *Queue) next() (at time.Time) {
	for _, m := range q.messages {
		if at.IsZero() || m.visible.Before(at) {
			at = m.visible
		}
	}
	return at
}

// held is the message in flight that a receipt handle belongs to. A handle of
// an earlier receive belongs to none.
func (q *Queue) held(handle string) *message {
	for _, m := range q.messages {
		if m.handle == handle && handle != "" {
			return m
		}
	}
	return nil
}

func md5Of(body string) string {
	sum := md5.Sum([]byte(body)) // what SQS checks a body with
	return hex.EncodeToString(sum[:])
}

// queueOf finds the queue of a call and checks the caller's right. Batches need
// the right to the single operation.
func (f *Fake) queueOf(req *request, url string) (*Queue, *apiError) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	arn := "arn:aws:sqs:" + req.region + ":" + Account + ":" + name
	if err := f.authorize(req, "sqs:"+strings.TrimSuffix(req.op, "Batch"), arn, nil); err != nil {
		err.status, err.query = 403, "AccessDenied"
		return nil, err
	}
	for _, q := range f.queues {
		if q.ARN == arn {
			return q, nil
		}
	}
	return nil, &apiError{code: "QueueDoesNotExist", message: "The specified queue does not exist.", status: 400, query: "AWS.SimpleQueueService.NonExistentQueue"}
}
