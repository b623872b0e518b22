package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// countEvery is the pause between counts of the issuers: so soon the others
	// know of a new one, and leave it its share.
	countEvery = 2 * time.Second
	// settleIn is how long a new issuer admits nobody where there are others:
	// a count, and the pauses that may delay it.
	settleIn = countEvery + censusPause + time.Second
)

// issuers is how many processes sign for a ring; they share the refreshes that
// may be admitted. One goroutine counts, any may ask.
type issuers struct {
	n     atomic.Int64 // zero: not counted yet
	most  int          // the greatest count of this turn; of whoever counts
	once  sync.Once
	known chan struct{} // closed after the first count
}

func newIssuers() *issuers { return &issuers{known: make(chan struct{})} }

// live implements signin.Config.Issuers; this process counts always.
func (i *issuers) live() int { return max(1, int(i.n.Load())) }

// counted takes a count. More issuers hold at once; fewer only when a whole
// turn, in which each issuer puts its row, has shown no more: rows that were
// wiped all come back, but one after the other. turn: one is over.
func (i *issuers) counted(n int, turn bool) {
	i.most = max(i.most, n)
	if turn {
		i.n.Store(int64(i.most))
		i.most = n
	}
	if int64(n) > i.n.Load() {
		i.n.Store(int64(n))
	}
	i.once.Do(func() { close(i.known) })
}

// settled waits until this process may admit its share: the issuers are
// counted, and others that there are have counted this one. False: ctx ended.
func (i *issuers) settled(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-i.known:
	}
	return i.live() == 1 || pause(ctx, settleIn)
}
