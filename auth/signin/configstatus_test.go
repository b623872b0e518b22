package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/test/covers"
)

func TestTheConfigurationIsToldToThoseWhoAreSignedIn(t *testing.T) {
	covers.IDs(t, "CFG-05")
	s := newStand(t)
	told := Overview{Ring: "payments", KID: "one", Pending: []string{"two"}, Retiring: []string{}, Strong: true, Match: true,
		Verifiers: Agreement{Reporting: 2, Agreeing: 2}, Locked: []string{}, Version: "1"}
	asked := 0
	r := s.replica(func(c *Config) {
		c.Overview = func(context.Context) (Overview, error) { asked++; return told, nil }
	})
	session := r.login("alice")
	token := session.grant(t).AccessToken
	const path = "/auth/config-status"

	want(t, "nobody", r.call("GET", path, "", nil), http.StatusUnauthorized, CodeSessionMissing)
	want(t, "a bad token", r.call("GET", path, "", nil, bearer(token+"x")), http.StatusUnauthorized, CodeSessionMissing)
	if asked != 0 {
		t.Errorf("verifiers were asked %d times for strangers, want never", asked)
	}
	begin := time.Now()
	for name, got := range map[string]reply{
		"by token":                        r.call("GET", path, "", nil, bearer(token)),
		"by session":                      r.call("GET", path, "", session.cookie),
		"by session, with a broken token": r.call("GET", path+"?ring=payments", "", session.cookie, bearer("x")),
	} {
		var status Overview
		if err := json.Unmarshal([]byte(got.body), &status); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
		if diff := cmp.Diff(told, status); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if cache := got.header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s: Cache-Control %q, want no-store", name, cache)
		}
	}
	if took := time.Since(begin); asked < 1 || asked > 1+int(took/overviewFor) {
		t.Errorf("verifiers were asked %d times for three calls in %s, want once in %s", asked, took, overviewFor)
	}
	want(t, "another ring", r.call("GET", path+"?ring=other", "", session.cookie), http.StatusNotFound, "no_such_ring")
}

func TestAnOverviewThatFailsIsAskedForAgain(t *testing.T) {
	s := newStand(t)
	fails := true
	r := s.replica(func(c *Config) {
		c.Overview = func(context.Context) (Overview, error) {
			if fails {
				return Overview{}, errors.New("NATS is away")
			}
			return Overview{Ring: "payments"}, nil
		}
	})
	session := r.login("alice")
	want(t, "without NATS", r.call("GET", "/auth/config-status", "", session.cookie), http.StatusServiceUnavailable, "unavailable")
	fails = false
	want(t, "with it", r.call("GET", "/auth/config-status", "", session.cookie), http.StatusOK, "")
}
