package awsfake

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Call is one call as the journal keeps it: who asked what about which secret
// or queue, and how it ended. Never a value.
type Call struct {
	Op      string // DescribeSecret, ReceiveMessage …
	Who     string // role, "" for an unknown access key
	Region  string
	Secret  string // as the caller named it
	Queue   string // URL
	Version string // VersionId, ClientRequestToken or MoveToVersionId
	From    string // RemoveFromVersionId
	Stage   string // one label; of a put with several, the first
	At      time.Time
	Code    string // of the error; "" for success
	Stale   bool   // answered from an older state
}

func callOf(req *request) Call {
	var in struct {
		SecretId, Name, QueueUrl                string
		VersionId, MoveToVersionId              string
		ClientRequestToken, RemoveFromVersionId string
		VersionStage                            string
		VersionStages                           []string
	}
	_ = json.Unmarshal(req.body, &in) // what isn't JSON is refused by the operation
	c := Call{
		Op: req.op, Region: req.region, Queue: in.QueueUrl, From: in.RemoveFromVersionId, Stage: in.VersionStage,
		Secret: first(in.SecretId, in.Name), Version: first(in.VersionId, in.MoveToVersionId, in.ClientRequestToken),
	}
	if len(in.VersionStages) > 0 {
		c.Stage = in.VersionStages[0]
	}
	if req.who != nil {
		c.Who = req.who.name
	}
	return c
}

func first(options ...string) string {
	for _, o := range options {
		if o != "" {
			return o
		}
	}
	return ""
}

func (c *Call) finish(err error) {
	var refused *apiError
	switch {
	case errors.As(err, &refused):
		c.Code = refused.code
	case errors.Is(err, errXML):
		c.Code = "403"
	case err != nil:
		c.Code = "canceled"
	}
}

func (f *Fake) note(c Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.At = f.now()
	f.journal = append(f.journal, c)
}

// Journal returns the calls over HTTP so far, in the order in which they ended.
func (f *Fake) Journal() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.journal)
}

// Calls counts the calls of an operation so far, failed ones too.
func (f *Fake) Calls(op string) int {
	n := 0
	for _, c := range f.Journal() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// ForgetCalls empties the journal.
func (f *Fake) ForgetCalls() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.journal = nil
}
