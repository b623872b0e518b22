package natskeys

import (
	"context"
	"sync"
	"time"
)

const (
	fetchLimit = 10 * time.Second // bounds one reading of a value
	firstPause = 200 * time.Millisecond
)

// pause is how long to wait after the count-th failed fetch of a value: twice
// as long each time, up to ten seconds or the poll, whichever is longer.
func pause(count int, poll time.Duration) time.Duration {
	limit := min(max(10*time.Second, poll), time.Minute)
	for d := firstPause; count > 0; d *= 2 {
		if count--; count == 0 || d >= limit {
			return min(d, limit)
		}
	}
	return 0
}

// fetch reads values side by side and installs each as it comes, so that one
// that hangs holds up no other.
func (s *Source) fetch(ctx context.Context, want []wanted) {
	var all sync.WaitGroup
	for _, w := range want {
		all.Go(func() { s.fetchOne(ctx, w) })
	}
	all.Wait()
}

func (s *Source) fetchOne(ctx context.Context, w wanted) {
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	key, err := s.config.Store.Value(limited, w.in, w.key)
	if err != nil && ctx.Err() != nil {
		return // whoever asked gave up, which tells nothing of the store
	}
	s.knowledge.took(w, key, err)
}

// fetchLoop reads missing values until ctx ends, each at most once at a time.
func (s *Source) fetchLoop(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	done := make(chan string)
	busy := map[string]bool{} // names of keys being read
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		for _, w := range s.knowledge.wants("", true, now) {
			if busy[w.key.Name] {
				continue
			}
			busy[w.key.Name] = true
			running.Go(func() {
				s.fetchOne(ctx, w)
				select {
				case done <- w.key.Name:
				case <-ctx.Done():
				}
			})
		}
		timer.Reset(s.knowledge.nextTry(now))
		select {
		case <-ctx.Done():
			return nil
		case name := <-done:
			delete(busy, name)
		case <-s.toFetch:
		case <-timer.C:
		}
	}
}

// nextTry is how long until the next fetch is due, at most ten seconds.
func (k *knowledge) nextTry(now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	wait := 10 * time.Second
	for _, w := range k.want {
		if next := k.tries[w.key.Name].next; next.After(now) {
			wait = min(wait, next.Sub(now))
		}
	}
	return wait
}
