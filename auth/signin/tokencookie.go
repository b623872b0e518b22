package signin

import "net/http"

// writeGrant answers with a grant, or with what shape makes of it. Where tokens
// are kept from scripts, the token travels in its cookie and not in the body.
func (s *Service) writeGrant(w http.ResponseWriter, g grant, shape func(grant) any) {
	s.setTokenCookie(w, g)
	if s.config.TokenCookie {
		g.AccessToken = ""
	}
	writeJSON(w, http.StatusOK, shape(g))
}

func plain(g grant) any { return g }

// setTokenCookie gives the browser its token in a cookie that no script can
// read and no other site can send, for as long as the token lives.
func (s *Service) setTokenCookie(w http.ResponseWriter, g grant) {
	if s.config.TokenCookie {
		http.SetCookie(w, s.tokenCookie(g.AccessToken, int(max(g.ExpiresIn, 1))))
	}
}

// clearTokenCookie makes the browser forget its token.
func (s *Service) clearTokenCookie(w http.ResponseWriter) {
	if s.config.TokenCookie {
		http.SetCookie(w, s.tokenCookie("", -1))
	}
}

func (s *Service) tokenCookie(value string, maxAge int) *http.Cookie {
	c := s.cookie.make(value, maxAge)
	c.Name = tokenCookie
	return c
}
