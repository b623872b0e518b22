package natskeys

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAMissingValueIsReportedAndFetchedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, config(nil), newScript(a), state(7, a))
		r.push(state(8, a, b))
		rows := r.board.rows()
		if last := rows[len(rows)-1]; !reflect.DeepEqual(last.Missing, []string{"b"}) || last.Error == "" || last.Rev != 8 {
			t.Errorf("got row %+v, want b missing at rev 8, and why", last)
		}
		pass(10 * time.Minute)
		if n := r.store.readings("b"); n < 5 || n > 60 {
			t.Errorf("got %d readings in ten minutes, want several, ever more seldom", n)
		}
		r.store.put(b)
		pass(time.Minute)
		rows = r.board.rows()
		if last := rows[len(rows)-1]; len(last.Missing) != 0 || last.Error != "" || !reflect.DeepEqual(last.Keys, []string{"a", "b"}) {
			t.Errorf("got row %+v, want a and b held", last)
		}
	})
}

func TestTheRowIsPutWhenItChangesAndEveryTenSecondsAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := run(t, config(nil), newScript(a, b), state(7, a))
		pass(35 * time.Second)
		var at []time.Duration
		for _, row := range r.board.rows() {
			at = append(at, row.At.Sub(begin))
		}
		if want := []time.Duration{0, 10 * time.Second, 20 * time.Second, 30 * time.Second}; !reflect.DeepEqual(at, want) {
			t.Errorf("got rows at %v, want %v", at, want)
		}
		r.push(state(8, a, b))
		rows := r.board.rows()
		if last := rows[len(rows)-1]; last.At.Sub(begin) != 35*time.Second || !reflect.DeepEqual(last.Keys, []string{"a", "b"}) {
			t.Errorf("got last row %+v, want both keys, put at once", last)
		}
		r.board.mu.Lock()
		r.board.err = errors.New("away")
		r.board.mu.Unlock()
		pass(20 * time.Second)
		before := len(r.board.rows())
		r.board.mu.Lock()
		r.board.err = nil
		r.board.mu.Unlock()
		pass(2 * time.Second)
		if after := len(r.board.rows()); after != before+1 {
			t.Errorf("got %d more rows soon after NATS came back, want one", after-before)
		}
		r.stop()
		if r.board.dropped != 1 {
			t.Errorf("got the row taken back %d times, want once", r.board.dropped)
		}
	})
}

func TestARetiringKeyLeavesTheRowWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(3 * time.Second)
		r := run(t, config(nil), newScript(a, b), state(7, a, until(b, end)))
		pass(3 * time.Second)
		rows := r.board.rows()
		if last := rows[len(rows)-1]; !reflect.DeepEqual(last.Keys, []string{"a"}) || !last.At.Equal(end) {
			t.Errorf("got last row %+v, want a alone, put at the end of b", last)
		}
		if got := r.verify(b); got != auth.CodeKeyRetired {
			t.Errorf("got %q, want %s", got, auth.CodeKeyRetired)
		}
	})
}

func TestTokensThatOutliveTheRingsClaimAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		c := config(nil)
		c.Outlives = func(_ context.Context, key string, exp time.Time) {
			told = append(told, fmt.Sprint(key, " ", time.Until(exp).Round(time.Minute)))
		}
		r := run(t, c, newScript(a), state(7, a))
		for _, life := range []time.Duration{15 * time.Minute, 20 * time.Minute, 20 * time.Minute, 18 * time.Minute, time.Hour} {
			if got := r.verifyToken(token(t, a, life)); got != "" {
				t.Errorf("got %q, want a token of %v verified", got, life)
			}
			synctest.Wait()
		}
		if want := []string{"a 20m0s", "a 1h0m0s"}; !reflect.DeepEqual(told, want) {
			t.Errorf("got told %q, want %q", told, want)
		}
	})
}

func TestMetricsCountKeysAndResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(nil)
		registry := prometheus.NewRegistry()
		c.Registerer = registry
		r := run(t, c, newScript(a), state(7, a, b))
		r.verify(a)
		r.verify(a)
		r.verify(key("forged", rotation.Current))
		want := map[string]float64{
			"keyturn_verifier_keys ring=payments stage=current":  1,
			"keyturn_verifier_keys ring=payments stage=pending":  0,
			"keyturn_verifier_keys ring=payments stage=retiring": 0,
			"keyturn_verifier_missing ring=payments":             1,
			"keyturn_verify_total result=ok ring=payments":       2,

			"keyturn_verify_total result=kid_unknown ring=payments":   1,
			"keyturn_verify_total result=token_expired ring=payments": 0,
		}
		got := gathered(t, registry)
		for name, v := range want {
			if g, ok := got[name]; !ok || g != v {
				t.Errorf("got %s = %v (there: %v), want %v", name, g, ok, v)
			}
		}
		r.stop()
		if families, err := registry.Gather(); err != nil || len(families) != 0 {
			t.Errorf("got %d metrics and error %v after the end, want none", len(families), err)
		}
	})
}
