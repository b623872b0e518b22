package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// hinted is a ring whose only news are hints: the poll is an hour away.
type hinted struct {
	*testing.T
	aws   *awsfake.Fake
	queue *awsfake.Queue
	log   *logtest.Memory
	reg   *prometheus.Registry
	logs  *observer.ObservedLogs

	rings []string
	stop  func()
}

const hintedSecret = "prod/jwt"

// newHinted makes the account, its queue and one secret. Nothing runs yet.
func newHinted(t *testing.T, rule awsfake.Rule) *hinted {
	f := awsfake.New(t)
	h := &hinted{T: t, aws: f, queue: f.Queue("keyturn"), log: &logtest.Memory{}, rings: []string{"payments"}, stop: func() {}}
	f.Create(hintedSecret, material(1))
	f.Subscribe(h.queue, rule)
	return h
}

// material is a good shared secret, another for each n.
func material(n int) awsfake.Value {
	return awsfake.String(fmt.Sprintf("%064x", 0x9e3779b97f4a7c15*uint64(n)+1))
}

// secretOf is the secret of the n-th ring.
func secretOf(n int) string {
	if n == 0 {
		return hintedSecret
	}
	return fmt.Sprintf("prod/jwt%d", n)
}

// run runs a daemon's part: a store and a watcher each ring, and one queue for
// all. It ends with the test or by h.stop, which waits.
func (h *hinted) run() *Queue {
	h.Helper()
	client := awssm.NewFromConfig(h.aws.Config(awsfake.Watch))
	h.reg = prometheus.NewRegistry()
	core, logs := observer.New(zap.DebugLevel)
	h.logs = logs
	var stores []*Store
	var parts []func(context.Context) error
	for n, ring := range h.rings {
		s, err := Open(secretOf(n), Config{Ring: ring, Client: client})
		if err != nil {
			h.Fatal(err)
		}
		w, err := watcher.New(watcher.Config{
			Ring: ring, Store: "aws", Instance: "one", Source: s, Hints: s, Log: h.log, Poll: time.Hour, Eventual: true,
			Policy: rotation.Policy{TokenLifetime: time.Minute, SignerLag: time.Second, PerSecond: 100}, Registerer: h.reg,
		})
		if err != nil {
			h.Fatal(err)
		}
		stores, parts = append(stores, s), append(parts, w.Run)
	}
	q, err := NewQueue(h.queue.URL, sqs.NewFromConfig(h.aws.Config(awsfake.Watch)),
		QueueConfig{Logger: zap.New(core), Registerer: h.reg}, stores...)
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, part := range append(parts, q.Run) {
		running.Go(func() {
			if err := part(ctx); err != nil {
				h.Error(err)
			}
		})
	}
	h.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	h.Cleanup(func() { h.stop() })
	return q
}

// until waits for a condition.
func (h *hinted) until(what string, ok func() bool) {
	h.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			h.Fatalf("not in 20 s: %s; events %v, messages %d, deleted %d, metrics %v", what, h.events("payments"), h.queue.Len(), h.queue.Deleted(), h.kinds())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// events lists "row:version" of all events of a ring.
func (h *hinted) events(ring string) []string {
	var all []string
	for _, ev := range h.log.Events(ring) {
		cur, _ := ev.Data.Current()
		all = append(all, ev.Data.Cause.Change+":"+cur.Version)
	}
	return all
}

// current waits until the log says that the version is current.
func (h *hinted) current(ring, version string) {
	h.Helper()
	h.until("version "+version+" is current in the log", func() bool {
		events := h.log.Events(ring)
		if len(events) == 0 {
			return false
		}
		cur, _ := events[len(events)-1].Data.Current()
		return cur.Version == version
	})
}

// empty waits until the queue has no message.
func (h *hinted) empty() {
	h.Helper()
	h.until("the queue is empty", func() bool { return h.queue.Len() == 0 })
}

// kinds counts the received messages by kind.
func (h *hinted) kinds() map[string]int {
	all := map[string]int{}
	families, err := h.reg.Gather()
	if err != nil {
		h.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "keyturn_sqs_messages_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "kind" {
					all[l.GetValue()] = int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return all
}

// received is how many messages of a kind came.
func (h *hinted) received(kind string) int { return h.kinds()[kind] }

func TestAChangeReachesTheLogByEachKindOfMessage(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule awsfake.Rule
		kind string
	}{
		{"Secrets Manager's own event", awsfake.Rule{Native: true}, "label"},
		{"its own event through SNS", awsfake.Rule{Native: true, SNS: true}, "label"},
		{"the record of the call", awsfake.Rule{Trail: true}, "call"},
		{"the record of the call through SNS", awsfake.Rule{Trail: true, SNS: true}, "call"},
		{"the record as it was before 2024", awsfake.Rule{Trail: true, Old: true}, "call"},
		{"both", awsfake.Rule{Native: true, Trail: true}, "call"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHinted(t, tt.rule)
			h.run()
			h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
			h.current("payments", h.aws.Put(hintedSecret, material(2)))
			h.empty()
			if events := h.log.Events("payments"); events[len(events)-1].Data.Cause.By != rotation.ByHint {
				t.Errorf("the change is by %s", events[len(events)-1].Data.Cause.By)
			}
			if h.received(tt.kind) == 0 {
				t.Errorf("no message of kind %s: %v", tt.kind, h.kinds())
			}
		})
	}
}

func TestARotationOfTheServiceReachesTheLog(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Trail: true})
	h.aws.Lambda(hintedSecret, h.aws.Template(func(awsfake.Value) awsfake.Value { return material(2) }))
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.current("payments", h.aws.Rotate(hintedSecret))
	h.until("the service's own record came", func() bool { return h.received("service") > 0 })
	h.empty()
}

func TestAMessageIsKeptWhileTheLogIsAway(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.log.Fail(errors.New("the log is away"))
	version := h.aws.Put(hintedSecret, material(2))
	h.until("the message was received", func() bool { return h.received("label") == 1 })
	h.until("a look failed for the log", func() bool { return h.looks("log_error") > 0 })
	if h.queue.Len() != 1 || h.queue.Deleted() != 0 {
		t.Fatalf("%d messages, %d deleted, while the log is away", h.queue.Len(), h.queue.Deleted())
	}
	h.log.Fail(nil)
	h.current("payments", version)
	h.empty()
}

// comesBack waits until the message is received that an earlier run has left. As
// in AWS, a receive that this was cut off in may take it once more at any time,
// and so hide it for another minute.
func (h *hinted) comesBack() {
	h.Helper()
	h.until("the message came back", func() bool {
		if h.received("label") > 0 {
			return true
		}
		if h.queue.InFlight() > 0 {
			h.aws.Advance(visibility)
		}
		return false
	})
}

// looks counts the looks that ended so.
func (h *hinted) looks(result string) int {
	families, err := h.reg.Gather()
	if err != nil {
		h.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if f.GetName() != "keyturn_watcher_looks_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "result" && l.GetValue() == result {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

func TestAMessageThatACrashLeftComesBack(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.log.Fail(errors.New("the log is away"))
	version := h.aws.Put(hintedSecret, material(2))
	h.until("the message was received", func() bool { return h.received("label") == 1 })
	// A crash hands nothing back: the message is invisible for its minute.
	lost := h.aws.Before("ChangeMessageVisibilityBatch", func(awsfake.Call) { h.aws.Fail("ChangeMessageVisibilityBatch", 1, "InternalError", "gone") })
	h.stop()
	lost()
	h.log.Fail(nil)
	if h.queue.Len() != 1 {
		t.Fatalf("%d messages after the crash", h.queue.Len())
	}
	h.run()
	h.current("payments", version)
	h.comesBack()
	h.empty()
}

func TestAStopHandsBackWhatNobodyLookedFor(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.log.Fail(errors.New("the log is away"))
	version := h.aws.Put(hintedSecret, material(2))
	h.until("the message was received", func() bool { return h.received("label") == 1 })
	h.stop()
	handed := slices.ContainsFunc(h.aws.Journal(), func(c awsfake.Call) bool { return c.Op == "ChangeMessageVisibilityBatch" && c.Code == "" })
	if !handed || h.queue.Len() != 1 {
		t.Fatalf("handed back: %v, messages %d", handed, h.queue.Len())
	}
	h.log.Fail(nil)
	h.run()
	h.comesBack()
	h.current("payments", version)
	h.empty()
}

func TestAMessageIsKeptInvisibleAsLongAsItsLookIsDue(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	q := h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.log.Fail(errors.New("the log is away"))
	h.aws.Put(hintedSecret, material(2))
	h.until("the message was received", func() bool { return h.received("label") == 1 })
	for minutes := range 5 { // at half a minute each
		h.aws.Advance(30 * time.Second)
		q.sweep(t.Context(), time.Now().Add(time.Duration(minutes+1)*30*time.Second))
	}
	if kinds := h.kinds(); kinds["label"] != 1 || kinds["copy"] != 0 {
		t.Fatalf("received %v, want the message once in two and a half minutes", kinds)
	}
	h.log.Fail(nil)
	h.empty()
}

func TestPoisonIsCountedAndDeletedWithoutBeingShown(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.queue.Send("canary-7f3a")
	h.queue.Send(`{"canary-7f3a":1}`)
	h.current("payments", h.aws.Put(hintedSecret, material(2)))
	h.empty()
	if n := h.received("poison"); n != 2 {
		t.Errorf("%d poisonous messages, want 2", n)
	}
	for _, entry := range h.logs.All() {
		if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "canary-7f3a") {
			t.Errorf("the log shows a body: %s", text)
		}
	}
}

func TestWhatIsNoNewsIsDeletedWithoutALook(t *testing.T) {
	h := newHinted(t, awsfake.Rule{})
	h.aws.Create("prod/other", material(7))
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	before := h.aws.Calls("DescribeSecret")
	for _, name := range []string{"failed-call.json", "read-call.json", "tag-call.json", "other-service.json"} {
		h.queue.Send(string(message(t, name)))
	}
	h.aws.Subscribe(h.queue, awsfake.Rule{Native: true, Trail: true})
	h.aws.Put("prod/other", material(8))
	h.until("all were received", func() bool { return h.received("ignored") == 4 && h.received("unknown") == 2 })
	h.empty()
	if n := h.aws.Calls("DescribeSecret"); n != before {
		t.Errorf("%d looks for nothing", n-before)
	}
}

func TestHintsThatComeTwiceOrLateOrNotInOrderMakeNoFalseEvent(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true, Trail: true, Duplicate: 0.5, Lose: 0.3, Spread: 300 * time.Millisecond})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	for n := range 8 {
		h.aws.Put(hintedSecret, material(n+2))
		<-time.After(50 * time.Millisecond)
	}
	h.aws.Subscribe(h.queue, awsfake.Rule{Native: true})
	h.current("payments", h.aws.Put(hintedSecret, material(99)))
	h.empty()
	seen := map[string]bool{}
	for _, event := range h.events("payments") {
		_, version, _ := strings.Cut(event, ":")
		if seen[version] {
			t.Errorf("version %s twice: %v", version, h.events("payments"))
		}
		seen[version] = true
		if !slices.Contains(h.aws.Versions(hintedSecret), version) {
			t.Errorf("an event of no version: %s", event)
		}
	}
}

func TestManyCopiesAreAllDeletedAndLookedForOnce(t *testing.T) {
	h := newHinted(t, awsfake.Rule{})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	before := h.aws.Calls("DescribeSecret")
	body := h.event("AWSCURRENT", h.aws.Holder(hintedSecret, awsfake.Current))
	for range 35 {
		h.queue.Send(body)
	}
	h.empty()
	if n := h.received("label"); n != 1 || h.received("copy") != 34 {
		t.Errorf("received %v, want one and its copies", h.kinds())
	}
	if n := h.aws.Calls("DescribeSecret") - before; n > 2 {
		t.Errorf("%d looks for one event", n)
	}
}

// event is the native event of a label that reached a version now.
func (h *hinted) event(label, version string) string {
	body, err := json.Marshal(map[string]any{
		"version": "0", "id": "6a7e8feb-0000-4000-8000-" + fmt.Sprintf("%012d", time.Now().UnixNano()%1e12), "detail-type": "Secret Label Updated",
		"source": "aws.secretsmanager", "time": time.Now().UTC().Format(time.RFC3339), "resources": []string{h.aws.ARN(hintedSecret)},
		"detail": map[string]string{"name": hintedSecret, "labelUpdated": label, "versionId": version},
	})
	if err != nil {
		h.Fatal(err)
	}
	return string(body)
}

func TestSeveralRingsShareAQueue(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true, Trail: true})
	h.rings = []string{"payments", "orders", "mail"}
	for n := range h.rings {
		if n > 0 {
			h.aws.Create(secretOf(n), material(10*n))
		}
	}
	h.run()
	for n, ring := range h.rings {
		h.current(ring, h.aws.Holder(secretOf(n), awsfake.Current))
	}
	for n, ring := range h.rings {
		h.current(ring, h.aws.Put(secretOf(n), material(10*n+2)))
	}
	h.empty()
	for _, ring := range h.rings {
		if n := len(h.log.Events(ring)); n != 2 {
			t.Errorf("%d events of ring %s, want 2", n, ring)
		}
	}
}

func TestSeveralDaemonsShareAQueue(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	first := h.stop
	h.run()
	t.Cleanup(first)
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	for n := range 6 {
		h.current("payments", h.aws.Put(hintedSecret, material(n+2)))
	}
	h.empty()
	if n := len(h.log.Events("payments")); n != 7 {
		t.Errorf("%d events, want the first sight and six: %v", n, h.events("payments"))
	}
}

func TestAHintThatIsAheadOfTheStoreIsWaitedFor(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.aws.Advance(2 * time.Second) // a hint has whole seconds: this one is of later than what is known
	h.aws.Stale(1)
	version := h.aws.Put(hintedSecret, material(2))
	h.until("the message was received", func() bool { return h.received("label") == 1 })
	h.until("a look was behind", func() bool { return h.looks("stale") > 0 })
	if h.queue.Len() != 1 {
		t.Fatal("the message was deleted for a look that was behind")
	}
	h.aws.Stale(0)
	h.current("payments", version)
	h.empty()
}

func TestAQueueThatFailsIsShownAndRecovers(t *testing.T) {
	h := newHinted(t, awsfake.Rule{Native: true})
	h.aws.Grant(awsfake.Grants{Queues: []string{"arn:aws:sqs:eu-central-1:123456789012:another"}})
	q := h.run()
	h.current("payments", h.aws.Holder(hintedSecret, awsfake.Current))
	h.until("a receive has failed", func() bool { return q.failedSince() > 0 })
	if !q.Healthy() || len(q.Alarms()) > 0 {
		t.Error("sick after the first failure")
	}
	q.mu.Lock()
	q.failing = q.failing.Add(-sickAfter)
	q.mu.Unlock()
	alarms := q.Alarms()
	if q.Healthy() || len(alarms) != 1 || alarms[0].Code != "hints_unhealthy" || !strings.Contains(alarms[0].Text, "sqs:ReceiveMessage") || !strings.Contains(alarms[0].Text, "watch.json") {
		t.Errorf("got %+v, want an alarm that names the act and the remedy", alarms)
	}
	h.aws.Grant(awsfake.Grants{})
	h.current("payments", h.aws.Put(hintedSecret, material(2)))
	h.until("receives succeed again", func() bool { return q.failedSince() == 0 })
	if !q.Healthy() || len(q.Alarms()) > 0 {
		t.Error("sick after a good receive")
	}
}

// failedSince is how long receives have failed, 0 while they succeed.
func (q *Queue) failedSince() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failing.IsZero() {
		return 0
	}
	return max(1, time.Since(q.failing))
}

func TestAQueueIsMadeOnlyOfWhatCanBeOne(t *testing.T) {
	f := awsfake.New(t)
	client := sqs.NewFromConfig(f.Config(awsfake.Watch))
	s, err := Open(hintedSecret, Config{Ring: "payments", Client: awssm.NewFromConfig(f.Config(awsfake.Watch))})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "keyturn", "arn:aws:sqs:eu-west-1:123456789012:keyturn", "https://", "https://sqs.eu-west-1.amazonaws.com", "https://sqs.eu-west-1.amazonaws.com/", "ftp://host/queue", "https://u:p@host/queue", "https://host/queue?x=1"} {
		if _, err := NewQueue(url, client, QueueConfig{}, s); err == nil {
			t.Errorf("%q was taken for a queue", url)
		}
	}
	if _, err := NewQueue(f.URL+"/1/q", client, QueueConfig{}); err == nil {
		t.Error("a queue without stores")
	}
	if _, err := NewQueue(f.URL+"/1/q", client, QueueConfig{}, s); err != nil {
		t.Error(err)
	}
	if _, err := NewQueue(f.URL+"/1/r", client, QueueConfig{}, s); err == nil {
		t.Error("a second queue for a store")
	}
}

// hasty answers every call in a millisecond, and with no message.
type hasty struct{ calls atomic.Int64 }

func (h *hasty) Do(r *http.Request) (*http.Response, error) {
	h.calls.Add(1)
	if err := wait(r.Context(), time.Millisecond); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader("{}")),
	}, nil
}

// A receive waits for twenty seconds, at AWS. A proxy or an emulator may not.
func TestAQueueThatDoesNotWaitIsNotAskedWithoutPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := &hasty{}
		config := aws.Config{Region: awsfake.Region, HTTPClient: answers, Credentials: credentials.NewStaticCredentialsProvider("id", "not-verified", "")}
		s, err := Open(hintedSecret, Config{Ring: "payments", Client: awssm.NewFromConfig(config)})
		if err != nil {
			t.Fatal(err)
		}
		q, err := NewQueue("https://sqs.eu-central-1.amazonaws.com/123456789012/keyturn", sqs.NewFromConfig(config), QueueConfig{}, s)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := q.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := answers.calls.Load(); n < 55 || n > 61 {
			t.Errorf("%d receives in a minute, want one a second", n)
		}
	})
}

func TestThePausesBetweenFailedReceivesGrow(t *testing.T) {
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		want *= time.Second
		if least, most := backoff(n, 0), backoff(n, 1); least != want/2 || most != want {
			t.Errorf("after %d failures %s to %s, want %s to %s", n+1, least, most, want/2, want)
		}
	}
}
