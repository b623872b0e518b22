package auth

import (
	"context"
	"time"
)

// Verify verifies a token. Its error is an *Error.
func (k *Keyring) Verify(ctx context.Context, token string) (*Token, error) {
	return k.VerifyStale(ctx, token, 0)
}

// VerifyStale is Verify, which also accepts a token expired for less than grace.
func (k *Keyring) VerifyStale(ctx context.Context, token string, grace time.Duration) (*Token, error) {
	return nil, nil
}
