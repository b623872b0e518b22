package signin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

// Overview says how the service's ring is set up, without anything of a key but
// its public names: what support and developers ask for, and must not find out
// by comparing secrets.
type Overview struct {
	Ring      string    `json:"ring"`
	KID       string    `json:"kid"`      // of the current key
	Pending   []string  `json:"pending"`  // kids
	Retiring  []string  `json:"retiring"` // kids
	Strong    bool      `json:"strong"`   // the current key is neither weak nor published
	Match     bool      `json:"match"`    // each verifier that reports verifies what is signed here
	Verifiers Agreement `json:"verifiers"`
	Locked    []string  `json:"locked"`  // settings of the browser client that pages must not change
	Version   string    `json:"version"` // of the server
}

// Agreement counts the verifiers of a ring.
type Agreement struct {
	Reporting int `json:"reporting"`
	Agreeing  int `json:"agreeing"` // those of them that verify a token signed here just now
}

// overviewFor is how long an overview serves all who ask: making one asks every verifier.
const overviewFor = 2 * time.Second

// overviewLimit bounds the making of one.
const overviewLimit = 5 * time.Second

// overviews makes overviews, one at a time.
type overviews struct {
	mu   sync.Mutex // held while one is made, so that all who wait share it
	at   time.Time
	last Overview
}

func (o *overviews) get(ctx context.Context, ask func(context.Context) (Overview, error)) (Overview, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.at) < overviewFor {
		return o.last, nil
	}
	// Whoever hangs up must not take the answer from those who wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overviewLimit)
	defer cancel()
	made, err := ask(ctx)
	if err == nil {
		o.at, o.last = time.Now(), made
	}
	return made, err
}

// configStatus answers GET /auth/config-status to whoever is signed in: by a
// token that verifies or, since the token may be what is wrong, by the session.
func (s *Service) configStatus(w http.ResponseWriter, r *http.Request) {
	if !s.signedIn(r) {
		refuse(w, http.StatusUnauthorized, CodeSessionMissing, "the configuration is told to those who are signed in; sign in")
		return
	}
	status, err := s.overviews.get(r.Context(), s.config.Overview)
	if err != nil {
		s.log.Warn("config_status_failed", zap.Error(err))
		comeBack(w, auth.CodeUnavailable, "the verifiers could not be asked; try again")
		return
	}
	if ring := r.URL.Query().Get("ring"); ring != "" && ring != status.Ring {
		refuse(w, http.StatusNotFound, "no_such_ring", "tokens of another ring are issued here; leave ?ring= out")
		return
	}
	writeJSON(w, http.StatusOK, status)
}

func (s *Service) signedIn(r *http.Request) bool {
	if raw, problem := auth.BearerToken(r, TokenCookie); problem == nil {
		if _, err := s.config.Keyring.Verify(r.Context(), raw); err == nil {
			return true
		}
	}
	cred, ok, err := s.presented(r.Context(), r, time.Now())
	if err != nil || !ok {
		return false
	}
	_, err = s.look(r.Context(), cred, time.Now())
	return err == nil
}
