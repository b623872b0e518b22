package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/auth/signin"
)

const maxProviders = 32

// providers checks the identity providers.
func (k *checker) providers(a AuthConfig) {
	if a.PublicURL != "" || len(a.Providers) > 0 {
		if err := signin.CheckPublicURL(a.PublicURL); a.PublicURL == "" {
			k.wrong("auth.publicURL", "is missing: the origin to which providers send browsers back, as https://auth.example.com")
		} else if err != nil {
			k.wrong("auth.publicURL", "%v", err)
		}
	}
	if len(a.Providers) > maxProviders {
		k.wrong("auth.providers", "%d providers; at most %d", len(a.Providers), maxProviders)
	}
	names := map[string]int{}
	for i, p := range a.Providers {
		path := "auth.providers." + strconv.Itoa(i)
		if err := p.provider().Check(); err != nil {
			field, what, _ := strings.Cut(err.Error(), ": ")
			k.wrong(path+"."+field, "%s", what)
		}
		if first, twice := names[p.Name]; twice && p.Name != "" {
			k.wrong(path+".name", "%s is the name of auth.providers[%d] already", safe(p.Name), first)
		} else {
			names[p.Name] = i
		}
	}
}

// claims checks where claims come from, and that nothing is written which that source does not read.
func (k *checker) claims(a AuthConfig) {
	c := a.Claims
	k.within("auth.claims.maxAge", c.MaxAge, 0, 24*time.Hour)
	if c.From == claimsFile && c.File == "" {
		k.wrong("auth.claims.file", "is missing: the JSON file that maps subjects to claims")
	}
	if c.From != claimsFile && c.File != "" {
		k.wrong("auth.claims.file", "is only read with from: file")
	}
	switch {
	case c.From != claimsHook && c.Hook != HookConfig{}:
		k.wrong("auth.claims.hook", "is only read with from: hook")
	case c.From == claimsHook && c.Hook.URL == "":
		k.wrong("auth.claims.hook.url", "is missing: the address of the application that knows the claims")
	case c.From == claimsHook && c.Hook.SecretFile == "":
		k.wrong("auth.claims.hook.secretFile", "is missing: the file with the secret that signs the calls; make one with: openssl rand -base64 32")
	}
	if c.From == claimsIDP && len(a.Providers) == 0 {
		k.wrong("auth.claims.from", "idp asks the provider of the session, and auth.providers names none")
	}
}
