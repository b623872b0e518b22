package auth

import (
	"context"
	"net/http"
)

// Options of [Middleware] and [Forward].
type Options struct {
	// Cookie is the name of a cookie that may carry the token of a request
	// without an Authorization header; two of that name are refused. Empty: no
	// cookie. Browsers send cookies with requests that other pages cause, so a
	// request that comes by it must pass CrossOrigin.
	Cookie string
	// CrossOrigin judges requests that come by the cookie: those that may change
	// something (any method but GET, HEAD and OPTIONS, and the opening of a
	// WebSocket) are refused with 403 [CodeOriginRefused] where they come from
	// a page of another origin. Nil trusts no other origin.
	CrossOrigin *http.CrossOriginProtection
}

func (o Options) ready() Options {
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	return o
}

// Middleware lets through requests with a good token (see [BearerToken] and
// [Keyring.Verify]), which handlers get by [TokenFrom]. It answers the others
// as [WriteProblem] says: 401 token_missing, token_expired, kid_unknown (with
// Retry-After), key_retired, signature_invalid, …; 403 origin_refused (see
// [Options.CrossOrigin]); 503 where it has no keys yet. It logs nothing;
// [Config.Observe] sees each outcome of a token.
func Middleware(k *Keyring, o Options) func(http.Handler) http.Handler {
	o = o.ready()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v, err := authenticate(k, o, r, o.guardCookie)
			if err != nil {
				WriteProblem(w, err.answer())
				return
			}
			next.ServeHTTP(w, r.WithContext(v))
		})
	}
}

// TokenFrom returns the token of a request that passed [Middleware]; ok is
// false for any other context.
func TokenFrom(ctx context.Context) (t *Token, ok bool) {
	v, ok := ctx.Value(verifiedKey{}).(*verified)
	if !ok {
		return nil, false
	}
	return &v.token, true
}

// verified is the context of a request with a good token. It holds the token
// itself, so that one allocation serves for both.
type verified struct {
	context.Context
	token   Token
	keyring *Keyring
}

type verifiedKey struct{}

// Value finds v itself, then what its parent knows.
func (v *verified) Value(key any) any {
	if _, ok := key.(verifiedKey); ok {
		return v
	}
	return v.Context.Value(key)
}

// authenticate verifies the token of a request, which guard judges where it comes by the cookie.
func authenticate(k *Keyring, o Options, r *http.Request, guard func(*http.Request) *Error) (*verified, *Error) {
	raw, byCookie, err := presented(r, o.Cookie)
	if err == nil && byCookie {
		err = guard(r)
	}
	if err != nil {
		err.KID = k.currentKID()
		return nil, err
	}
	v := &verified{Context: r.Context(), keyring: k}
	if err := k.verify(r.Context(), &v.token, raw, 0); err != nil {
		return nil, err
	}
	return v, nil
}

// currentKID is the kid of the current key; empty where there is none.
func (k *Keyring) currentKID() string {
	if s := k.installed.Load(); s != nil {
		return s.kid
	}
	return ""
}
