package natskeys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// look is the keyring's [auth.Config.Look]. The value of an announced key is
// read at once. For any other kid the log's head is read, then the labels, for
// the store may show what no watcher has seen yet.
func (s *Source) look(ctx context.Context, kid string) error {
	var logErr, storeErr error
	if kid != "" && !s.knowledge.knows(kid) {
		if logErr = s.readLog(ctx); !s.knowledge.knows(kid) {
			storeErr = s.readLabels(ctx)
		}
	}
	s.fetch(ctx, s.knowledge.wants(kid, false, time.Now()))
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, w := range s.knowledge.wants(kid, false, time.Now()) {
		if !w.held {
			return fmt.Errorf("value of key %s can't be read: %w", w.key.Name, cmp.Or(s.knowledge.failure(w.key.Name), errNotYet))
		}
	}
	if kid != "" && s.knowledge.knows(kid) {
		return nil
	}
	return errors.Join(logErr, storeErr)
}

// errNotYet is why a key has no value that nobody has tried to read yet.
var errNotYet = errors.New("it was announced just now")

// readLog reads the head of the log and takes it.
func (s *Source) readLog(ctx context.Context) error {
	state, err := s.feed.Refresh(ctx, s.config.Ring)
	s.knowledge.read(err)
	if err != nil {
		return err
	}
	s.knowledge.adopt(state)
	return nil
}

// readLabels looks at the store. The store's clock and ours may differ, which
// matters only while there is no log.
func (s *Source) readLabels(ctx context.Context) error {
	prev, _ := s.knowledge.state()
	seen, err := s.config.Store.Look(ctx, prev)
	s.knowledge.read(err)
	if err != nil {
		return err
	}
	if seen.Ring != s.config.Ring {
		return fmt.Errorf("store shows ring %.80q where %s belongs", seen.Ring, s.config.Ring)
	}
	seen.By = rotation.ByPoll
	s.knowledge.saw(seen, time.Now())
	return nil
}
