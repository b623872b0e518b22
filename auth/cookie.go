package auth

import (
	"net/http"
	"strings"
)

// CookieToken returns the token in the cookie of that name: empty where none
// came, or an empty one. Two cookies of one name are refused
// ([CodeTokenMalformed]), whatever they hold: a browser holds one of its own, so
// that another server of its host name or domain has set the other (RFC 6265
// §8.6), and nothing tells them apart. The token is not verified.
func CookieToken(r *http.Request, name string) (string, *Error) {
	found := r.CookiesNamed(name)
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0].Value, nil
	}
	return "", refuse(CodeTokenMalformed, textCookies)
}

// guardCookie refuses a request that comes by a cookie where a page of another
// origin may have caused it, and it may change something. Opening a WebSocket
// counts as that: it is a GET, and what the page sends over it nobody asks again.
func (o Options) guardCookie(r *http.Request, method string) *Error {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		method = http.MethodPost
	}
	if method != r.Method {
		as := *r // Check looks at headers and at this
		as.Method = method
		r = &as
	}
	if o.CrossOrigin.Check(r) == nil {
		return nil
	}
	return &Error{Status: http.StatusForbidden, Code: CodeOriginRefused, Description: textOrigin}
}

// forwardedMethod is the method of the request that a proxy asks about: unsafe
// where the proxy does not say, since its own call may be a GET for whatever
// came. Pages can't make a browser send these headers to other origins.
func forwardedMethod(r *http.Request) string {
	told := append(r.Header.Values("X-Forwarded-Method"), r.Header.Values("X-Original-Method")...)
	for _, method := range told {
		switch method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			return http.MethodPost
		}
	}
	if len(told) == 0 {
		return http.MethodPost
	}
	return http.MethodGet
}
