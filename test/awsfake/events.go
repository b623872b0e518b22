package awsfake

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Rule is what of the changes reaches a queue, and how. The zero value is
// nothing, delivered well.
type Rule struct {
	Native bool // "Secret Label Updated"
	Trail  bool // API calls and service events by way of CloudTrail
	Failed bool // with Trail: calls that were refused too
	Old    bool // with Trail: records as they were before 2024 (responseElements null, "aRN")
	SNS    bool // wrapped in an SNS notification

	Duplicate float64       // share of events that arrive twice
	Lose      float64       // share of events that never arrive
	Delay     time.Duration // before an event can be received
	Spread    time.Duration // up to so much more, drawn anew for each: reorders
}

type subscription struct {
	queue *Queue
	rule  Rule
}

// Subscribe makes the changes of all secrets arrive in a queue by a rule. A
// second call for the same queue replaces the rule.
func (f *Fake) Subscribe(q *Queue, r Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs = slices.DeleteFunc(f.subs, func(s *subscription) bool { return s.queue == q })
	f.subs = append(f.subs, &subscription{q, r})
}

// labelMoved emits the event that Secrets Manager itself sends when a label
// reaches another version (user guide, "Secret Label Updated"): for every label
// but AWSPENDING and AWSPREVIOUS. Called with mu held.
func (f *Fake) labelMoved(s *secret, label, version string) {
	if label == Pending || label == Previous {
		return
	}
	f.emit(func(r Rule) bool { return r.Native }, "Secret Label Updated", []string{s.arn}, func(Rule) any {
		return answer{"name": s.name, "labelUpdated": label, "versionId": version}
	})
}

// readOnly are the operations whose CloudTrail records a rule does not see in
// the state ENABLED.
func readOnly(op string) bool {
	return strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "Get") || strings.HasPrefix(op, "List")
}

// trail emits the CloudTrail record of a call, refused or done.
func (f *Fake) trail(req *request, err error) {
	if readOnly(req.op) || secretOperations[req.op] == nil {
		return
	}
	refused, failed := err.(*apiError)
	f.emit(func(r Rule) bool { return r.Trail && (r.Failed || !failed) }, "AWS API Call via CloudTrail", []string{}, func(r Rule) any {
		detail := answer{
			"eventVersion": "1.09", "eventTime": f.now().UTC().Format(time.RFC3339), "eventSource": "secretsmanager.amazonaws.com",
			"eventName": req.op, "awsRegion": req.region, "eventID": newID(), "requestID": newID(), "readOnly": false,
			"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": Account, "eventCategory": "Management",
			"userIdentity":      answer{"type": "AssumedRole", "arn": req.who.principal(), "accountId": Account},
			"requestParameters": parameters(req.body), "responseElements": nil,
		}
		switch {
		case failed:
			detail["errorCode"], detail["errorMessage"] = refused.code, refused.message
		case req.secret != nil && r.Old && req.op == "DeleteSecret":
			detail["responseElements"] = answer{"name": req.secret.name, "aRN": req.secret.arn, "deletionDate": req.secret.deleted.UTC().Format("Jan 2, 2006 3:04:05 PM")}
		case req.secret != nil && !r.Old:
			detail["responseElements"] = answer{"arn": req.secret.arn}
		}
		return detail
	})
}

// parameters is the request as CloudTrail records it: members in lower camel
// case, values of secrets left out.
func parameters(body []byte) answer {
	var in map[string]any
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	out := answer{}
	for name, v := range in {
		if name != "SecretString" && name != "SecretBinary" && name != "RotationToken" {
			out[lowerFirst(name)] = v
		}
	}
	return out
}

func lowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// service emits an event of the service itself, such as RotationSucceeded.
// Called with mu held.
func (f *Fake) service(name string, s *secret, version, message string) {
	f.emit(func(r Rule) bool { return r.Trail }, "AWS Service Event via CloudTrail", []string{}, func(Rule) any {
		detail := answer{
			"eventVersion": "1.08", "eventTime": f.now().UTC().Format(time.RFC3339), "eventSource": "secretsmanager.amazonaws.com",
			"eventName": name, "awsRegion": Region, "eventID": newID(), "requestID": "Rotation-" + s.arn + "-" + version, "readOnly": false,
			"eventType": "AwsServiceEvent", "managementEvent": true, "recipientAccountId": Account, "eventCategory": "Management",
			"userIdentity":      answer{"accountId": Account, "invokedBy": "secretsmanager.amazonaws.com"},
			"requestParameters": nil, "responseElements": nil, "additionalEventData": answer{"SecretId": s.arn},
		}
		if message != "" {
			detail["errorMessage"] = message
		}
		return detail
	})
}

// emit delivers one event to each queue whose rule wants it.
func (f *Fake) emit(wanted func(Rule) bool, kind string, resources []string, detail func(Rule) any) {
	id := newID()
	for _, sub := range f.subs {
		r := sub.rule
		if !wanted(r) || f.random.Float64() < r.Lose {
			continue
		}
		body := mustJSON(answer{
			"version": "0", "id": id, "detail-type": kind, "source": "aws.secretsmanager", "account": Account,
			"time": f.now().UTC().Format(time.RFC3339), "region": Region, "resources": resources, "detail": detail(r),
		})
		if r.SNS {
			body = mustJSON(answer{
				"Type": "Notification", "MessageId": newID(), "TopicArn": "arn:aws:sns:" + Region + ":" + Account + ":secrets",
				"Message": body, "Timestamp": f.now().UTC().Format(time.RFC3339), "SignatureVersion": "1",
			})
		}
		copies := 1
		if f.random.Float64() < r.Duplicate {
			copies = 2
		}
		for range copies {
			delay := r.Delay
			if r.Spread > 0 {
				delay += time.Duration(f.random.Int64N(int64(r.Spread)))
			}
			sub.queue.add(body, delay)
		}
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("awsfake: " + err.Error()) // our own maps of strings and numbers
	}
	return string(b)
}
