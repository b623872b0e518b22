package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

// ProviderClaims asks the identity provider again at each refresh, with the
// refresh token that it gave at sign-in (OpenID Connect Core §12). What it says,
// in a new ID token or by userinfo, goes into the next token; invalid_grant means that the user
// may no longer sign in, and ends the session. Where the provider gave no refresh
// token the claims stay as at sign-in.
func ProviderClaims() Claims { return providerClaims{} }

// providerClaims marks that the service asks: only it has the credential which
// opens the provider's token.
type providerClaims struct{}

// Claims implements [Claims]: what came with the sign-in.
func (providerClaims) Claims(_ context.Context, who Subject) (map[string]any, error) {
	return who.Last, nil
}

// asksProvider reports whether providers' refresh tokens are used.
func (s *Service) asksProvider() bool {
	_, yes := s.config.Claims.(providerClaims)
	return yes
}

// patience is how many times as long as with anything else a provider may take
// with a refresh grant. A token that it answers with another one is used up, whether or
// not the answer is heard: so it is waited for, though the caller is answered in time.
const patience = 3

// errSlow: the provider has not answered in the time that a caller waits.
var errSlow = errors.New("the provider takes long; its answer is for the next refresh")

// turn waits for the session's turn, but not longer than a caller is to wait:
// then whoever has it still waits for a slow provider, which the record says.
func (s *Service) turn(ctx context.Context, session string) (leave func(), err error) {
	waiting, stop := context.WithTimeout(ctx, s.promptly)
	defer stop()
	leave, err = s.turns.take(waiting, session)
	if err != nil && ctx.Err() == nil {
		return func() {}, nil
	}
	return leave, err
}

// renew refreshes a session whose claims its provider knows.
//
// A provider's refresh token may be good for one use, and a second use then
// takes the user for a victim of theft. So the credential is rotated first, by
// compare-and-swap: of all tabs and replicas that come with it one wins and asks, and
// the others take over the record's claims. Then the answer is stored for the
// successor. All this goes on if the caller hangs up.
func (s *Service) renew(w http.ResponseWriter, r *http.Request, cred credential) {
	began := time.Now()
	leave, err := s.turn(r.Context(), cred.session())
	if err != nil {
		return // the caller is gone
	}
	asked := false // who asks leaves when the provider has answered
	defer func() {
		if !asked {
			leave()
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), claimsTimeout+2*opTimeout)
	defer cancel()
	now := time.Now()
	held, err := s.look(ctx, cred, now) // again: others had their turn meanwhile
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	asking := held.verdict == fresh && now.Before(held.record.AskingUntil) // for the credential before
	if !asking {
		held.record.AskingUntil = now.Add(patience * claimsTimeout)
	}
	next, result, err := s.rotate(ctx, cred, held, told{held.record.Claims, held.record.ClaimsAt}, now)
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	if next != nil {
		s.cookie.set(w, *next, held.record.Ends, now) // also with a refusal: the one before is used up
	}
	var claims told
	switch {
	case next == nil || result != resultOK:
		claims, err = s.overtaken(ctx, cred, began.Add(s.promptly))
	case asking:
		claims, err = s.standIn(held.record, cred, errSlow)
	default:
		asked = true
		claims, err = s.askInTime(ctx, held.record, *next, leave)
	}
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	answer, err := s.sign(held.record.Subject, claims.claims, held.record.Ends, time.Now())
	if err != nil {
		s.count(s.fail(w, r, cred, err))
		return
	}
	s.count(result)
	s.writeGrant(w, answer, plain)
}

// overtakenPause is between looks at a session whose provider another replica is asking.
const overtakenPause = 100 * time.Millisecond

// overtaken returns the claims that whoever rotated the credential gets, and
// waits for them until then.
func (s *Service) overtaken(ctx context.Context, cred credential, until time.Time) (told, error) {
	for {
		rec, _, err := s.bucket.read(ctx, cred.session())
		switch {
		case errors.Is(err, errNone):
			return told{}, errEnded
		case err != nil:
			return told{}, err
		case rec.AskedAt.Before(rec.RotatedAt) && time.Now().Before(until):
			t := time.NewTimer(overtakenPause)
			select {
			case <-t.C:
				continue
			case <-ctx.Done():
				t.Stop()
				return told{}, unavailable(ctx.Err())
			}
		case rec.ClaimsAt.Before(rec.RotatedAt) && time.Since(rec.ClaimsAt) > s.config.ClaimsMaxAge:
			return told{}, claimsError{errors.New("the provider has not answered for too long")}
		}
		return told{rec.Claims, rec.ClaimsAt}, nil
	}
}

// askInTime is askAgain for a caller who does not wait longer than promptly, and
// gets the last claims then. The asking goes on, ends within patience, and stores what it hears.
func (s *Service) askInTime(ctx context.Context, rec record, holder credential, leave func()) (told, error) {
	type outcome struct {
		told
		err error
	}
	heard := make(chan outcome)
	late := make(chan struct{})
	s.asking.Go(func() {
		defer leave()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience*claimsTimeout+2*opTimeout)
		defer cancel()
		claims, err := s.askAgain(ctx, holder)
		select {
		case heard <- outcome{claims, err}:
		case <-late:
			if errors.Is(err, ErrGone) {
				s.gone(ctx, holder)
			}
		}
	})
	t := time.NewTimer(s.promptly)
	defer t.Stop()
	select {
	case o := <-heard:
		return o.told, o.err
	case <-t.C:
		close(late)
		return s.standIn(rec, holder, errSlow)
	}
}

// standIn are the last claims of a session, where they are young enough to go on with.
func (s *Service) standIn(rec record, holder credential, why error) (told, error) {
	if rec.ClaimsAt.IsZero() || time.Since(rec.ClaimsAt) > s.config.ClaimsMaxAge {
		return told{}, claimsError{why}
	}
	s.log.Warn("claims_kept", zap.String("session", brief(holder.session())), zap.Duration("age", time.Since(rec.ClaimsAt)), zap.Error(why))
	return told{rec.Claims, rec.ClaimsAt}, nil
}

// askAgain asks the provider with the refresh token that the session holds for
// its newest credential, and stores what it says.
func (s *Service) askAgain(ctx context.Context, holder credential) (told, error) {
	rec, _, err := s.bucket.read(ctx, holder.session())
	if errors.Is(err, errNone) {
		return told{}, errEnded
	}
	if err != nil {
		return told{}, err
	}
	token, err := holder.open(rec.Sealed)
	if err != nil || token == "" {
		return told{rec.Claims, rec.ClaimsAt}, nil // as at sign-in
	}
	who, err := s.fresh(ctx, rec, token)
	switch {
	case err == nil:
		claims := told{who.claims, time.Now()}
		return claims, s.learn(ctx, holder, claims, who.refresh)
	case errors.Is(err, ErrGone):
		return told{}, claimsError{err}
	}
	// It may have given a new token all the same, and those who were overtaken wait.
	if failed := s.learn(ctx, holder, told{rec.Claims, rec.ClaimsAt}, who.refresh); failed != nil {
		return told{}, failed
	}
	return s.standIn(rec, holder, err)
}

// fresh is one refresh grant (RFC 6749 §6). Where it succeeded but the claims
// could not be had, the error comes with the new refresh token: the old one may be used up.
func (s *Service) fresh(ctx context.Context, rec record, token string) (identity, error) {
	p := s.provider(rec.Provider)
	if p == nil {
		return identity{}, fmt.Errorf("provider %s is not configured any more: %w", rec.Provider, ErrGone)
	}
	patient := *p.client
	patient.Timeout *= patience
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, &patient), patience*claimsTimeout)
	defer cancel()
	d, err := p.discover(ctx)
	if err != nil {
		return identity{}, tidy(err)
	}
	client, err := p.oauth(d)
	if err != nil {
		return identity{}, err
	}
	got, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
	if err != nil {
		if judge(err) == grantRefused {
			return identity{}, fmt.Errorf("provider %s: %w: %w", p.Name, describe(err), ErrGone)
		}
		p.doubt()
		return identity{}, fmt.Errorf("provider %s: %w", p.Name, describe(err))
	}
	who := identity{subject: rec.Subject, refresh: s.kept(p, got.RefreshToken)}
	subject := rec.Subject[len(p.Name)+1:] // it began with the provider's name, as all of this provider do
	var id *oidc.IDToken
	if raw, _ := got.Extra("id_token").(string); raw != "" {
		if id, err = p.vouched(ctx, d, raw); err != nil {
			return who, fmt.Errorf("provider %s: ID token: %w", p.Name, tidy(err, raw))
		}
	}
	who.claims, err = p.claims(ctx, d, got, id, subject)
	if errors.Is(err, errSubjectChanged) {
		return who, fmt.Errorf("provider %s: %w: %w", p.Name, err, ErrGone)
	}
	if err != nil {
		return who, fmt.Errorf("provider %s: %w", p.Name, err)
	}
	return who, nil
}

// kept is a provider's refresh token, or none where it is too long for a session.
func (s *Service) kept(p *provider, token string) string {
	if len(token) <= maxProviderToken {
		return token
	}
	s.log.Warn("provider_refresh_token_too_long", zap.String("provider", p.Name), zap.Int("bytes", len(token)), zap.String("remedy", "claims stay as they are"))
	return ""
}

// learn stores claims and refresh token (empty: as before) for whoever holds
// the session now, which is holder or one that follows it.
func (s *Service) learn(ctx context.Context, holder credential, claims told, refresh string) error {
	for range maxRaces {
		rec, seq, err := s.bucket.read(ctx, holder.session())
		if errors.Is(err, errNone) {
			return errEnded
		}
		if err != nil {
			return s.unlearned(holder, err)
		}
		for range min(rec.Uses, maxWalk) {
			if holder.print().equal(rec.Current) {
				break
			}
			holder = holder.successor(s.bucket.serverKey())
		}
		if !holder.print().equal(rec.Current) {
			return errEnded
		}
		before := told{rec.Claims, rec.ClaimsAt}
		rec.Claims, rec.ClaimsAt, rec.AskedAt = claims.claims, claims.at, time.Now()
		rec.AskingUntil = time.Time{}
		if refresh != "" {
			rec.Sealed = holder.seal(refresh)
		}
		err = s.bucket.swap(ctx, holder.session(), rec, seq, time.Now())
		if errors.Is(err, errMoved) {
			continue
		}
		var tooLarge claimsError
		if errors.As(err, &tooLarge) && refresh != "" { // the token before is used up
			rec.Claims, rec.ClaimsAt = before.claims, before.at
			_ = s.bucket.swap(ctx, holder.session(), rec, seq, time.Now()) // the other error is the one to tell
			return err
		}
		if errors.As(err, &tooLarge) || err == nil {
			return err
		}
		return s.unlearned(holder, err)
	}
	return s.unlearned(holder, errMoved)
}

// unlearned lets the refresh go on: its answer is good. A provider whose tokens are for one
// use may end the session at the next refresh.
func (s *Service) unlearned(holder credential, err error) error {
	s.log.Error("provider_answer_not_stored", zap.String("session", brief(holder.session())), zap.Error(err))
	return nil
}
