package signin

import (
	"errors"
	"net/http"

	"github.com/keyturn/keyturn/auth"
)

// userinfo answers GET /auth/userinfo: what the caller's own token says, for
// apps whose scripts must not read tokens.
func (s *Service) userinfo(w http.ResponseWriter, r *http.Request) {
	raw, problem := auth.BearerToken(r, TokenCookie)
	if problem != nil {
		auth.WriteProblem(w, problem)
		return
	}
	token, err := s.config.Keyring.Verify(r.Context(), raw)
	if err != nil {
		var refused *auth.Error
		if !errors.As(err, &refused) {
			refused = &auth.Error{Status: http.StatusServiceUnavailable, Code: auth.CodeUnavailable, Description: "the token could not be verified now", RetryAfter: retryLater}
		}
		auth.WriteProblem(w, refused)
		return
	}
	writeJSON(w, http.StatusOK, userinfoOf(token))
}

// info is the answer: strings and lists are there even when the token has none.
type info struct {
	Subject      string   `json:"sub"`
	Email        string   `json:"email"`
	Name         string   `json:"name"`
	Roles        []string `json:"roles"`
	Affiliations []string `json:"affiliations"`
	Audience     any      `json:"aud"` // as the token has it: a string, or a list
	Expiry       int64    `json:"exp"` // Unix seconds
}

func userinfoOf(t *auth.Token) info {
	i := info{Subject: t.Subject, Roles: t.Roles(), Affiliations: list(t.Claims["affiliations"]), Audience: t.Claims["aud"], Expiry: t.Expiry.Unix()}
	i.Email, _ = t.Claims["email"].(string)
	i.Name, _ = t.Claims["name"].(string)
	if i.Roles == nil {
		i.Roles = []string{}
	}
	return i
}

// list returns the strings of a claim that is a list, or one string.
func list(claim any) []string {
	out := []string{}
	switch c := claim.(type) {
	case string:
		out = append(out, c)
	case []any:
		for _, v := range c {
			if s, ok := v.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
