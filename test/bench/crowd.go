package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/keyturn/keyturn/test/harness"
)

// crowdResult is what a crowd of browsers saw while keys turned.
type crowdResult struct {
	browsers      int
	calls, failed int // of the planned rotation: answers other than 200, and none at all
	firstFailure  string
	planned       refreshes
	compromise    refreshes
	recovered     int // calls that succeeded on their replay, in the compromise
	lost          int // calls whose app saw the refusal, in the compromise
}

// refreshes are the moments of calls to /auth/refresh.
type refreshes struct {
	asked    []time.Time // when browsers sent them
	admitted []time.Time // whole seconds: the iat of the tokens, which the issuer takes when it lets a caller in
}

// recorder is the crowd's network: it notes what the server answered, and when.
type recorder struct {
	next http.RoundTripper

	mu      sync.Mutex
	calls   int
	failed  int
	first   string
	refresh refreshes
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	asked := time.Now()
	res, err := r.next.RoundTrip(req)
	var issued time.Time
	if err == nil && req.URL.Path == "/auth/refresh" && res.StatusCode == http.StatusOK {
		issued, err = issuedAt(res)
	}
	if req.Context().Err() != nil {
		return res, err // we hung up
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case req.URL.Path == "/auth/refresh":
		r.refresh.asked = append(r.refresh.asked, asked)
		if !issued.IsZero() {
			r.refresh.admitted = append(r.refresh.admitted, issued)
		}
	case strings.HasPrefix(req.URL.Path, "/api/"):
		r.calls++
		if err != nil || res.StatusCode != http.StatusOK {
			r.failed++
			if r.first == "" {
				if r.first = fmt.Sprint(err); err == nil {
					r.first = res.Status
				}
			}
		}
	}
	return res, err
}

// issuedAt reads when the token in an answer was issued, and leaves the answer as it was.
func issuedAt(res *http.Response) (time.Time, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return time.Time{}, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &grant); err != nil {
		return time.Time{}, err
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(grant.AccessToken, &claims); err != nil {
		return time.Time{}, err
	}
	if claims.IssuedAt == nil {
		return time.Time{}, errors.New("a token without iat")
	}
	return claims.IssuedAt.Time, nil
}

// take returns what was noted since the last take.
func (r *recorder) take() (calls, failed int, first string, n refreshes) {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls, failed, first, n = r.calls, r.failed, r.first, r.refresh
	r.calls, r.failed, r.first, r.refresh = 0, 0, "", refreshes{}
	return calls, failed, first, n
}

// turnUnderLoad starts `keyturn dev`, lets a crowd of browsers call its API,
// and turns the key twice: as planned, then as leaked.
func turnUnderLoad(ctx context.Context, binary, dir string, browsers int, rate float64, pause time.Duration) (out crowdResult, err error) {
	public, err := freeAddress()
	if err != nil {
		return out, err
	}
	admin, err := freeAddress()
	if err != nil {
		return out, err
	}
	data := filepath.Join(dir, "dev")
	dev, err := start("keyturn dev", exec.Command(binary, "dev", "--listen", public, "--admin", admin, "--data-dir", data, "--rate", fmt.Sprint(rate)), false)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, dev.stop(20*time.Second)) }()
	if err := dev.ready(ctx, admin); err != nil {
		return out, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, DialContext: (&net.Dialer{KeepAlive: -1}).DialContext}
	defer transport.CloseIdleConnections()
	net := &recorder{next: transport}

	living, leave := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer leave()
	crowd := make([]*harness.Browser, browsers)
	if err := admit(living, crowd, "http://"+public, net, &running, pause); err != nil {
		return out, fmt.Errorf("%w\n%s", err, dev.tail)
	}
	out.browsers = browsers

	turn := func(args ...string) error {
		net.take()
		cmd := exec.CommandContext(ctx, binary, append([]string{"rotate", "demo", "--data-dir", data}, args...)...)
		if b, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("keyturn %s: %w\n%s", strings.Join(cmd.Args[1:], " "), err, b)
		}
		limit := time.Duration(4*float64(browsers)/rate*float64(time.Second)) + 60*time.Second
		return moved(ctx, crowd, public, limit)
	}
	if err := turn(); err != nil {
		return out, err
	}
	out.calls, out.failed, out.firstFailure, out.planned = net.take()
	before := total(crowd)
	if err := turn("--compromise"); err != nil {
		return out, err
	}
	_, _, _, out.compromise = net.take()
	after := total(crowd)
	out.recovered, out.lost = after.Recovered-before.Recovered, after.Lost-before.Lost
	return out, nil
}

// signIns is how many browsers sign in at a time.
const signIns = 24

// admit signs the browsers in; each then follows the stream and calls the API every pause.
func admit(ctx context.Context, crowd []*harness.Browser, base string, network http.RoundTripper, running *sync.WaitGroup, pause time.Duration) error {
	var signing sync.WaitGroup
	errs := make([]error, len(crowd))
	turns := make(chan struct{}, signIns) // fewer than the transport has connections: a sign-in may hold two
	for i := range crowd {
		b := harness.NewBrowser(base, network)
		crowd[i] = b
		signing.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			errs[i] = b.SignIn(ctx, fmt.Sprintf("browser-%d", i), "user")
		})
	}
	signing.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sign in: %.2000s", err)
	}
	for i, b := range crowd {
		running.Go(func() { _ = b.Follow(ctx, "demo") }) // a browser that lost its stream shows by not moving
		running.Go(func() {
			tick := time.NewTimer(pause * time.Duration(i) / time.Duration(len(crowd)))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				_, _ = b.Call(ctx, "/api/hello") // the recorder notes what came of it
				tick.Reset(pause)
			}
		})
	}
	return connected(ctx, crowd)
}

// connected waits until every browser has a socket that knows its key.
func connected(ctx context.Context, crowd []*harness.Browser) error {
	return until(ctx, 60*time.Second, func() string {
		missing := 0
		for _, b := range crowd {
			if len(b.States()) == 0 {
				missing++
			}
		}
		if missing == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d browsers have no stream", missing, len(crowd))
	})
}

// moved waits until every browser's token is under the ring's current key.
func moved(ctx context.Context, crowd []*harness.Browser, public string, limit time.Duration) error {
	res, err := http.Get("http://" + public + "/v1/state?ring=demo") //nolint:noctx // a loopback address
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var state struct{ Key string }
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil || state.Key == "" {
		return fmt.Errorf("read the state: status %d: %w", res.StatusCode, err)
	}
	return until(ctx, limit, func() string {
		behind := 0
		for _, b := range crowd {
			if b.Key() != state.Key {
				behind++
			}
		}
		if behind == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d browsers are not under the new key", behind, len(crowd))
	})
}

// until polls until the condition has nothing left to say.
func until(ctx context.Context, limit time.Duration, condition func() string) error {
	deadline := time.Now().Add(limit)
	for {
		left := condition()
		if left == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %s", limit, left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func total(crowd []*harness.Browser) (sum harness.Counts) {
	for _, b := range crowd {
		c := b.Counts()
		sum.Recovered += c.Recovered
		sum.Lost += c.Lost
		sum.Refreshes += c.Refreshes
	}
	return sum
}
