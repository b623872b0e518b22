package awsfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// request is one call as it arrived.
type request struct {
	op     string // as in X-Amz-Target, without the service
	who    *role
	region string
	body   []byte
	call   Call // for journal and hooks

	secret  *secret // what the call is about, once found
	written bool    // the state changed
	hold    bool    // SQS: nothing there yet, wait and ask again
}

func (r *request) read(into any) *apiError {
	if err := json.Unmarshal(r.body, into); err != nil {
		return refuse("SerializationException", "the body is not what the operation takes")
	}
	return nil
}

// answer is the body of a good answer; nil is an empty one.
type answer map[string]any

// operation handles one operation. Called with [Fake.mu] held.
type operation func(*Fake, *request) (answer, error)

// services by the prefix of X-Amz-Target: their content type and operations.
var services = map[string]struct {
	content    string
	operations map[string]operation
}{
	"secretsmanager": {"application/x-amz-json-1.1", secretOperations},
	"AmazonSQS":      {"application/x-amz-json-1.0", queueOperations},
}

func (f *Fake) serve(w http.ResponseWriter, r *http.Request) {
	prefix, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	service, ok := services[prefix]
	do := service.operations[op]
	if !ok || do == nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != service.content {
		answerError(w, "application/x-amz-json-1.1", refuse("UnknownOperationException", "this fake has no such operation"))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller is gone
	}
	req := &request{op: op, body: body}
	f.identify(req, r.Header.Get("Authorization"))
	req.call = callOf(req)

	f.hooks.run(f, req.call, true)
	out, err := f.handle(r, req, do)
	req.call.finish(err)
	f.note(req.call)
	if f.hooks.run(f, req.call, false) == Lose {
		panic(http.ErrAbortHandler) // drops the connection: whatever happened has happened
	}
	var refused *apiError
	switch {
	case err == nil:
		f.answer(w, service.content, out)
	case errors.Is(err, errXML):
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>a gateway says no</Message></Error>`)
	case errors.As(err, &refused):
		answerError(w, service.content, refused)
	}
}

// handle does faults, rights and the operation; it waits where a receive may wait.
func (f *Fake) handle(r *http.Request, req *request, do operation) (answer, error) {
	if err := f.fault(r.Context(), req); err != nil {
		return nil, err
	}
	started := time.Now()
	for {
		f.mu.Lock()
		req.hold = false
		out, err := f.once(req, do)
		changed, wait := f.changed, time.Duration(0)
		if req.hold {
			wait = f.patience(req, started)
		}
		f.mu.Unlock()
		if wait <= 0 || err != nil {
			return out, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-f.closing.Done():
			return out, nil
		}
		timer.Stop()
	}
}

// once is one attempt, with what a change leaves behind. Called with mu held.
func (f *Fake) once(req *request, do operation) (answer, error) {
	if req.who == nil {
		return nil, &apiError{code: "UnrecognizedClientException", message: "The security token included in the request is invalid.", status: http.StatusForbidden}
	}
	out, err := do(f, req)
	if strings.HasPrefix(req.op, "Receive") || err == nil && !req.written {
		return out, err
	}
	f.trail(req, err)
	return out, err
}

func (f *Fake) answer(w http.ResponseWriter, content string, out answer) {
	if out == nil {
		out = answer{}
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic("awsfake: " + err.Error()) // our own map of strings and numbers
	}
	w.Header().Set("Content-Type", content)
	w.Header().Set("X-Amzn-Requestid", newID())
	_, _ = w.Write(body) // a caller that is gone does not matter
}

func answerError(w http.ResponseWriter, content string, e *apiError) {
	w.Header().Set("Content-Type", content)
	w.Header().Set("X-Amzn-Requestid", newID())
	member := "Message"
	code := e.code
	if strings.HasSuffix(content, "1.0") {
		member = "message"
		code = "com.amazonaws.sqs#" + e.code
		query := e.query
		if query == "" {
			query = e.code
		}
		w.Header().Set("X-Amzn-Query-Error", query+";Sender")
	} else {
		w.Header().Set("X-Amzn-Errortype", e.code)
	}
	w.WriteHeader(e.status)
	body, _ := json.Marshal(map[string]string{"__type": code, member: e.message}) // two strings
	_, _ = w.Write(body)
}
