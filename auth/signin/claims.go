package signin

import (
	"context"
	"errors"
	"time"
)

// Claims says what a subject may do at this moment. It is asked at sign-in and
// at each refresh, so that a changed role reaches the next token.
type Claims interface {
	// Claims returns the claims to put into a token; the map must not be changed
	// afterwards. Registered names (iss, aud, sub, iat, nbf, exp, jti) in it are
	// ignored: they are the issuer's. An error that wraps [ErrGone] ends the
	// session; any other one makes the caller try again later. It is called
	// from many goroutines, must honour ctx, and is given at most 5 s.
	Claims(ctx context.Context, who Subject) (map[string]any, error)
}

// Subject is somebody with a session.
type Subject struct {
	ID      string         // the sub of their tokens
	Session string         // names the session; no credential
	Last    map[string]any // the claims of their last token; at sign-in those that came with it. Not to be changed
	LastAt  time.Time      // when the source of claims gave Last; zero: unknown
}

// SessionClaims leaves the claims as they were at sign-in: a changed role
// reaches nobody before the next one.
func SessionClaims() Claims { return sessionClaims{} }

type sessionClaims struct{}

// Claims implements [Claims].
func (sessionClaims) Claims(_ context.Context, who Subject) (map[string]any, error) {
	return who.Last, nil
}

// ErrGone says that a subject no longer exists or may no longer sign in.
var ErrGone = errors.New("subject is gone")
