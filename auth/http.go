package auth

import (
	"context"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// Options of [Middleware] and [Forward]. The zero value takes the token from the Authorization header only.
type Options struct {
	Cookie string // also accept the token from the cookie of this name, after the header; empty: no cookie
}

// Middleware verifies the request's bearer token.
func Middleware(k *Keyring, o Options) func(http.Handler) http.Handler { return nil }

// RequireRole lets through requests whose token has all the roles.
func RequireRole(roles ...string) func(http.Handler) http.Handler { return nil }

// TokenFrom returns the verified token of a request.
func TokenFrom(ctx context.Context) (*Token, bool) { return nil, false }

// WriteProblem answers with application/problem+json.
func WriteProblem(w http.ResponseWriter, e *Error) {}

// BearerToken returns the token of a request: that of the Authorization header, else of the cookie named (empty: none).
func BearerToken(r *http.Request, cookie string) (string, *Error) { return "", nil }

// Forward answers whether a request's token is good, for proxies.
func Forward(k *Keyring, o Options) http.Handler { return nil }

// JWKS serves the public keys.
func JWKS(k *Keyring) http.Handler { return nil }

// PublicSet returns the public keys of a set.
func PublicSet(s Set) jose.JSONWebKeySet { return jose.JSONWebKeySet{} }
