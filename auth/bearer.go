package auth

import (
	"net/http"
	"strings"
)

// BearerToken returns the token that a request carries: that of its
// Authorization header (RFC 6750 §2.1), else, where cookie is not empty, the
// value of the cookie of that name (see [CookieToken]). Tokens in URLs or bodies
// are never looked at: URLs end up in logs. The error is [CodeTokenMissing], or
// [CodeTokenMalformed] for what can't be what it claims to be. The token is not
// verified, and nothing is known of the page that sent a cookie: [Middleware] asks.
func BearerToken(r *http.Request, cookie string) (string, *Error) {
	token, _, err := presented(r, cookie)
	return token, err
}

// presented is BearerToken, and tells whether the token came by the cookie.
func presented(r *http.Request, cookie string) (token string, byCookie bool, err *Error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		// A proxy and this server could disagree on which one counts.
		return "", false, refuse(CodeTokenMalformed, textAmbiguous)
	}
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.Trim(token, " ")
			if token == "" || strings.ContainsAny(token, " ,\t") {
				return "", false, refuse(CodeTokenMalformed, textHeader)
			}
			return token, false, nil
		}
	}
	if cookie != "" {
		if token, err := CookieToken(r, cookie); token != "" || err != nil {
			return token, true, err
		}
	}
	return "", false, refuse(CodeTokenMissing, textMissing)
}
