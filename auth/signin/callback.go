package signin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// callbackTimeout bounds a callback: an exchange, userinfo and the bucket.
const callbackTimeout = 12 * time.Second

// callback answers GET /auth/callback: the provider has sent the browser back,
// here or to a page of the app that passes on what it got.
func (s *Service) callback(w http.ResponseWriter, r *http.Request) {
	to := way{json: wantsJSON(r)}
	if len(s.providers) == 0 {
		s.refuseSignin(w, r, to, noProvider())
		return
	}
	// A code is good once: who hangs up must not leave a sign-in half done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callbackTimeout)
	defer cancel()
	in, e := s.readCallback(ctx, r)
	if e != nil {
		s.refuseSignin(w, r, to, e)
		return
	}
	now := time.Now()
	a, err := s.takeAttempt(ctx, in.of, now)
	http.SetCookie(w, s.cookie.binder(in.of, "", -1))
	switch {
	case errors.Is(err, errNone):
		s.refuseSignin(w, r, to, stateInvalid())
		return
	case err != nil:
		s.refuseSignin(w, r, to, storeDown(err))
		return
	}
	to.came, to.page, to.refresh, to.parent, to.provider = true, a.Return, a.Refresh, a.Parent, a.Provider
	g, e := s.arrive(ctx, w, r, in, a)
	if e != nil {
		s.refuseSignin(w, r, to, e)
		return
	}
	s.metrics.signins.WithLabelValues(a.Provider, resultOK).Inc()
	s.finish(w, to, g)
}

// came is what a provider sent back.
type came struct {
	of              state
	code, iss, fail string
	at              string // provider whose own callback it is; empty: the one of all
}

func stateInvalid() *refusal {
	return no(http.StatusBadRequest, CodeStateInvalid, "Invalid or expired state")
}

// readCallback reads the parameters, and refuses those of a sign-in that this browser did not begin.
func (s *Service) readCallback(ctx context.Context, r *http.Request) (came, *refusal) {
	var in came
	if e := s.mayPassOn(r); e != nil {
		return in, e
	}
	q, ok := readQuery(r.URL.RawQuery)
	if !ok {
		return in, bad("the parameters can't be read, or one comes twice")
	}
	if q["state"] == "" {
		return in, no(http.StatusBadRequest, CodeStateMissing, "Missing state parameter")
	}
	if in.of, ok = parseState(q["state"]); !ok {
		return in, stateInvalid()
	}
	if !s.bound(r, in.of) {
		// The sign-in stays: a stranger who learned its state must not use it up.
		exists, err := s.attemptExists(ctx, in.of)
		switch {
		case err != nil:
			return in, storeDown(err)
		case exists:
			return in, no(http.StatusBadRequest, CodeBrowserMismatch, "Invalid or expired state: this sign-in began in another browser")
		}
		return in, stateInvalid()
	}
	in.code, in.iss, in.at = q["code"], q["iss"], r.PathValue("provider")
	if code, failed := q["error"]; failed {
		in.fail = errorCode(code)
	}
	return in, nil
}

// mayPassOn refuses pages of other origins that call with a script; the
// provider's own redirect is a navigation and carries no origin.
func (s *Service) mayPassOn(r *http.Request) *refusal {
	origin := r.Header.Get("Origin")
	if s.embedded(r) || origin != "" && origin != s.config.PublicURL && !s.origins.lists(origin) && !sameHost(origin, r) {
		return no(http.StatusForbidden, CodeOriginRefused, "pages of this origin may not call here; add it to the list of origins")
	}
	return nil
}

// arrive checks what came back against the attempt, and starts the session.
func (s *Service) arrive(ctx context.Context, w http.ResponseWriter, r *http.Request, in came, a attempt) (grant, *refusal) {
	p := s.provider(a.Provider)
	if p == nil {
		return grant{}, no(http.StatusBadRequest, CodeProviderUnknown, "the provider of this sign-in is not configured any more; sign in again")
	}
	// RFC 9207 §2.4: errors of another provider are refused as well.
	if e := p.answered(ctx, in.iss, in.at); e != nil {
		return grant{}, e
	}
	switch {
	case in.fail != "":
		return grant{}, no(http.StatusBadRequest, in.fail, "OAuth error: "+in.fail)
	case in.code == "":
		return grant{}, no(http.StatusBadRequest, CodeCodeMissing, "No authorization code received")
	case len(in.code) > maxCode:
		return grant{}, no(http.StatusBadRequest, CodeCodeRefused, "Token exchange failed: no code is that long")
	}
	key := s.bucket.serverKey()
	who, e := p.exchange(ctx, in.code, in.of.derive(key, forVerifier), in.of.derive(key, forNonce))
	if e != nil {
		return grant{}, e
	}
	subject := p.Name + "|" + who.subject
	if a.Silent && a.Subject != "" && a.Subject != subject {
		return grant{}, no(http.StatusBadRequest, CodeAccountChanged, "another account is signed in at the provider; sign in")
	}
	if who.refresh == "" && s.asksProvider() && p.firstly() {
		s.log.Warn("provider_gives_no_refresh_token", zap.String("provider", p.Name), zap.String("remedy", "claims stay as at sign-in; let the provider give this client refresh tokens, often by the scope offline_access"))
	}
	refresh := "" // what nobody uses is not kept
	if s.asksProvider() {
		refresh = s.kept(p, who.refresh)
	}
	return s.start(ctx, w, r, newcomer{subject: subject, claims: who.claims, provider: p.Name, audience: a.Audience, refresh: refresh, replaces: a.Sessions})
}

// answered checks that the provider which was asked has answered (RFC 9700 §4.4.2): with
// several of them, one must not get codes of another. It tells by the name that a
// provider puts to its answers (RFC 9207), and by the callback where each has its own.
func (p *provider) answered(ctx context.Context, iss, at string) *refusal {
	if iss == p.Issuer && at == p.at {
		return nil
	}
	if iss == "" && at == p.at {
		d, err := p.discover(ctx)
		if err != nil {
			return providerDown(tidy(err))
		}
		if !d.meta.IssuerTold {
			return nil
		}
	}
	return no(http.StatusBadRequest, CodeIssuerMismatch, "another provider than the one that was asked has answered; sign in again")
}
