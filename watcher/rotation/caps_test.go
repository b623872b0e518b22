package rotation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestARingThatTurnsTooOftenLosesTheKeyThatEndsFirst(t *testing.T) {
	s := tell(t)
	var c rotation.Change
	for i := range 65 {
		c = s.look(look("", cur(fmt.Sprintf("k%d", i)), old(fmt.Sprintf("k%d", i-1))))
	}
	wantAlarm(t, c, "too_many_keys", "1 retiring keys went before their time, the last of them k0")
	if _, live := s.state.Key("k0"); live || len(s.state.Keys) != rotation.MaxKeys {
		t.Errorf("got %d keys: %s", len(s.state.Keys), stages(s.state))
	}
	if g := s.state.Gone; len(g) != 2 || g[1].Key != "k0" || g[1].Why != rotation.WhyRetired {
		t.Errorf("gone: %+v", g)
	}
}

func TestAStoreWithTooManyPendingKeysKeepsTheFirst(t *testing.T) {
	s := tell(t)
	keys := []rotation.Seen{cur("c")}
	for i := range 60 {
		keys = append(keys, pen(fmt.Sprintf("p%02d", i)))
	}
	c := s.look(look("1", keys...))
	wantAlarm(t, c, "too_many_keys", "28 pending keys are left out")
	if len(s.state.Keys) != 33 {
		t.Errorf("got %d keys", len(s.state.Keys))
	}
	before := stages(s.state)
	c = s.look(look("2", keys...))
	wantNothing(t, c)
	wantAlarm(t, c, "too_many_keys", "28 pending keys are left out")
	s.want(before)
}

func TestTheDeadAreForgottenOldestFirstButForTheCompromised(t *testing.T) {
	s := tell(t)
	s.look(look("", cur("k0"), pen("leak")))
	s.revoke("leak")
	for i := range 100 {
		s.look(look("", cur(fmt.Sprintf("k%d", i+1)), old("k0")))
		s.tick(time.Hour)
	}
	if len(s.state.Gone) != rotation.MaxGone {
		t.Fatalf("got %d gone keys", len(s.state.Gone))
	}
	has := func(name string) bool {
		for _, g := range s.state.Gone {
			if g.Key == name {
				return true
			}
		}
		return false
	}
	if !has("leak") || !has("k99") || has("k1") {
		t.Errorf("got %+v", s.state.Gone)
	}
	if !has("k0") {
		t.Error("a key that the store still shows was forgotten: it would come back as a new one")
	}
}

func TestNoStoreMakesAStateTooLargeForAnEvent(t *testing.T) {
	for _, filler := range []string{"x", "<", "\"", "ü"} {
		t.Run(filler, func(t *testing.T) {
			s := tell(t)
			name := func(n int) string {
				return (fmt.Sprintf("%04d", n) + strings.Repeat(filler, 256))[:256-len(filler)]
			}
			huge := func(n int, stage rotation.Stage) rotation.Seen {
				return rotation.Seen{Version: name(n), KID: name(n), Algorithm: "HS256", Stage: stage, Print: rotation.Print(fmt.Sprint(n))}
			}
			for i := range 6 {
				keys := []rotation.Seen{huge(i, rotation.Current)}
				for p := range 40 {
					keys = append(keys, huge(1000+p, rotation.Pending))
				}
				if i > 0 {
					keys = append(keys, huge(i-1, rotation.Retiring))
				}
				s.look(look("", keys...))
				b, err := json.Marshal(rotation.NewEvent(s.state, "file", "promoted", s.now))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := rotation.DecodeEvent(b); err != nil {
					t.Fatalf("change %d: %v", i, err)
				}
			}
			before := stages(s.state)
			keys := []rotation.Seen{huge(5, rotation.Current), huge(4, rotation.Retiring)}
			for p := range 40 {
				keys = append(keys, huge(1000+p, rotation.Pending))
			}
			c := s.look(look("", keys...))
			if c.Row != "" || stages(s.state) != before {
				t.Errorf("row %q: the same look again is no news", c.Row)
			}
			said := 0
			for _, a := range c.Alarms {
				said += len(a.Text)
			}
			if said > 2000 {
				t.Errorf("%d alarms of %d bytes", len(c.Alarms), said)
			}
		})
	}
}
