package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keyturn/keyturn/test/harness"
)

// changedRoles is how many people get another role at once.
const changedRoles = 10_000

// A tenth of them has a page open. With all of them connected the same runs in
// the soak: to sign ten thousand browsers in takes a while.
func TestTenThousandRoleChangesAtOnceReachTheirPagesAtTheConfiguredRate(t *testing.T) {
	rolesChange(t, changedRoles/10, 2500)
}

// rolesChange grants everybody a role at its source and tells it, while live
// of them have a page open: each of these gets one token with the role, ahead
// of any refusal, and the issuer admits no more than its rate.
func rolesChange(t *testing.T, live int, perSecond float64) {
	d := harness.RunDev(t, harness.Build(t), t.TempDir(), "--rate", fmt.Sprint(perSecond))
	crowd := harness.Gather(t, d.URL, "demo", live, 0, nil)
	harness.UntilWithin(t, 5*time.Minute, "every browser has a state", crowd.AllTold)
	before := crowd.Total()

	grantEverybody(t, d)
	started := time.Now()
	tellEverybody(t, d)
	t.Logf("told %d in %s", changedRoles, time.Since(started))
	harness.UntilWithin(t, 10*time.Minute, "every page has another token", func() bool {
		return crowd.Total().Refreshes >= before.Refreshes+live
	})
	took := time.Since(started)

	after := crowd.Total()
	admitted := after.Refreshes - before.Refreshes
	if admitted != live {
		t.Errorf("%d refreshes for %d pages, want one each", admitted, live)
	}
	if most := perSecond*took.Seconds() + perSecond/10 + 1; float64(admitted) > most {
		t.Errorf("%d refreshes were admitted in %s, want at most %.0f", admitted, took, most)
	}
	if n := after.Granted - before.Granted; n != live {
		t.Errorf("%d pages of %d were told once", n, live)
	}
	t.Logf("%d pages refreshed in %s, %d answers were 429", admitted, took, after.Waited-before.Waited)

	for i, b := range crowd.Browsers {
		if status, err := b.Call(t.Context(), "/api/admin"); err != nil || status != http.StatusOK {
			t.Fatalf("browser %d: a call that needs the new role: got %d, %v", i, status, err)
		}
	}
	if end := crowd.Total(); end.Refused != 0 || end.Closed != before.Closed {
		t.Errorf("%d calls were refused and %d sockets lost, want none", end.Refused, end.Closed-before.Closed)
	}
}

func subject(i int) string { return fmt.Sprintf("user-%d", i) } // as a crowd signs in

// grantEverybody changes the roles at their source, in one write as an editor does it.
func grantEverybody(t *testing.T, d *harness.Daemon) {
	t.Helper()
	all := make(map[string]any, changedRoles)
	for i := range changedRoles {
		all[subject(i)] = map[string][]string{"roles": {"user", "admin"}}
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(d.Dir, "claims.json.new")
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, filepath.Join(d.Dir, "claims.json")); err != nil {
		t.Fatal(err)
	}
}

// tellEverybody calls the admin API once a subject, many at a time.
func tellEverybody(t *testing.T, d *harness.Daemon) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	calls, ctx := errgroup.WithContext(t.Context())
	calls.SetLimit(32)
	for _, i := range rand.Perm(changedRoles) {
		calls.Go(func() error { return tell(ctx, client, d, subject(i)) })
	}
	if err := calls.Wait(); err != nil {
		t.Fatal(err)
	}
}

func tell(ctx context.Context, client *http.Client, d *harness.Daemon, subject string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Admin+"/v1/rings/demo/subjects/"+url.PathEscape(subject)+"/refresh", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read only
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("tell %s: status %d", subject, res.StatusCode)
	}
	return nil
}
