package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestFewerIssuersCountOnlyAfterAWholeTurn(t *testing.T) {
	i := newIssuers()
	for step, c := range []struct {
		n    int
		turn bool
		want int
	}{
		{1, true, 1},
		{3, false, 3}, // new ones count at once
		{3, true, 3},
		{0, false, 3}, // the rows were wiped
		{1, true, 3},  // this process has put its own again
		{3, false, 3}, // and so have the others
		{3, true, 3},
		{2, false, 3}, // one has gone
		{2, true, 3},
		{2, false, 3},
		{2, true, 2},
		{0, false, 2},
		{0, true, 2},
		{0, true, 1}, // this process counts always
	} {
		if i.counted(c.n, c.turn); i.live() != c.want {
			t.Errorf("step %d: got %d issuers, want %d", step, i.live(), c.want)
		}
	}
}

func TestANewIssuerAdmitsNobodyUntilTheOthersCountIt(t *testing.T) {
	for _, c := range []struct {
		issuers int
		waits   time.Duration
	}{{1, 0}, {2, settleIn}, {5, settleIn}} {
		synctest.Test(t, func(t *testing.T) {
			i, begin, done := newIssuers(), time.Now(), make(chan bool, 1)
			go func() { done <- i.settled(t.Context()) }()
			synctest.Wait()
			select {
			case <-done:
				t.Error("settled before anybody counted")
			default:
			}
			i.counted(c.issuers, true)
			if !<-done || time.Since(begin) != c.waits {
				t.Errorf("%d issuers: settled after %s, want %s", c.issuers, time.Since(begin), c.waits)
			}
		})
	}
}
