package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/keyturn/keyturn/auth/signin"
)

// The sources of claims.
const (
	claimsFile    = "file"
	claimsHook    = "hook"
	claimsIDP     = "idp"
	claimsSession = "session"
)

// newSignin opens the session store; it blocks until it answers or ctx ends.
func (p *process) newSignin(ctx context.Context) (*signin.Service, error) {
	a := p.config.Auth
	r := p.rings[a.Ring]
	claims, err := claimsOf(a)
	if err != nil {
		return nil, err
	}
	if p.demo != nil {
		claims = p.demo.watch(claims)
	}
	var providers []signin.Provider
	for _, pc := range a.Providers {
		if pc.ClientSecretFile != "" {
			if _, err := readSecretFile(pc.ClientSecretFile); err != nil {
				return nil, fmt.Errorf("client secret of provider %s: %w", pc.Name, err)
			}
		}
		providers = append(providers, pc.provider())
	}
	return signin.New(ctx, signin.Config{
		Conn: p.spine.conn, Replicas: p.spine.replicas, Keyring: r.keys.Load().Keyring(),
		Claims: claims, ClaimsMaxAge: a.Claims.MaxAge, Issuer: a.Issuer, Audience: a.Audience,
		Providers: providers, PublicURL: a.PublicURL, TokenCookie: a.TokenCookie,
		TokenLifetime: r.config.TokenLifetime, SessionLifetime: a.SessionLifetime,
		Origins: p.config.Broadcast.Origins, PerSecond: r.config.Refresh.PerSecond, Issuers: p.reporter.issuers.live,
		// A public URL over plain http is on a loopback address, or it would not have been accepted.
		Insecure: p.demo != nil || strings.HasPrefix(a.PublicURL, "http://"), DevLogin: p.demo != nil,
		Overview: p.overview, Logger: p.log, Registerer: p.registry,
	})
}

func claimsOf(a AuthConfig) (signin.Claims, error) {
	switch a.Claims.From {
	case claimsIDP:
		return signin.ProviderClaims(), nil
	case claimsSession:
		return signin.SessionClaims(), nil
	case claimsHook:
		key, err := readHookSecret(a.Claims.Hook.SecretFile)
		if err != nil {
			return nil, err
		}
		return signin.HookClaims(signin.HookConfig{URL: a.Claims.Hook.URL, Ring: a.Ring, Secret: key})
	}
	return signin.FileClaims(a.Claims.File), nil
}

// readHookSecret reads the secret of the claims hook: the bytes of the file, or
// what whsec_ and base64 stand for, the form in which Standard Webhooks hands secrets out.
func readHookSecret(path string) ([]byte, error) {
	secret, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("secret of the claims hook: %w", err)
	}
	coded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return nil, fmt.Errorf("secret of the claims hook: %s: what follows whsec_ is not base64", path)
	}
	return key, nil
}

// provider is what the sign-in service is told.
func (c ProviderConfig) provider() signin.Provider {
	p := signin.Provider{
		Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, RedirectURL: c.RedirectURL,
		Scopes: c.Scopes, Params: c.Params, Roles: c.Roles, PostLogoutURL: c.PostLogoutURL,
	}
	if file := c.ClientSecretFile; file != "" {
		p.ClientSecret = func() (string, error) { return readSecretFile(file) }
	}
	return p
}

// maxSecretFile bounds a file with a secret.
const maxSecretFile = 4 << 10

// readSecretFile reads a secret that stands alone in a file. Errors name the file and never what it holds.
func readSecretFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return "", errors.New(path + " is empty; write the secret into it")
	case len(data) > maxSecretFile:
		return "", fmt.Errorf("%s is larger than %d bytes; is this the secret?", path, maxSecretFile)
	}
	return string(data), nil
}
