package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

// TokenCookie is the name of the cookie that carries access tokens where
// Config.TokenCookie keeps them from scripts. It belongs to this host alone.
const TokenCookie = "auth_token"

// maxCookie is the length of name and value together above which browsers drop
// a cookie without a word (RFC 6265bis §5.6).
const maxCookie = 4096

func fitsCookie(token string) bool { return len(TokenCookie)+len(token) <= maxCookie }

// writeGrant answers with a grant, or with what shape makes of it. Where tokens
// are kept from scripts, the token travels in its cookie and not in the body,
// which tells what it says in its place: without a signature that is worth nothing.
func (s *Service) writeGrant(w http.ResponseWriter, g grant, shape func(grant) any) {
	if s.config.TokenCookie {
		s.setTokenCookie(w, g)
		if !fitsCookie(g.AccessToken) {
			refuse(w, http.StatusUnprocessableEntity, CodeTokenTooLong, "the token is longer than a cookie may be; put fewer claims into tokens")
			return
		}
		g.Claims, g.Length, g.AccessToken = payloadOf(g.AccessToken), len(g.AccessToken), ""
	}
	writeJSON(w, http.StatusOK, shape(g))
}

func plain(g grant) any { return g }

// payloadOf returns the claims of a token of our own making, as they stand in it.
func payloadOf(token string) json.RawMessage {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		panic(err) // can't happen: it has just been signed
	}
	return claims
}

// setTokenCookie gives the browser its token in a cookie that no script can
// read and no other site can send, for as long as the token lives.
func (s *Service) setTokenCookie(w http.ResponseWriter, g grant) {
	if !s.config.TokenCookie {
		return
	}
	if !fitsCookie(g.AccessToken) {
		s.log.Error("token_too_long", zap.Int("bytes", len(g.AccessToken)), zap.Int("most", maxCookie-len(TokenCookie)),
			zap.String("remedy", "browsers drop cookies of that length; put fewer claims into tokens"))
		s.clearTokenCookie(w)
		return
	}
	http.SetCookie(w, s.tokenCookie(g.AccessToken, int(max(g.ExpiresIn, 1))))
}

// clearTokenCookie makes the browser forget its token.
func (s *Service) clearTokenCookie(w http.ResponseWriter) {
	if s.config.TokenCookie {
		http.SetCookie(w, s.tokenCookie("", -1))
	}
}

func (s *Service) tokenCookie(value string, maxAge int) *http.Cookie {
	c := s.cookie.make(value, maxAge)
	c.Name = TokenCookie
	return c
}

// hint returns the token that came along with a refresh. Where the cookie is
// ours, a bad one is another server's of this host name or domain, and no hint:
// a 400 would keep the browser from the refresh that replaces it.
func (s *Service) hint(r *http.Request) string {
	if !s.config.TokenCookie || r.Header.Get("Authorization") != "" {
		return hintToken(r)
	}
	token, err := auth.CookieToken(r, TokenCookie)
	if err != nil || checkHint(token) != "" {
		return ""
	}
	return token
}
