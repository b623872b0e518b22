package secretsmanager

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxMessage is the size of the largest message that SQS carries, 1 MiB.
const maxMessage = 1 << 20

// maxID is the length of the longest name of a secret that is looked at; ARNs
// and names are shorter.
const maxID = 2048

// hintKind is what a message turned out to be, and a metric's label.
type hintKind string

const (
	hintLabel   hintKind = "label"   // Secrets Manager's own event: a label moved
	hintCall    hintKind = "call"    // CloudTrail: somebody changed the secret
	hintService hintKind = "service" // CloudTrail: the service itself did, as in a rotation
	hintIgnored hintKind = "ignored" // nothing changed: a failed or a reading call, tags, an event of something else
)

// hint is what a message tells of a secret. It is never more than a reason to
// look: messages come late, twice, out of order, or not at all, and whoever may
// send to the queue may write what he likes.
type hint struct {
	kind    hintKind
	event   string    // id of the event, the same in each copy of it; "": none
	ids     []string  // of the secret, best first: ARN, partial ARN or name, as whoever called typed it
	version string    // that the secret has since then; "": the message does not say
	at      time.Time // when it happened; zero: the message does not say
}

// The errors of parse quote nothing of the message.
var (
	errTooLong  = errors.New("longer than 1 MiB")
	errNoJSON   = errors.New("not a JSON object")
	errNoEvent  = errors.New("neither an event of EventBridge nor one inside an SNS notification")
	errWrapping = errors.New("an SNS notification inside another")
)

// envelope is an EventBridge event, or the SNS notification around one.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html,
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type envelope struct {
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Time       string   `json:"time"`
	Resources  []string `json:"resources"`
	Detail     detail   `json:"detail"`

	Type    string `json:"Type"` // SNS only
	Message string `json:"Message"`
}

// detail holds the members of all three kinds of events. encoding/json ignores
// the case of names, which matters: arn was written aRN until 2024, and
// SecretId is written secretId as well.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html,
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
type detail struct {
	Name      string `json:"name"` // Secret Label Updated
	VersionID string `json:"versionId"`

	EventID           string `json:"eventID"` // CloudTrail
	EventName         string `json:"eventName"`
	EventTime         string `json:"eventTime"`
	ErrorCode         string `json:"errorCode"`
	ErrorMessage      string `json:"errorMessage"`
	ReadOnly          bool   `json:"readOnly"`
	RequestParameters struct {
		SecretID           string `json:"secretId"`
		ClientRequestToken string `json:"clientRequestToken"`
		MoveToVersionID    string `json:"moveToVersionId"`
	} `json:"requestParameters"`
	ResponseElements struct {
		ARN string `json:"arn"`
	} `json:"responseElements"`
	AdditionalEventData struct {
		SecretID string `json:"SecretId"`
	} `json:"additionalEventData"`
	ServiceEventDetails struct {
		SecretID string `json:"secretId"`
	} `json:"serviceEventDetails"`
}

// parse reads the body of a message: an event as EventBridge sends it, or one
// that came through an SNS topic. An error says that it is neither; an event
// that tells of no change has the kind hintIgnored. What does not have the type
// it should have is taken as missing.
func parse(body []byte) (hint, error) {
	e, err := unwrap(body)
	if err != nil {
		return hint{}, err
	}
	h := hint{kind: e.kind(), event: e.ID, ids: e.ids(), version: e.version(), at: moment(e.Detail.EventTime, e.Time)}
	if h.event == "" {
		h.event = e.Detail.EventID
	}
	if len(h.event) > maxID {
		h.event = ""
	}
	return h, nil
}

// unwrap returns the event, out of at most one SNS notification.
func unwrap(body []byte) (envelope, error) {
	e, err := decode(body)
	if err != nil {
		return e, err
	}
	if e.Type == "Notification" && e.DetailType == "" {
		if e, err = decode([]byte(e.Message)); err != nil {
			return e, err
		}
		if e.Type == "Notification" && e.DetailType == "" {
			return e, errWrapping
		}
	}
	if e.DetailType == "" || e.Source == "" {
		return e, errNoEvent
	}
	return e, nil
}

func decode(data []byte) (e envelope, err error) {
	if len(data) > maxMessage {
		return e, errTooLong
	}
	err = json.Unmarshal(data, &e)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return e, nil // the rest was read
	}
	if err != nil {
		return envelope{}, errNoJSON // what encoding/json says quotes the message
	}
	return e, nil
}

func (e envelope) kind() hintKind {
	if e.Source != "aws.secretsmanager" {
		return hintIgnored
	}
	switch e.DetailType {
	case "Secret Label Updated":
		return hintLabel
	case "AWS Service Event via CloudTrail":
		return hintService // a rotation that failed may have left a pending version
	case "AWS API Call via CloudTrail":
		if e.Detail.ErrorCode == "" && e.Detail.ErrorMessage == "" && !e.Detail.ReadOnly && changes(e.Detail.EventName) {
			return hintCall
		}
	}
	return hintIgnored
}

// changes says whether a call of that name can change keys. A name that is not
// known may: a look is cheap.
func changes(call string) bool {
	for _, reads := range []string{"Get", "BatchGet", "Describe", "List", "Validate"} {
		if strings.HasPrefix(call, reads) {
			return false
		}
	}
	return !slices.Contains([]string{"TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy"}, call)
}

// ids returns what the event calls the secret, most exact first. Each is there
// in some kinds of events only.
func (e envelope) ids() []string {
	var out []string
	add := func(id string) {
		if id != "" && len(id) <= maxID && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(e.Resources) > 0 {
		add(e.Resources[0])
	}
	add(e.Detail.ResponseElements.ARN)
	add(e.Detail.AdditionalEventData.SecretID)
	add(e.Detail.ServiceEventDetails.SecretID)
	add(e.Detail.RequestParameters.SecretID)
	add(e.Detail.Name)
	return out
}

// version returns the version that a label was put on for certain. The token
// of other calls is none: that of UpdateSecret only if there was a value, and
// that of RotateSecret only after a while, if at all.
func (e envelope) version() string {
	version := ""
	switch {
	case e.kind() == hintLabel:
		version = e.Detail.VersionID
	case e.kind() != hintCall:
	case e.Detail.EventName == "PutSecretValue":
		version = e.Detail.RequestParameters.ClientRequestToken
	case e.Detail.EventName == "UpdateSecretVersionStage":
		version = e.Detail.RequestParameters.MoveToVersionID
	}
	if len(version) > maxID {
		return ""
	}
	return version
}

// moment returns the first of texts that is a time of RFC 3339.
func moment(texts ...string) time.Time {
	for _, text := range texts {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at
		}
	}
	return time.Time{}
}
