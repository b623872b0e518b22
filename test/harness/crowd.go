package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Crowd is many browsers that follow the stream and call a protected API.
type Crowd struct {
	Browsers []*Browser
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// Gather signs n browsers in and lets each follow the ring and call
// /api/hello every pause, until the test ends or [Crowd.Stop].
func Gather(t testing.TB, base, ring string, n int, pause time.Duration, each func(*Browser)) *Crowd {
	t.Helper()
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64,
		DialContext: (&net.Dialer{KeepAlive: -1}).DialContext,
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Crowd{Browsers: make([]*Browser, n), stop: stop}
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(c.Stop)

	var signing sync.WaitGroup
	gate := make(chan struct{}, 32) // so many sign in at a time: the test's own patience, not a limit of the server
	for i := range n {
		b := NewBrowser(base, transport)
		if each != nil {
			each(b)
		}
		c.Browsers[i] = b
		signing.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if err := b.SignIn(ctx, fmt.Sprintf("user-%d", i), "user"); err != nil {
				t.Errorf("browser %d: %v", i, err)
			}
		})
	}
	signing.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, b := range c.Browsers {
		c.running.Go(func() {
			if err := b.Follow(ctx, ring); err != nil {
				t.Errorf("browser %d: %v", i, err)
			}
		})
		if pause <= 0 {
			continue
		}
		c.running.Go(func() {
			if !wait(ctx, time.Duration(b.u()*float64(pause))) {
				return
			}
			for {
				if _, err := b.Call(ctx, "/api/hello"); err != nil && ctx.Err() == nil {
					t.Errorf("browser %d: call: %v", i, err)
					return
				}
				if !wait(ctx, pause) {
					return
				}
			}
		})
	}
	return c
}

// Stop ends calls and connections and waits for them.
func (c *Crowd) Stop() {
	c.stop()
	c.running.Wait()
}

// Total adds up what all have seen.
func (c *Crowd) Total() Counts {
	var sum Counts
	for _, b := range c.Browsers {
		n := b.Counts()
		sum.Calls += n.Calls
		sum.Refused += n.Refused
		sum.Recovered += n.Recovered
		sum.Lost += n.Lost
		sum.Refreshes += n.Refreshes
		sum.Waited += n.Waited
		sum.Opened += n.Opened
		sum.Closed += n.Closed
		sum.Granted += n.Granted
	}
	return sum
}

// AllUnder reports whether every browser's token is under that key.
func (c *Crowd) AllUnder(key string) bool {
	for _, b := range c.Browsers {
		if b.Key() != key {
			return false
		}
	}
	return true
}

// AllTold reports whether every browser has received a state frame.
func (c *Crowd) AllTold() bool {
	for _, b := range c.Browsers {
		if len(b.States()) == 0 {
			return false
		}
	}
	return true
}
