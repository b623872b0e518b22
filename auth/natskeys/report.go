package natskeys

import (
	"context"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	putLimit  = 5 * time.Second // bounds one putting of the row
	retryPut  = time.Second     // pause after one that failed
	dropLimit = 2 * time.Second // bounds the taking back at the end
)

// row is what this verifier holds now.
func (s *Source) row(now time.Time) rotation.VerifierRow {
	row := rotation.VerifierRow{Ring: s.config.Ring, Instance: s.config.Instance, At: now, Keys: []string{}}
	if s.config.Signs {
		row.Signs = s.keyring.Signer()
	}
	k := s.knowledge
	k.mu.Lock()
	defer k.mu.Unlock()
	set, want := k.now.set(now)
	row.Rev = set.Rev
	for _, h := range set.Held {
		if h.Stage != auth.Retiring || h.VerifyUntil.IsZero() || now.Before(h.VerifyUntil) {
			row.Keys = append(row.Keys, h.Name)
		}
	}
	if k.err != nil {
		row.Error = k.err.Error()
	}
	for _, w := range want {
		if err := k.tries[w.key.Name].err; err != nil {
			row.Error = err.Error()
		}
		if !w.held {
			row.Missing = append(row.Missing, w.key.Name)
		}
	}
	slices.Sort(row.Keys)
	slices.Sort(row.Missing)
	return row
}

// reportLoop puts the row when it changes and every ten seconds until ctx
// ends, and then takes it back.
func (s *Source) reportLoop(ctx context.Context) error {
	if s.config.Rows == nil {
		s.expireLoop(ctx)
		return nil
	}
	defer s.dropRow(ctx)
	var last rotation.VerifierRow // as put; its At tells when
	failing := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.toReport:
		case <-timer.C:
		}
		now := time.Now()
		s.knowledge.expire(now)
		row := s.row(now)
		again := s.nextChange(now)
		if !sameRow(row, last) || now.Sub(last.At) >= rotation.RowEvery {
			err := s.putRow(ctx, row)
			switch {
			case err == nil:
				last, failing = row, false
			case ctx.Err() != nil:
				return nil
			default:
				if !failing {
					s.config.Logger.Warn("row not put, others can't see which keys are held here", zap.Error(err))
				}
				failing, again = true, retryPut
			}
		}
		timer.Reset(min(again, max(last.At.Add(rotation.RowEvery).Sub(now), retryPut)))
	}
}

// expireLoop does what is left of reporting where nobody is told.
func (s *Source) expireLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.toReport:
		case <-time.After(rotation.RowEvery):
			s.knowledge.expire(time.Now())
		}
	}
}

func (s *Source) putRow(ctx context.Context, row rotation.VerifierRow) error {
	ctx, cancel := context.WithTimeout(ctx, putLimit)
	defer cancel()
	return s.config.Rows.PutVerifier(ctx, row)
}

// dropRow takes the row back; where that fails it expires by itself.
func (s *Source) dropRow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	if err := s.config.Rows.DropVerifier(ctx, s.config.Ring, s.config.Instance); err != nil {
		s.config.Logger.Debug("row not taken back", zap.Error(err))
	}
}

func sameRow(a, b rotation.VerifierRow) bool {
	a.At, b.At = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// nextChange is how long until time alone changes the row: a key begins to
// sign or ceases to verify. At most ten seconds.
func (s *Source) nextChange(now time.Time) time.Duration {
	wait := rotation.RowEvery
	for _, h := range s.keyring.Set().Held {
		for _, at := range []time.Time{h.SignFrom, h.VerifyUntil} {
			if at.After(now) {
				wait = min(wait, at.Sub(now))
			}
		}
	}
	return wait
}
