package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// identity is whom a provider vouches for.
type identity struct {
	subject string         // the provider's own
	claims  map[string]any // as tokens carry them
	refresh string         // the provider's refresh token; may be empty
}

// errSubjectChanged: a provider named another person than it did at sign-in.
var errSubjectChanged = errors.New("the provider named another subject")

// exchange turns a code into an identity (OpenID Connect Core §3.1.3).
func (p *provider) exchange(ctx context.Context, code, verifier, nonce string) (identity, *refusal) {
	d, err := p.discover(ctx)
	if err != nil {
		return identity{}, providerDown(tidy(err))
	}
	ctx = oidc.ClientContext(ctx, p.client)
	client, err := p.oauth(d)
	if err != nil {
		return identity{}, no(http.StatusBadGateway, CodeProviderRefused, "the server is not set up for this provider").because(err)
	}
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		switch kind := judge(err); kind {
		case grantRefused:
			return identity{}, no(http.StatusBadRequest, CodeCodeRefused, "Token exchange failed: the provider does not take the code; sign in again").because(describe(err))
		case clientRefused:
			return identity{}, no(http.StatusBadGateway, CodeProviderRefused, "Token exchange failed: the provider does not accept this server as its client").because(describe(err))
		}
		return identity{}, providerDown(describe(err))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return identity{}, invalid(errors.New("no id_token came along"))
	}
	id, err := p.vouched(ctx, d, raw)
	if errors.Is(err, errKeysDown) {
		return identity{}, providerDown(err)
	}
	if err != nil {
		return identity{}, invalid(tidy(err, raw))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return identity{}, invalid(errors.New("its nonce is not that of this sign-in"))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return identity{}, invalid(errors.New("its at_hash does not fit the access token"))
		}
	}
	claims, err := p.claims(ctx, d, token, id, id.Subject)
	if err != nil {
		if errors.Is(err, errSubjectChanged) {
			return identity{}, invalid(err)
		}
		return identity{}, providerDown(err)
	}
	return identity{subject: id.Subject, claims: claims, refresh: token.RefreshToken}, nil
}

func invalid(err error) *refusal {
	return no(http.StatusBadGateway, CodeIDTokenInvalid, "Token exchange failed: what the provider says about the user does not hold").because(err)
}

// vouched verifies an ID token: signature, issuer, audience and time by go-oidc,
// and here the authorized party (OpenID Connect Core §3.1.3.7, 4 and 5).
func (p *provider) vouched(ctx context.Context, d *discovered, raw string) (*oidc.IDToken, error) {
	id, err := verify(ctx, d.verifier, raw)
	if err != nil {
		return nil, err
	}
	var party struct {
		Azp string `json:"azp"`
	}
	if err := id.Claims(&party); err != nil {
		return nil, errors.New("its azp is no text")
	}
	if (party.Azp != "" || len(id.Audience) > 1) && party.Azp != p.ClientID {
		return nil, errors.New("it was made for another client")
	}
	if id.Subject == "" || len(p.Name)+1+len(id.Subject) > maxSubject || !printable(id.Subject) {
		return nil, errors.New("its sub is empty, too long or not printable")
	}
	return id, nil
}

// claims gathers what the provider says about a user: the ID token's claims
// (nil: there is none) and, where they name no roles, those of userinfo.
func (p *provider) claims(ctx context.Context, d *discovered, token *oauth2.Token, id *oidc.IDToken, subject string) (map[string]any, error) {
	all := map[string]any{}
	if id != nil {
		if err := id.Claims(&all); err != nil {
			return nil, errors.New("claims of the ID token can't be read")
		}
		if id.Subject != subject {
			return nil, errSubjectChanged
		}
	}
	if _, told := lookup(all, p.Roles); told || (id != nil && d.meta.UserInfoURL == "") {
		return p.mapped(all), nil
	}
	if d.meta.UserInfoURL == "" {
		return nil, errors.New("the provider gives neither an ID token nor userinfo")
	}
	info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, tidy(err, token.AccessToken)
	}
	if info.Subject != subject { // OpenID Connect Core §5.3.2
		return nil, errSubjectChanged
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return nil, errors.New("userinfo can't be read")
	}
	for name, value := range more {
		all[name] = value
	}
	return p.mapped(all), nil
}

// mapped picks what goes into tokens, and nothing else: a provider's many claims have no place in each request.
func (p *provider) mapped(all map[string]any) map[string]any {
	out := map[string]any{"roles": []any{}}
	if value, ok := lookup(all, p.Roles); ok {
		roles := []any{}
		for _, role := range list(value) {
			if !slices.Contains(roles, any(role)) {
				roles = append(roles, role)
			}
		}
		out["roles"] = roles
	}
	for _, name := range []string{"email", "name"} {
		if text, ok := all[name].(string); ok {
			out[name] = text
		}
	}
	if value, ok := all["affiliations"]; ok {
		affiliations := []any{}
		for _, a := range list(value) {
			affiliations = append(affiliations, a)
		}
		out["affiliations"] = affiliations
	}
	return out
}

// lookup finds a claim: by its whole name, which may hold dots as that of
// https://app.example.com/roles does, or else one inside another.
func lookup(claims map[string]any, path string) (any, bool) {
	if value, ok := claims[path]; ok {
		return value, true
	}
	head, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil, false
	}
	inner, ok := claims[head].(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}

// kind says what a failed call of a token endpoint means.
type kind int

const (
	notAnswered   kind = iota // down, slow, overloaded: it passes
	grantRefused              // this code or refresh token is not, or no longer, good
	clientRefused             // the client itself is refused: its settings are wrong
)

// judge sorts an error of a token endpoint (RFC 6749 §5.2).
func judge(err error) kind {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) || answer.Response == nil {
		return notAnswered
	}
	status := answer.Response.StatusCode
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status < 400 || status >= 500:
		return notAnswered
	case answer.ErrorCode == "invalid_grant":
		return grantRefused
	}
	return clientRefused
}

// describe is an error of a token endpoint for the log: status and code, never what else the answer holds.
func describe(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response != nil {
		return errors.New("the token endpoint answered " + answer.Response.Status[:min(3, len(answer.Response.Status))] + " " + errorCode(answer.ErrorCode))
	}
	return tidy(err)
}
