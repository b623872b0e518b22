package signin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"
)

// A provider's keys are fetched when a token names one that is not known. Whoever
// turns its keys twice in a minute is followed; one whose tokens name keys that it never
// publishes is not asked at each of them.
const (
	keysBurst = 6
	keysEvery = 10 * time.Second
)

var (
	// errKeysDown: the provider's keys could not be had, so nothing is known of a token.
	errKeysDown = errors.New("the provider's keys could not be fetched")
	// errKeysAsked: they were fetched often enough a moment ago, and that key was not among them.
	errKeysAsked = errors.New("the provider's keys were fetched a moment ago, and do not hold the token's")
)

// keySet verifies signatures with a provider's own keys, and tells a signature
// that does not hold from keys that can't be had. It implements [oidc.KeySet].
type keySet struct{ remote *oidc.RemoteKeySet }

func newKeySet(ctx context.Context, client *http.Client, address string) keySet {
	c := *client
	c.Transport = seldom{client.Transport, rate.NewLimiter(rate.Every(keysEvery), keysBurst)}
	return keySet{oidc.NewRemoteKeySet(oidc.ClientContext(ctx, &c), address)}
}

// seldom is a transport that lets a call through at the limiter's rate.
type seldom struct {
	http.RoundTripper
	limit *rate.Limiter
}

// RoundTrip implements [http.RoundTripper].
func (s seldom) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.limit.Allow() {
		return nil, errKeysAsked
	}
	return s.RoundTripper.RoundTrip(r)
}

// verdictKey is where VerifySignature leaves its error: the verifier around it passes on the text alone.
type verdictKey struct{}

// VerifySignature implements [oidc.KeySet].
func (k keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, raw)
	// Only an error of the fetch has another one inside.
	if to, ok := ctx.Value(verdictKey{}).(*error); ok && err != nil && errors.Unwrap(err) != nil {
		*to = err
	}
	return payload, err
}

// verify checks an ID token. The error is errKeysDown where the keys could not be had.
func verify(ctx context.Context, v *oidc.IDTokenVerifier, raw string) (*oidc.IDToken, error) {
	var fetched error
	id, err := v.Verify(context.WithValue(ctx, verdictKey{}, &fetched), raw)
	switch {
	case err == nil:
		return id, nil
	case errors.Is(fetched, errKeysAsked):
		return nil, errKeysAsked
	case fetched != nil:
		return nil, errKeysDown
	}
	return nil, err
}

// signed are the algorithms of ID tokens that are taken: of those that the
// provider names, the asymmetric ones (RFC 8725 §3.1 and §3.2: with a shared secret
// whoever reads it makes tokens, and "none" is no signature). None: RS256, as OpenID Connect Core §2 has it.
func signed(named []string) []string {
	var out []string
	for _, a := range named {
		switch a {
		case oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA:
			out = append(out, a)
		}
	}
	return out
}
