package watcher_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAChangeOfOnesOwnIsNotTakenForAHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := newStore("a"), &logtest.Memory{}
		w, _ := run(t, config(s, log))
		after(time.Second)
		head, err := w.LookAfter(t.Context(), rotation.ByOps, "", func(context.Context) error {
			s.show("a +b")
			s.hint()
			after(time.Second) // the hint is heard before the change is done
			return nil
		})
		if err != nil || head.Cause.By != rotation.ByOps || head.Cause.Change != "pending" {
			t.Errorf("got %+v, %v, want a pending key by ops", head.Cause, err)
		}
		after(time.Minute)
		expect(t, log, "first_sight:a", "pending:a")
	})
}

func TestAChangeThatFailedIsNotLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := newStore("a"), &logtest.Memory{}
		w, _ := run(t, config(s, log))
		after(time.Second)
		before := len(s.looks)
		head, err := w.LookAfter(t.Context(), rotation.ByOps, "", func(context.Context) error { return errAway })
		if !errors.Is(err, errAway) || len(s.looks) != before || head.Rev != w.Status().Head.Rev {
			t.Errorf("got rev %d, %v, and %d looks, want the error alone", head.Rev, err, len(s.looks)-before)
		}
	})
}
