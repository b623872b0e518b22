package natskeys

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// labelLoop polls the store's labels until ctx ends, as long as they have to
// stand in for the log.
func (s *Source) labelLoop(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(jittered(s.config.Poll)):
		}
		if !s.knowledge.blind() {
			failing = false
			continue
		}
		limited, cancel := context.WithTimeout(ctx, fetchLimit)
		err := s.readLabels(limited)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			s.config.Logger.Warn("labels can't be read, the keys held stay", zap.Error(err))
		}
		failing = err != nil
	}
}

// jittered spreads the looks of many verifiers that started together (a
// thundering herd on the store) over a tenth to either side.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
