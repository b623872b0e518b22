package awsfake

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// faults is what goes wrong on demand. Guarded by [Fake.mu].
type faults struct {
	stale      float64
	replicaLag time.Duration
	throttle   int
	xml        bool
	latency    time.Duration
	kms        KMS
	twoCurrent map[string]bool // by ARN
	untidy     bool
	failing    []*failure
}

type failure struct {
	op   string
	left int
	err  *apiError
}

// KMS is how the key service answers Secrets Manager.
type KMS int

// The answers of the key service.
const (
	KMSWorks    KMS = iota
	KMSDenied       // AccessDeniedException "Access to KMS is not allowed"
	KMSDisabled     // DecryptionFailure, EncryptionFailure
)

var errXML = errors.New("403 with a body that is XML")

// Stale makes that share (0…1) of DescribeSecret, GetSecretValue and
// ListSecretVersionIds answer from one of the three states before the newest.
func (f *Fake) Stale(share float64) { f.set(func(x *faults) { x.stale = share }) }

// ReplicaLag makes replicas in other Regions answer as the secret was that long ago.
func (f *Fake) ReplicaLag(d time.Duration) { f.set(func(x *faults) { x.replicaLag = d }) }

// Throttle refuses the next n calls of Secrets Manager with ThrottlingException.
// Each try of the SDK counts.
func (f *Fake) Throttle(n int) { f.set(func(x *faults) { x.throttle = n }) }

// XML403 makes every call answer 403 with an XML body, as proxies and
// misrouted endpoints do.
func (f *Fake) XML403(on bool) { f.set(func(x *faults) { x.xml = on }) }

// Latency delays every answer, before the call takes effect.
func (f *Fake) Latency(d time.Duration) { f.set(func(x *faults) { x.latency = d }) }

// KMS sets how the key service answers, for every secret.
func (f *Fake) KMS(k KMS) { f.set(func(x *faults) { x.kms = k }) }

// Untidy makes DescribeSecret list label-less versions with an empty list of
// labels, and labels twice, as emulators of AWS do.
func (f *Fake) Untidy(on bool) { f.set(func(x *faults) { x.untidy = on }) }

// Fail refuses the next n calls of an operation ("" any of Secrets Manager)
// with an error of that code: status 500 for InternalServiceError, 400 else.
// Each try of the SDK counts.
func (f *Fake) Fail(op string, n int, code, message string) {
	e := refuse(code, "%s", message)
	if code == "InternalServiceError" {
		e.status = http.StatusInternalServerError
	}
	f.set(func(x *faults) { x.failing = append(x.failing, &failure{op: op, left: n, err: e}) })
}

// Forgive ends what [Fake.Fail] began.
func (f *Fake) Forgive() { f.set(func(x *faults) { x.failing = nil }) }

// TwoCurrent makes DescribeSecret show AWSCURRENT on the version that holds
// AWSPREVIOUS too, as an emulator of AWS does after a label was moved.
func (f *Fake) TwoCurrent(name string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name, Region)
	if err != nil {
		panic("awsfake: TwoCurrent: no secret " + name)
	}
	if f.faults.twoCurrent == nil {
		f.faults.twoCurrent = map[string]bool{}
	}
	f.faults.twoCurrent[s.arn] = on
}

func (f *Fake) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.faults)
}

// fault is what stands between a caller and the service.
func (f *Fake) fault(ctx context.Context, req *request) error {
	f.mu.Lock()
	latency := f.faults.latency
	f.mu.Unlock()
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults.xml {
		return errXML
	}
	if secretOperations[req.op] != nil && f.faults.throttle > 0 {
		f.faults.throttle--
		return refuse("ThrottlingException", "Rate exceeded")
	}
	for i, x := range f.faults.failing {
		if x.op != req.op && (x.op != "" || secretOperations[req.op] == nil) {
			continue
		}
		if x.left--; x.left <= 0 {
			f.faults.failing = slices.Delete(f.faults.failing, i, i+1)
		}
		return x.err
	}
	return nil
}

// Outcome is what becomes of an answer.
type Outcome int

// The outcomes of a hook.
const (
	Answer Outcome = iota // it is sent
	Lose                  // the connection drops instead; what the call did stays done
)

// hooks are the callbacks of a test around calls.
type hooks struct {
	mu     sync.Mutex
	next   int
	before map[int]hook
	after  map[int]hook
}

type hook struct {
	op string
	do func(Call) Outcome
}

// Before runs do whenever a call of the operation has arrived and nothing has
// been done yet. do may use the fake, and may wait. The returned function takes
// it off again; do may call that itself.
func (f *Fake) Before(op string, do func(Call)) (remove func()) {
	return f.hooks.add(true, hook{op, func(c Call) Outcome { do(c); return Answer }})
}

// After runs do when a call of the operation is over, before its answer goes
// out. Otherwise as [Fake.Before].
func (f *Fake) After(op string, do func(Call) Outcome) (remove func()) {
	return f.hooks.add(false, hook{op, do})
}

func (h *hooks) add(before bool, k hook) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := &h.after
	if before {
		list = &h.before
	}
	if *list == nil {
		*list = map[int]hook{}
	}
	h.next++
	id := h.next
	(*list)[id] = k
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(*list, id)
	}
}

// run runs the hooks in the order in which they were added.
func (h *hooks) run(_ *Fake, c Call, before bool) Outcome {
	h.mu.Lock()
	list := h.after
	if before {
		list = h.before
	}
	var ids []int
	for id, k := range list {
		if k.op == c.Op {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	due := make([]hook, len(ids))
	for i, id := range ids {
		due[i] = list[id]
	}
	h.mu.Unlock()
	outcome := Answer
	for _, k := range due {
		if k.do(c) == Lose {
			outcome = Lose
		}
	}
	return outcome
}
