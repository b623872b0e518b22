package signin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"
)

// newcomer is somebody who has just proved who they are.
type newcomer struct {
	subject  string
	claims   map[string]any // that came with the proof
	provider string
	audience string
	refresh  string   // the provider's refresh token
	replaces []string // sessions that end with this one's start
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
	s.endOld(ctx, r, who.replaces)
	s.cookie.set(w, cred, ends, now)
	return answer, nil
}

// endOld ends the sessions that the browser had: those whose cookies came along, and
// those it had when the sign-in began, whose cookies may not have come along with the
// callback, since the provider is another site. It is tidiness: failing, they end by their time.
func (s *Service) endOld(ctx context.Context, r *http.Request, had []string) {
	for _, old := range s.cookie.all(r) {
		if _, ended, err := s.leave(r, old); err != nil {
			s.log.Warn("session_end_failed", zap.String("session", brief(old.session())), zap.Error(err))
		} else if ended {
			s.metrics.ended.WithLabelValues(endedReplaced).Inc()
		}
		had = slices.DeleteFunc(slices.Clone(had), func(session string) bool { return session == old.session() })
	}
	for _, session := range had {
		if err := s.bucket.end(ctx, session); err != nil {
			s.log.Warn("session_end_failed", zap.String("session", brief(session)), zap.Error(err))
			continue
		}
		s.metrics.ended.WithLabelValues(endedReplaced).Inc()
	}
}
