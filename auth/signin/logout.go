package signin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

// logout answers POST /auth/logout. It may be called as often as one likes, and
// without a session. The browser forgets its credential in any case, also when
// the session itself can't be ended just now.
func (s *Service) logout(w http.ResponseWriter, r *http.Request) {
	cred, ok := s.cookie.read(r)
	s.cookie.clear(w)
	if !ok {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ended, err := s.leave(r, cred)
	if err != nil {
		s.log.Error("session_end_failed", zap.String("session", brief(cred.session())), zap.Error(err))
		comeBack(w, auth.CodeUnavailable, "this browser is signed out, but the session store does not answer; the session ends by its time")
		return
	}
	if ended {
		s.metrics.ended.WithLabelValues(endedLogout).Inc()
	}
	w.WriteHeader(http.StatusNoContent)
}

// leave ends the session of a credential that is or was good for it.
func (s *Service) leave(r *http.Request, cred credential) (ended bool, err error) {
	ctx := context.WithoutCancel(r.Context()) // who signs out and closes the page is signed out
	_, err = s.look(ctx, cred, time.Now())
	switch {
	case errors.Is(err, errReused):
		return false, nil // look has ended it
	case errors.Is(err, errEnded):
		return false, nil
	case err != nil:
		return false, err
	}
	if err := s.bucket.end(ctx, cred.session()); err != nil {
		return false, err
	}
	return true, nil
}
