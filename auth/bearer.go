package auth

import (
	"net/http"
	"strings"
)

// BearerToken returns the token that a request carries: that of its
// Authorization header (RFC 6750 §2.1), else, where cookie is not empty, the
// value of the cookie of that name. Tokens in URLs or bodies are never looked
// at: URLs end up in logs. The error is [CodeTokenMissing], or
// [CodeTokenMalformed] for a header that can't be what it claims to be. The
// token is not verified.
func BearerToken(r *http.Request, cookie string) (string, *Error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		// A proxy and this server could disagree on which one counts.
		return "", refuse(CodeTokenMalformed, textAmbiguous)
	}
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.Trim(token, " ")
			if token == "" || strings.ContainsAny(token, " ,\t") {
				return "", refuse(CodeTokenMalformed, textHeader)
			}
			return token, nil
		}
	}
	if cookie != "" {
		if c, err := r.Cookie(cookie); err == nil && c.Value != "" {
			return c.Value, nil
		}
	}
	return "", refuse(CodeTokenMissing, textMissing)
}
