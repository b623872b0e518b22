package secretsmanager

import (
	"context"
	"errors"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Look returns what the secret holds now. prev is the newest state that the
// caller knows.
func (s *Store) Look(ctx context.Context, prev rotation.State) (rotation.Snapshot, error) {
	return rotation.Snapshot{}, errors.ErrUnsupported
}

// Value returns the material of a live key k of the state st.
func (s *Store) Value(ctx context.Context, st rotation.State, k rotation.Key) (auth.Key, error) {
	return auth.Key{}, errors.ErrUnsupported
}
