package rotation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func encode(t *testing.T, e rotation.Event) []byte {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// The golden files are the wire format: a change in one is a change for
// every reader, in whatever language.
func TestTheWireFormat(t *testing.T) {
	s := tell(t)
	event := func(name string, c rotation.Change) {
		t.Helper()
		golden(t, name, indented(t, rotation.NewEvent(s.state, "file", c.Type, s.now)))
	}
	event("first_sight.json", s.look(look("1", cur("k1"))))
	event("pending.json", s.look(look("2", cur("k1"), pen("k2"))))
	event("promoted.json", s.look(look("3", cur("k2"), old("k1"))))
	event("revoke.json", s.revoke("k2"))
	event("compromised.json", s.look(look("4", cur("k3"))))
	event("retired.json", s.tick(overlap))
	event("kid_reuse.json", s.look(look("9", with(cur("k4"), func(k *rotation.Seen) { k.KID = "kid-k3" }))))
	gone := rotation.Snapshot{Ring: "demo", Deleted: true, By: rotation.ByHint}
	event("gone.json", s.look(gone))

	golden(t, "rows.json", indented(t, []any{
		rotation.CensusRow{Ring: "demo", Instance: "a", At: start, Rev: 7, Told: 3, Keys: map[string]int{"k1": 2, "k2": 1}, Failed: 1, Waiting: 4},
		rotation.VerifierRow{Ring: "demo", Instance: "a", At: start, Rev: 7, Keys: []string{"k1"}, Missing: []string{"k2"}, Signs: "k1", Error: "e"},
		rotation.WatcherRow{Ring: "demo", Instance: "a", At: start, Store: "file", LookedAt: start, Poll: time.Minute, Rev: 7, Alarms: []string{"kid_reuse"}, Error: "e"},
		rotation.IssuerRow{Ring: "demo", Instance: "a", At: start},
	}))
}

func TestAStateNeverHoldsANullList(t *testing.T) {
	b, err := json.Marshal(rotation.State{Ring: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"keys":[]`, `"gone":[]`, `"revoke":[]`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	var back rotation.State
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventSurvivesTheWire(t *testing.T) {
	e := rotation.NewEvent(full(t), "aws", "promoted", start)
	got, err := rotation.DecodeEvent(encode(t, e))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

func TestTheCloudEventsSDKAcceptsTheEnvelope(t *testing.T) {
	e := rotation.NewEvent(full(t), "file", "promoted", start)
	var judge cloudevents.Event
	if err := json.Unmarshal(encode(t, e), &judge); err != nil {
		t.Fatal(err)
	}
	if err := judge.Validate(); err != nil {
		t.Fatal(err)
	}
	if judge.SpecVersion() != "1.0" || judge.ID() != e.ID || judge.Source() != "/keyturn/file/demo" || judge.Subject() != "demo" ||
		judge.Type() != "dev.keyturn.ring.promoted" || !judge.Time().Equal(start) || judge.DataContentType() != "application/json" {
		t.Errorf("got %s", judge)
	}
	var s rotation.State
	if err := judge.DataAs(&s); err != nil || !rotation.Equal(s, e.Data) || s.Rev != e.Data.Rev {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestTheEnvelopeOfTheCloudEventsSDKIsAccepted(t *testing.T) {
	s := full(t)
	theirs := cloudevents.New("1.0")
	theirs.SetID(fmt.Sprintf("demo/%d", s.Rev))
	theirs.SetSource("/keyturn/file/demo")
	theirs.SetType("dev.keyturn.ring.promoted")
	theirs.SetSubject("demo")
	theirs.SetTime(start)
	theirs.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if err := theirs.SetData("application/json", s); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := rotation.DecodeEvent(b); err != nil || !rotation.Equal(e.Data, s) {
		t.Errorf("%s: got %v", b, err)
	}
}

func TestHostileEventsAreRefused(t *testing.T) {
	good := string(encode(t, rotation.NewEvent(full(t), "file", "promoted", start)))
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s lacks %s", good, old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct{ name, event, want string }{
		{"nothing", "", "EOF"},
		{"null", "null", "ring name"},
		{"a number", "7", "cannot unmarshal"},
		{"a list", "[]", "cannot unmarshal"},
		{"cut off", good[:len(good)-1], "unexpected EOF"},
		{"two events", good + good, "more than one JSON value"},
		{"an event and rubbish", good + "}", "more than one JSON value"},
		{"not UTF-8", swap(`"demo"`, "\"demo\xff\""), "not UTF-8"},
		{"too large", good + strings.Repeat(" ", rotation.MaxEvent), "want at most 65536"},
		{"deeply nested", strings.Repeat(`{"data":`, 5000), "decode event"},
		{"another specversion", swap(`"specversion":"1.0"`, `"specversion":"0.3"`), "specversion"},
		{"no specversion", swap(`"specversion":"1.0",`, ``), "specversion"},
		{"another id", swap(`"id":"demo/`, `"id":"demo/1`), "id"},
		{"no id", swap(`"id":"demo/`, `"di":"demo/`), "id"},
		{"another subject", swap(`"subject":"demo"`, `"subject":"other"`), "subject"},
		{"another ring inside", swap(`"ring":"demo"`, `"ring":"other"`), "id"},
		{"another product", swap(`/keyturn/file/demo`, `/other/file/demo`), "source"},
		{"a source of another ring", swap(`/keyturn/file/demo`, `/keyturn/file/other`), "source"},
		{"a source without store", swap(`/keyturn/file/demo`, `/keyturn/demo`), "source"},
		{"a source with a path", swap(`/keyturn/file/demo`, `/keyturn/file/../demo`), "source"},
		{"a type of another product", swap(`dev.keyturn.ring.promoted`, `com.example.promoted`), "type"},
		{"a type without what", swap(`dev.keyturn.ring.promoted`, `dev.keyturn.ring.`), "type"},
		{"another content type", swap(`"datacontenttype":"application/json"`, `"datacontenttype":"text/plain"`), "datacontenttype"},
		{"a time that is none", swap(`"time":"2026-11-22T09:00:00Z"`, `"time":"yesterday"`), "decode event"},
		{"a time beyond the years", swap(`"time":"2026-11-22T09:00:00Z"`, `"time":"9999-12-31T23:59:59-23:59"`), "year 10000"},
		{"no data", swap(`"data":{`, `"dada":{`), "ring name"},
		{"data as text", swap(`"data":{`, `"data":"x","x":{`), "cannot unmarshal"},
		{"keys as object", swap(`"keys":[`, `"keys":{},"x":[`), "cannot unmarshal"},
		{"keys null", swap(`"keys":[`, `"keys":null,"x":[`), "0 current keys"},
		{"a rev with a fraction", swap(`"rev":`, `"rev":0.5,"x":`), "cannot unmarshal"},
		{"a rev out of range", swap(`"rev":`, `"rev":99999999999999999999,"x":`), "cannot unmarshal"},
		{"an end that rounds to none", swap(`"verifyUntil":"`, `"verifyUntil":"0001-01-01T00:00:00.0000001Z","x":"`), "without an end"},
		{"a stage", swap(`"stage":"pending"`, `"stage":"owner"`), "stage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rotation.DecodeEvent([]byte(tt.event))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestMembersOfANewerVersionAreLeftOut(t *testing.T) {
	e := rotation.NewEvent(full(t), "file", "promoted", start)
	b := encode(t, e)
	newer := strings.NewReplacer(`"specversion"`, `"traceparent":"00-x","specversion"`, `"urgency"`, `"mood":{"a":[1]},"urgency"`, `"stage"`, `"weight":7,"stage"`).Replace(string(b))
	got, err := rotation.DecodeEvent([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

// Property: what DecodeEvent accepts is well-formed, encodes to an event that it
// accepts as equal, and Merge, Equal, Tick and Again live with it.
func FuzzDecodeEvent(f *testing.F) {
	s := rotation.State{
		Ring: "demo", Rev: 1795304374123, Urgency: rotation.Planned, Seen: "7",
		Keys: []rotation.Key{
			{Name: "k2", KID: "b", Version: "k2", Stage: rotation.Current, Algorithm: "HS256", Since: start, Logged: start},
			{Name: "k1", KID: "a", Version: "k1", Stage: rotation.Retiring, Algorithm: "HS256", VerifyUntil: start},
		},
		Gone:    []rotation.Gone{{Key: "k0", Why: rotation.WhyRetired}},
		Revoke:  []string{"k2"},
		Refresh: rotation.Plan{AfterMs: 5000, WindowMs: 120000},
		Cause:   rotation.Cause{By: rotation.ByPoll, Change: "promoted"},
	}
	seed, err := json.Marshal(rotation.NewEvent(s, "file", "promoted", start))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := rotation.DecodeEvent(seed); err != nil {
		f.Fatalf("the seed is refused: %v", err)
	}
	f.Add(seed)
	f.Add(bytes.Replace(seed, []byte(`"2026-11-22T09:00:00Z"`), []byte(`"2026-11-22T09:00:00.000000001+14:00"`), -1))
	f.Add([]byte(`{"specversion":"1.0","data":{"keys":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := rotation.DecodeEvent(b)
		if err != nil {
			return
		}
		if err := rotation.Check(e.Data); err != nil {
			t.Fatalf("accepted, and then refused: %v", err)
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("accepted, and can't be encoded: %v", err)
		}
		back, err := rotation.DecodeEvent(again)
		if err != nil {
			t.Fatalf("accepted, and refused when encoded again: %v\n%s", err, again)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("changed on the way:\n%s", diff)
		}
		if m := rotation.Merge(e.Data, s); m.Rev < e.Data.Rev || m.Rev < s.Rev {
			t.Fatalf("merge went back to rev %d", m.Rev)
		}
		if !rotation.Equal(e.Data, back.Data) {
			t.Fatal("not equal to itself")
		}
		for _, next := range []func() (rotation.State, rotation.Change){
			func() (rotation.State, rotation.Change) { return rotation.Tick(e.Data, policy, start) },
			func() (rotation.State, rotation.Change) { return rotation.Again(e.Data, rotation.State{}, start) },
			func() (rotation.State, rotation.Change) {
				return rotation.Next(e.Data, rotation.Snapshot{Ring: e.Data.Ring, Keys: []rotation.Seen{cur("k1"), pen("k7")}}, policy, start)
			},
		} {
			if n, c := next(); c.Row != "" && n.Rev <= 1<<53-1 {
				if err := rotation.Check(n); err != nil {
					t.Fatalf("%s of an accepted state: %v", c.Row, err)
				}
			}
		}
	})
}
