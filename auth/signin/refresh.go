package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

const (
	claimsTimeout = 5 * time.Second
	retryLater    = 2 * time.Second // told with a 503
	maxRaces      = 8               // how often a refresh re-reads a session that others change under it
)

// grant is the answer to a sign-in and to a refresh.
type grant struct {
	AccessToken string `json:"access_token,omitempty"` // none where it travels in a cookie
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Key         string `json:"key"`        // public name of the key that signed it
	KID         string `json:"kid"`
	// Of a token that travels in a cookie: what it says, and how long it is in bytes.
	Claims json.RawMessage `json:"claims,omitempty"`
	Length int             `json:"length,omitempty"`
}

// refresh answers POST /auth/refresh. The session cookie alone authorises it;
// a token that comes along is only a hint, and a bad one never ends a session.
func (s *Service) refresh(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	hint := s.hint(r)
	if hint != "" {
		if refusal := checkHint(hint); refusal != "" {
			s.count(resultBadHint)
			refuse(w, http.StatusBadRequest, CodeBadRequest, refusal)
			return
		}
	}
	cred, ok, err := s.presented(r.Context(), r, now)
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	if !ok {
		s.count(resultMissing)
		s.clearTokenCookie(w)
		text := "no session cookie came along; sign in"
		if hint == "" {
			text = "No token found to refresh: " + text
		}
		refuse(w, http.StatusUnauthorized, CodeSessionMissing, text)
		return
	}
	held, err := s.look(r.Context(), cred, now)
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	urgent := !usable(s.config.Keyring, hint)
	if wait := s.admit(r.Context(), cred.session(), urgent); wait > 0 {
		s.count(resultBusy)
		busy(w, wait)
		return
	}
	if s.asksProvider() && len(held.record.Sealed) > 0 {
		s.renew(w, r, cred)
		return
	}
	now = time.Now()
	claims, err := s.claims(r.Context(), Subject{ID: held.record.Subject, Session: cred.session(), Last: held.record.Claims, LastAt: held.record.ClaimsAt})
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	answer, err := s.sign(held.record.Subject, claims.claims, held.record.Ends, now)
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	next, result, err := s.rotate(r.Context(), cred, held, claims, now)
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	if next != nil {
		s.cookie.set(w, *next, held.record.Ends, now)
	}
	s.count(result)
	s.writeGrant(w, answer, plain)
}

// holding is a session as it was read for a credential that is good.
type holding struct {
	record  record
	seq     uint64
	verdict verdict // fresh or repeated
}

// errEnded: the session is over, or the credential belongs to none.
var errEnded = errors.New("session ended")

// look reads a credential's session and judges the credential. One that
// matches nothing is looked at twice, with the key read anew, before it is
// refused: the bucket may have been made anew by another replica.
func (s *Service) look(ctx context.Context, cred credential, now time.Time) (holding, error) {
	for again := false; ; again = true {
		rec, seq, err := s.bucket.read(ctx, cred.session())
		if errors.Is(err, errNone) {
			return holding{}, errEnded
		}
		if err != nil {
			return holding{}, err
		}
		switch v := rec.judge(cred, s.bucket.serverKey(), now); v {
		case fresh, repeated:
			return holding{rec, seq, v}, nil
		case over:
			return holding{}, errEnded
		case reused:
			return holding{}, s.theft(ctx, cred)
		}
		if again {
			return holding{}, errEnded
		}
		if err := s.bucket.loadKey(ctx); err != nil {
			return holding{}, err
		}
	}
}

// errReused: an old credential was used again.
var errReused = errors.New("session credential was used again after it had been replaced")

// theft ends a session of which two parties hold credentials. Nobody can tell which of them is the rightful one.
func (s *Service) theft(ctx context.Context, cred credential) error {
	// Whoever hangs up must not keep the session alive by it.
	if err := s.bucket.end(context.WithoutCancel(ctx), cred.session()); err != nil {
		return err
	}
	s.metrics.ended.WithLabelValues(endedReused).Inc()
	s.log.Warn("session_reused", zap.String("session", brief(cred.session())), zap.String("remedy", "its owner signs in again; many of these mean that credentials leak"))
	return errReused
}

// rotate replaces the credential and returns its successor. Of several callers
// that present the same one at the same time, one replaces it and all get the
// same successor. No successor is returned where the one that was given out
// can't be derived any more, because the server's key was lost meanwhile: its holder still has it.
func (s *Service) rotate(ctx context.Context, cred credential, held holding, claims told, now time.Time) (*credential, string, error) {
	for range maxRaces {
		key := s.bucket.serverKey()
		next := cred.successor(key)
		if held.verdict == repeated {
			if next.print().equal(held.record.Current) {
				return &next, resultRepeated, nil
			}
			if err := s.bucket.loadKey(ctx); err != nil {
				return nil, "", err
			}
			if next = cred.successor(s.bucket.serverKey()); next.print().equal(held.record.Current) {
				return &next, resultRepeated, nil
			}
			return nil, resultRepeated, nil
		}
		err := s.bucket.swap(ctx, cred.session(), held.record.rotated(cred, key, claims, now), held.seq, now)
		if err == nil {
			return &next, resultOK, nil
		}
		if !errors.Is(err, errMoved) {
			return nil, "", err
		}
		if held, err = s.look(ctx, cred, time.Now()); err != nil {
			return nil, "", err
		}
	}
	return nil, "", errMoved
}

// admit returns zero for a caller that may go on, else how long it has to stay away.
func (s *Service) admit(ctx context.Context, session string, urgent bool) time.Duration {
	share := s.config.PerSecond / float64(max(1, s.config.Issuers()))
	away, waiting := s.gate.enter(ctx, caller{session, urgent}, share)
	s.metrics.waiting.Set(float64(waiting))
	return away
}

// claimsError: what goes into the token could not be found out.
type claimsError struct{ err error }

func (e claimsError) Error() string { return "claims: " + e.err.Error() }
func (e claimsError) Unwrap() error { return e.err }

// told is what a source of claims said, and when.
type told struct {
	claims map[string]any
	at     time.Time
}

// claims asks the source. One that does not answer is stood in for by what it
// said last, for Config.ClaimsMaxAge.
func (s *Service) claims(ctx context.Context, who Subject) (told, error) {
	ctx, cancel := context.WithTimeout(ctx, claimsTimeout)
	defer cancel()
	claims, err := s.config.Claims.Claims(ctx, who)
	switch {
	case err == nil:
		return told{claims, time.Now()}, nil
	case errors.Is(err, ErrGone), who.LastAt.IsZero(), time.Since(who.LastAt) > s.config.ClaimsMaxAge:
		return told{}, claimsError{err}
	}
	s.log.Warn("claims_kept", zap.String("session", brief(who.Session)), zap.Duration("age", time.Since(who.LastAt)), zap.Error(err))
	return told{who.Last, who.LastAt}, nil
}

// sign makes the token. It does not outlive its session.
func (s *Service) sign(subject string, extra map[string]any, ends, now time.Time) (grant, error) {
	claims := maps.Clone(extra)
	if claims == nil {
		claims = map[string]any{}
	}
	delete(claims, "nbf")
	delete(claims, "aud")
	issued := now.Unix()
	expires := min(now.Add(s.config.TokenLifetime).Unix(), ends.Unix())
	claims["iss"] = s.config.Issuer
	if s.config.Audience != "" {
		claims["aud"] = s.config.Audience
	}
	claims["sub"] = subject
	claims["iat"] = issued
	claims["exp"] = expires
	claims["jti"] = rand.Text()
	signed, err := s.config.Keyring.Sign(claims)
	if err != nil {
		return grant{}, signError{err}
	}
	return grant{AccessToken: signed.Token, TokenType: "Bearer", ExpiresIn: max(expires-issued, 0), Key: signed.Key, KID: signed.KID}, nil
}

type signError struct{ err error }

func (e signError) Error() string { return "sign token: " + e.err.Error() }
func (e signError) Unwrap() error { return e.err }

// fail answers an error of a refresh or a sign-in and returns its result for
// the metric. The cause goes to the log; the caller gets one of a few fixed texts.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, cred credential, err error) (result string) {
	var inClaims claimsError
	switch {
	case errors.Is(err, errAmbiguous):
		s.log.Warn("session_cookies_ambiguous", zap.String("remedy", "another server of this host name or its domain sets cookies of this name; serve over https, whose cookie it can't set"))
		refuse(w, http.StatusBadRequest, CodeSessionAmbiguous, "session cookies of different sessions came along, and one of them was planted by another server of this host or domain; sign in again")
		return resultAmbiguous
	case errors.Is(err, errReused):
		s.clearTokenCookie(w)
		refuse(w, http.StatusUnauthorized, CodeSessionEnded, "the session was ended because an old credential of it was used again; sign in")
		return resultReused
	case errors.Is(err, errEnded):
		s.clearTokenCookie(w)
		refuse(w, http.StatusUnauthorized, CodeSessionEnded, "the session is over; sign in")
		return resultEnded
	case errors.As(err, &inClaims) && errors.Is(err, ErrGone):
		s.gone(r.Context(), cred)
		s.clearTokenCookie(w)
		refuse(w, http.StatusUnauthorized, CodeSessionEnded, "the subject of the session may no longer sign in")
		return resultEnded
	case errors.As(err, &inClaims):
		s.log.Error("claims_failed", zap.String("session", brief(cred.session())), zap.Error(err))
		comeBack(w, CodeClaims, "the claims for the token could not be read; try again")
		return resultClaims
	}
	s.log.Error("refresh_failed", zap.String("session", brief(cred.session())), zap.Error(err))
	comeBack(w, auth.CodeUnavailable, "the session store or the signing key is not available; try again")
	return resultUnavailable
}

// gone ends the session of a subject that may no longer sign in.
func (s *Service) gone(ctx context.Context, cred credential) {
	err := s.bucket.end(context.WithoutCancel(ctx), cred.session())
	if err != nil {
		// The next refresh asks for the claims again, so the session ends then.
		s.log.Error("session_end_failed", zap.String("session", brief(cred.session())), zap.Error(err))
		return
	}
	s.metrics.ended.WithLabelValues(endedGone).Inc()
}

func (s *Service) count(result string) { s.metrics.refreshes.WithLabelValues(result).Inc() }

func comeBack(w http.ResponseWriter, code, text string) {
	auth.WriteProblem(w, &auth.Error{Status: http.StatusServiceUnavailable, Code: code, Description: text, RetryAfter: retryLater})
}

// busy answers 429 with the caller's slot: whole seconds in the header, which
// every client knows, and the exact time in the document.
func busy(w http.ResponseWriter, wait time.Duration) {
	body, err := json.Marshal(struct {
		Type         string `json:"type"`
		Title        string `json:"title"`
		Status       int    `json:"status"`
		Detail       string `json:"detail"`
		Code         string `json:"code"`
		RetryAfterMs int64  `json:"retryAfterMs"`
	}{
		"about:blank", http.StatusText(http.StatusTooManyRequests), http.StatusTooManyRequests,
		"many refresh at this moment; come back when retryAfterMs have passed", CodeRefreshBusy,
		int64(math.Ceil(float64(wait) / float64(time.Millisecond))),
	})
	if err != nil {
		panic(err) // plain strings and numbers
	}
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write(body) // the caller is gone if this fails
}

// writeJSON answers with a value that always can be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone if this fails
}
