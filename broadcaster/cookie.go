package broadcaster

import (
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/keyturn/keyturn/auth"
)

// handed returns the token that came in the handshake's cookie; nil where none
// did, or the ring takes none. What can't be one (two cookies of the name, or one
// longer than a frame) is the empty token, which no verifier accepts. The list of
// origins guards the cookie, so none is looked at without an Origin: a program needs
// no cookie, and a proxy may have dropped the header of a foreign page. A page of the
// stream's own origin sends none with a request for events, and is told by what no
// page can write (Fetch Metadata, Sec-Fetch-Site).
//
// It is kept from the handshake to the first auth frame, at most authDeadline: a
// WebSocket that idles holds no token. A stream of events holds its whole request.
func (r *ring) handed(from *http.Request) *string {
	own := from.Header.Get("Sec-Fetch-Site") == "same-origin"
	if r.cookie == "" || r.verify == nil || from.Header.Get("Origin") == "" && !own {
		return nil
	}
	token, err := auth.CookieToken(from, r.cookie)
	if token == "" && err == nil {
		return nil
	}
	return kept(token, err)
}

// brought returns the token that a request for events presents: that of its
// Authorization header (RFC 6750 §2.1), else the cookie's.
func (r *ring) brought(from *http.Request) *string {
	if token, err := auth.BearerToken(from, ""); err == nil || err.Code != auth.CodeTokenMissing {
		return kept(token, err)
	}
	return r.handed(from)
}

// kept is a copy of the token, without the rest of the header that it stood in.
func kept(token string, err *auth.Error) *string {
	if err != nil || len(token) > maxMessage {
		token = ""
	}
	token = strings.Clone(token)
	return &token
}

// presentedLocked returns the token that an auth frame means: its own, else the
// handshake's, once. A connection can't get another cookie: after a refresh its
// client opens a new one. ok is false where there is none; then it is closed.
func (s *session) presentedLocked(m message) (token string, ok bool) {
	handed := s.handed
	s.handed = nil
	_, events := s.Conn.(*eventConn)
	switch {
	case !m.cookie:
		return m.token, true
	case handed != nil:
		return *handed, true
	case s.ring.cookie == "" && !events:
		s.closeLocked(closeBadRequest, nil) // a frame without what it has to have
		return "", false
	}
	s.refuseLocked(auth.CodeTokenMissing, rand.N(maxRetry))
	return "", false
}
