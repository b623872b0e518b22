package main

import (
	"context"

	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/watcher/admin"
)

// signin says how people sign in and how fresh their claims are; it asks each
// provider for its discovery document.
func (i *inspection) signin(ctx context.Context, c Config, r RingConfig) {
	a := c.Auth
	if a.Ring != r.Name {
		return
	}
	switch a.Claims.From {
	case claimsSession:
		i.add(admin.LevelWarn, "claims", "they stay as at sign-in, so a refresh after a 403 can't help anybody who was given a role; write auth.claims.from: idp or hook")
	case claimsIDP:
		i.add(admin.LevelNote, "claims", "asked of the provider at each refresh; without a refresh token of the provider they stay as at sign-in, and a refresh after a 403 can't help")
	case claimsHook:
		i.add(admin.LevelOK, "claims", "asked of %s at each refresh", safe(a.Claims.Hook.URL))
	}
	i.tokenCookie(c)
	callbacks := map[string]int{}
	for _, pc := range a.Providers {
		callbacks[pc.provider().CallbackURL(a.PublicURL)]++
	}
	for _, pc := range a.Providers {
		p := pc.provider()
		found, err := p.Discover(ctx)
		if err != nil {
			i.add(admin.LevelFail, "provider", "%v", err)
			continue
		}
		i.add(admin.LevelOK, "provider", "%s answers; register there: %s", p.Name, p.CallbackURL(a.PublicURL))
		if pc.ClientSecretFile != "" {
			if _, err := p.ClientSecret(); err != nil {
				i.add(admin.LevelFail, "provider", "%s: client secret: %v", p.Name, err)
			}
		}
		if !found.NamesItself && callbacks[p.CallbackURL(a.PublicURL)] > 1 {
			i.add(admin.LevelWarn, "provider", "%s does not name itself in its answers, and another provider shares its callback and could pass off its codes; write redirectURL: %s/%s, and register that", p.Name, signin.Provider{}.CallbackURL(a.PublicURL), p.Name)
		}
		if a.Claims.From == claimsIDP && found.OfflineAccess && !found.AsksOffline {
			i.add(admin.LevelWarn, "provider", "%s gives refresh tokens by the scope offline_access, which is not asked for; write scopes: [profile, email, offline_access]", p.Name)
		}
	}
}
