package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

// farewell is the answer where the provider wants to be told too: the page is to
// go there, and the provider sends it on to the page that was asked for.
type farewell struct {
	LogoutURL string `json:"logoutUrl"`
}

// logout answers POST /auth/logout?post_logout_redirect_uri=. It may be called as often as one likes, and
// without a session. The browser forgets its credential in any case, also when
// the session itself can't be ended just now.
func (s *Service) logout(w http.ResponseWriter, r *http.Request) {
	after, e := s.readAfter(r)
	if e != nil {
		e.write(w)
		return
	}
	s.cookie.clear(w)
	s.clearTokenCookie(w)
	s.cookie.unbind(w, s.cookie.binders(r)) // who signs out is not signed in by what was begun before
	var last record
	failed, some := false, false
	for _, cred := range s.cookie.all(r) { // a planted one ends, too
		rec, ended, err := s.leave(r, cred)
		if err != nil {
			s.log.Error("session_end_failed", zap.String("session", brief(cred.session())), zap.Error(err))
			failed = true
		}
		if ended {
			s.metrics.ended.WithLabelValues(endedLogout).Inc()
			last, some = rec, true
		}
	}
	if failed {
		comeBack(w, auth.CodeUnavailable, "this browser is signed out, but the session store does not answer; the session ends by its time")
		return
	}
	if address := s.logoutURL(r.Context(), last, after); some && address != "" {
		writeJSON(w, http.StatusOK, farewell{address})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readAfter reads where to be sent after the provider's logout; nothing where no page was named.
func (s *Service) readAfter(r *http.Request) (string, *refusal) {
	q, ok := readQuery(r.URL.RawQuery)
	if !ok {
		return "", bad("the parameters can't be read, or one comes twice")
	}
	address := q["post_logout_redirect_uri"]
	if address == "" {
		return "", nil
	}
	_, page, refresh, ok := readReturn(address, s.returns, s.config.PublicURL)
	if !ok {
		return "", no(http.StatusBadRequest, CodeReturnRefused, "post_logout_redirect_uri: want a page of an allowed origin, like https://app.example.com/, without fragment")
	}
	return comeBackTo(page, refresh), nil
}

// logoutURL is the provider's own logout (OpenID Connect RP-Initiated Logout
// 1.0 §2), where it offers one. The session here is over whether or not the browser ever goes there.
func (s *Service) logoutURL(ctx context.Context, rec record, after string) string {
	p := s.provider(rec.Provider)
	if p == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	d, err := p.discover(ctx)
	if err != nil || d.meta.EndSessionURL == "" {
		return ""
	}
	u, err := url.Parse(d.meta.EndSessionURL)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.ClientID)
	if after == "" {
		after = p.PostLogoutURL
	}
	if after != "" {
		q.Set("post_logout_redirect_uri", after)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// leave ends the session of a credential that is or was good for it.
func (s *Service) leave(r *http.Request, cred credential) (was record, ended bool, err error) {
	ctx := context.WithoutCancel(r.Context()) // who signs out and closes the page is signed out
	held, err := s.look(ctx, cred, time.Now())
	switch {
	case errors.Is(err, errReused):
		return record{}, false, nil // look has ended it
	case errors.Is(err, errEnded):
		return record{}, false, nil
	case err != nil:
		return record{}, false, err
	}
	if err := s.bucket.end(ctx, cred.session()); err != nil {
		return record{}, false, err
	}
	return held.record, true, nil
}
