package signin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// newcomer is somebody who has just proved who they are.
type newcomer struct {
	subject  string
	claims   map[string]any // that came with the proof
	provider string
	audience string
	refresh  string // the provider's refresh token
	replaces string // session that ends with this one's start
}

// start gives somebody a session with a credential of its own, whatever the
// browser held before, and ends the session it had.
func (s *Service) start(ctx context.Context, w http.ResponseWriter, r *http.Request, who newcomer) (grant, *refusal) {
	now := time.Now()
	cred := newCredential()
	claims, err := s.claims(ctx, Subject{ID: who.subject, Session: cred.session(), Last: who.claims})
	switch {
	case errors.Is(err, ErrGone):
		return grant{}, no(http.StatusForbidden, CodeSubjectRefused, "this subject may not sign in")
	case err != nil:
		return grant{}, &refusal{status: http.StatusServiceUnavailable, code: CodeClaims, text: "the claims for the token could not be read; try again", retry: retryLater, err: err}
	}
	ends := now.Add(s.config.SessionLifetime)
	answer, err := s.sign(who.subject, claims.claims, ends, now)
	if err != nil {
		return grant{}, storeDown(err)
	}
	rec := record{
		Subject: who.subject, Started: now, Ends: ends, Claims: claims.claims, ClaimsAt: claims.at, Current: cred.print(),
		Provider: who.provider, Audience: who.audience, Sealed: cred.seal(who.refresh),
	}
	if err := s.bucket.create(ctx, cred.session(), rec, now); err != nil {
		return grant{}, storeDown(err)
	}
	s.metrics.started.Inc()
	s.replaceOld(r)
	s.endReplaced(ctx, r, who.replaces)
	s.cookie.set(w, cred, ends, now)
	return answer, nil
}

// endReplaced ends the session that the browser had when the sign-in began. Its
// cookie may not have come along with the callback: the provider is another site.
func (s *Service) endReplaced(ctx context.Context, r *http.Request, session string) {
	if old, ok := s.cookie.read(r); session == "" || (ok && old.session() == session) {
		return
	}
	if err := s.bucket.end(ctx, session); err != nil {
		s.log.Warn("session_end_failed", zap.String("session", brief(session)), zap.Error(err))
		return
	}
	s.metrics.ended.WithLabelValues(endedReplaced).Inc()
}
