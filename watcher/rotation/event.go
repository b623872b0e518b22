package rotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxEvent is the size limit of an encoded event, in bytes.
const MaxEvent = 64 << 10

const (
	specVersion = "1.0"
	typePrefix  = "dev.keyturn.ring."
	contentType = "application/json"
)

var (
	storeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	typeName  = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)
)

// Event is a state in a CloudEvents 1.0 envelope, structured JSON mode
// (CloudEvents JSON Event Format 1.0.2, section 3). Encode it with encoding/json.
type Event struct {
	SpecVersion     string    `json:"specversion"` // "1.0"
	ID              string    `json:"id"`          // <ring>/<rev>
	Source          string    `json:"source"`      // /keyturn/<store>/<ring>
	Type            string    `json:"type"`        // dev.keyturn.ring.<what>
	Subject         string    `json:"subject"`     // the ring
	Time            time.Time `json:"time,omitzero"`
	DataContentType string    `json:"datacontenttype"` // "application/json"
	Data            State     `json:"data"`
}

// NewEvent wraps s, which is of a store ("file", "aws") and came about by a
// change of that type (Change.Type) at that moment.
func NewEvent(s State, store, typ string, at time.Time) Event {
	return Event{
		SpecVersion:     specVersion,
		ID:              eventID(s),
		Source:          eventSource(store, s.Ring),
		Type:            typePrefix + typ,
		Subject:         s.Ring,
		Time:            instant(at),
		DataContentType: contentType,
		Data:            s,
	}
}

func eventID(s State) string                { return s.Ring + "/" + strconv.FormatInt(s.Rev, 10) }
func eventSource(store, ring string) string { return "/keyturn/" + store + "/" + ring }

// DecodeEvent reads an event from foreign bytes. It refuses more than [MaxEvent]
// bytes, an envelope that is not ours or belongs to another ring or rev than
// its state, and a state that [Check] refuses. Members it does not know are
// left out, so that a newer keyturn may add some.
func DecodeEvent(b []byte) (Event, error) {
	if len(b) > MaxEvent {
		return Event{}, fmt.Errorf("decode event: %d bytes: want at most %d", len(b), MaxEvent)
	}
	if !utf8.Valid(b) {
		return Event{}, errors.New("decode event: not UTF-8")
	}
	var e Event
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Event{}, errors.New("decode event: more than one JSON value")
	}
	e.Data = normal(e.Data) // first: a check of what came, not of what is kept, would prove nothing
	if !e.Time.IsZero() {
		e.Time = instant(e.Time)
	}
	if err := e.check(); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}

func (e Event) check() error {
	if err := Check(e.Data); err != nil {
		return err
	}
	store, ours := strings.CutPrefix(e.Source, "/keyturn/")
	store, same := strings.CutSuffix(store, "/"+e.Data.Ring)
	what, known := strings.CutPrefix(e.Type, typePrefix)
	switch {
	case e.SpecVersion != specVersion:
		return fmt.Errorf("specversion %.40q: want %q", e.SpecVersion, specVersion)
	case e.ID != eventID(e.Data):
		return fmt.Errorf("id %.80q: want %q", e.ID, eventID(e.Data))
	case e.Subject != e.Data.Ring:
		return fmt.Errorf("subject %.80q: want %q", e.Subject, e.Data.Ring)
	case !ours || !same || !storeName.MatchString(store):
		return fmt.Errorf("source %.80q: want %q", e.Source, eventSource("<store>", e.Data.Ring))
	case !known || !typeName.MatchString(what):
		return fmt.Errorf("type %.80q: want %s<what>", e.Type, typePrefix)
	case e.DataContentType != contentType:
		return fmt.Errorf("datacontenttype %.40q: want %q", e.DataContentType, contentType)
	case !carried(e.Time):
		return fmt.Errorf("time in the year %d", e.Time.Year())
	}
	return nil
}

// normal is s with lists that are empty rather than nil, and times as states carry them.
func normal(s State) State {
	keys := make([]Key, len(s.Keys))
	for i, k := range s.Keys {
		for _, t := range []*time.Time{&k.Since, &k.Logged, &k.VerifyUntil} {
			if !t.IsZero() {
				*t = instant(*t)
			}
		}
		keys[i] = k
	}
	s.Keys = keys
	s.Gone = append([]Gone{}, s.Gone...)
	s.Revoke = append([]string{}, s.Revoke...)
	return s
}

// MarshalJSON encodes empty lists as [], never as null.
func (s State) MarshalJSON() ([]byte, error) {
	type plain State
	if s.Keys == nil {
		s.Keys = []Key{}
	}
	if s.Gone == nil {
		s.Gone = []Gone{}
	}
	if s.Revoke == nil {
		s.Revoke = []string{}
	}
	return json.Marshal(plain(s))
}
