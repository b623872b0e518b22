package secretsmanager

import (
	"time"
)

// Bounds of what a queue holds.
const (
	maxHeld    = 1000             // messages received and not deleted yet: nothing is received while there are more
	maxRecent  = 10_000           // events whose copies are known for copies
	recentFor  = time.Hour        // and for how long
	visibility = 60 * time.Second // how long a message stays with whoever received it
	renewAt    = 35 * time.Second // what is left of that when it is prolonged
	maxDeletes = 3                // attempts to delete a message; it comes back by itself then, as a copy
)

// receipt is one delivery of a message, as SQS wants it named.
type receipt struct {
	id      string    // of the message
	handle  string    // of this delivery
	until   time.Time // invisible to others
	deletes int       // failed attempts to delete it
}

// waiting is an event that one or more rings have to look at.
type waiting struct {
	receipts []receipt
	since    time.Time       // when its first copy was received
	stores   map[*Store]bool // that have not looked since
}

// inbox holds the messages that a queue has received and not deleted yet. It does
// no I/O, and is not safe for concurrent use.
type inbox struct {
	waiting map[string]*waiting // by event
	done    []receipt           // to be deleted

	recent map[string]time.Time // event → when its look was done
	order  []string             // of recent, oldest first
}

func newInbox() inbox {
	return inbox{waiting: make(map[string]*waiting), recent: make(map[string]time.Time)}
}

// full says that nothing more should be received.
func (b *inbox) full() bool { return len(b.waiting)+len(b.done) >= maxHeld }

// copied takes a further copy of an event, and returns false if it is none.
func (b *inbox) copied(event string, r receipt, now time.Time) bool {
	if at, ok := b.recent[event]; ok && now.Sub(at) < recentFor {
		b.finish(r)
		return true
	}
	w, ok := b.waiting[event]
	if !ok {
		return false
	}
	for i := range w.receipts {
		if w.receipts[i].id == r.id { // the same message, which came back
			w.receipts[i] = r
			return true
		}
	}
	w.receipts = append(w.receipts, r)
	return true
}

// wait keeps an event until each of stores has looked.
func (b *inbox) wait(event string, r receipt, stores []*Store, now time.Time) {
	w := &waiting{receipts: []receipt{r}, since: now, stores: make(map[*Store]bool, len(stores))}
	for _, s := range stores {
		w.stores[s] = true
	}
	b.waiting[event] = w
}

// finish has a message deleted.
func (b *inbox) finish(r receipt) { b.done = append(b.done, r) }

// looked takes note of a look of s that began then, and returns whether there
// is something to delete now.
func (b *inbox) looked(s *Store, began, now time.Time) bool {
	some := false
	for event, w := range b.waiting {
		if !w.stores[s] || began.Before(w.since) {
			continue
		}
		if delete(w.stores, s); len(w.stores) > 0 {
			continue
		}
		delete(b.waiting, event)
		b.done = append(b.done, w.receipts...)
		b.remember(event, now)
		some = true
	}
	return some
}

func (b *inbox) remember(event string, now time.Time) {
	if _, known := b.recent[event]; known {
		b.recent[event] = now // keeps its old place: forgotten early, which costs a look
		return
	}
	b.recent[event] = now
	b.order = append(b.order, event)
	for len(b.order) > 0 && (len(b.order) > maxRecent || now.Sub(b.recent[b.order[0]]) >= recentFor) {
		delete(b.recent, b.order[0])
		b.order = b.order[1:]
	}
}

// deletable takes up to ten messages to be deleted.
func (b *inbox) deletable() []receipt {
	n := min(len(b.done), 10)
	batch := b.done[:n:n]
	b.done = b.done[n:]
	return batch
}

// undeleted takes back what could not be deleted.
func (b *inbox) undeleted(r receipt) {
	if r.deletes++; r.deletes < maxDeletes {
		b.done = append(b.done, r)
	}
}

// renewable returns the messages, in tens, that will soon be visible to others,
// and takes them for prolonged.
func (b *inbox) renewable(now time.Time) [][]receipt {
	var batches [][]receipt
	for _, w := range b.waiting {
		for i := range w.receipts {
			if w.receipts[i].until.Sub(now) > renewAt {
				continue
			}
			w.receipts[i].until = now.Add(visibility)
			if n := len(batches); n == 0 || len(batches[n-1]) == 10 {
				batches = append(batches, nil)
			}
			batches[len(batches)-1] = append(batches[len(batches)-1], w.receipts[i])
		}
	}
	return batches
}

// all returns every message that waits for a look, in tens.
func (b *inbox) all() [][]receipt { return b.renewable(time.Now().Add(24 * time.Hour)) }

// oldest returns when the event that waits longest was received; zero: none waits.
func (b *inbox) oldest() time.Time {
	var at time.Time
	for _, w := range b.waiting {
		if at.IsZero() || w.since.Before(at) {
			at = w.since
		}
	}
	return at
}
