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
// no cookie, and a proxy may have dropped the header of a foreign page.
//
// It is kept from the handshake to the first auth frame, at most authDeadline:
// a connection that idles holds no token.
func (r *ring) handed(from *http.Request) *string {
	if r.cookie == "" || r.verify == nil || from.Header.Get("Origin") == "" {
		return nil
	}
	token, err := auth.CookieToken(from, r.cookie)
	switch {
	case err != nil || len(token) > maxMessage:
		token = ""
	case token == "":
		return nil
	}
	token = strings.Clone(token) // the rest of the header is not kept with it
	return &token
}

// presentedLocked returns the token that an auth frame means: its own, else the
// handshake's, once. A connection can't get another cookie: after a refresh its
// client opens a new one. ok is false where there is none; then it is closed.
func (s *session) presentedLocked(m message) (token string, ok bool) {
	handed := s.cookie
	s.cookie = nil
	switch {
	case !m.cookie:
		return m.token, true
	case s.ring.cookie == "":
		s.closeLocked(closeBadRequest, nil) // a frame without what it has to have
		return "", false
	case handed == nil:
		s.refuseLocked(auth.CodeTokenMissing, rand.N(maxRetry))
		return "", false
	}
	return *handed, true
}
