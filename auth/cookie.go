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
func (o Options) guardCookie(r *http.Request) *Error {
	if opensWebSocket(r) {
		r = byMethod(r, http.MethodPost)
	}
	if o.CrossOrigin.Check(r) == nil {
		return nil
	}
	return refuseOrigin(textOrigin)
}

// guardForwarded is guardCookie for a request that a proxy asks about. A request
// that says nothing of where it comes from may be a program's, which no page can
// steer; but a proxy may have left that out, so that it proves nothing here.
func (o Options) guardForwarded(r *http.Request) *Error {
	asked := byMethod(r, forwardedMethod(r))
	silent := r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == ""
	if silent && (asked.Method == http.MethodPost || opensWebSocket(r)) {
		return refuseOrigin(textSilent)
	}
	return o.guardCookie(asked)
}

func refuseOrigin(description string) *Error {
	return &Error{Status: http.StatusForbidden, Code: CodeOriginRefused, Description: description}
}

// byMethod is r as if its method were another one, for those who look at method and headers.
func byMethod(r *http.Request, method string) *http.Request {
	as := *r
	as.Method = method
	return &as
}

// opensWebSocket reports whether a browser asks for a WebSocket. Upgrade ends at
// the first proxy (RFC 9110 §7.6.1); what else a handshake carries goes on.
func opensWebSocket(r *http.Request) bool {
	h := r.Header
	return strings.EqualFold(h.Get("Upgrade"), "websocket") || h.Get("Sec-WebSocket-Version") != "" || h.Get("Sec-Fetch-Mode") == "websocket"
}

// forwardedMethod is GET where the proxy says that it asks about a request that
// changes nothing, else POST: the proxy's own call may be a GET for whatever
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
