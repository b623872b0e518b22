package main

import (
	"net/http"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/broadcaster/client"
)

// publicMux routes the public listener.
func (p *process) publicMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/v1/stream", p.hub.StreamHandler())
	mux.Handle("/v1/state", p.hub.StateHandler())
	mux.Handle("/keyturn.js", client.Handler())
	mux.Handle("/.well-known/jwks.json", p.withKeys(auth.JWKS))
	if p.config.issues() {
		mux.Handle("/auth/", p.authGate)
	}
	options := p.cookieOptions()
	mux.Handle("/auth/verify", p.withKeys(func(k *auth.Keyring) http.Handler { return auth.Forward(k, options) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		auth.WriteProblem(w, &auth.Error{Status: http.StatusNotFound, Code: "no_such_route", Description: "no such path on this listener"})
	})
	return mux
}

// cookieOptions lets requests come by the token's cookie where tokens are kept
// from scripts, from pages of the configured origins and of the public listener's own.
func (p *process) cookieOptions() auth.Options {
	if !p.config.Auth.TokenCookie {
		return auth.Options{}
	}
	guard := http.NewCrossOriginProtection()
	for _, origin := range p.config.Broadcast.Origins {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			panic(err) // can't happen: origins have been checked
		}
	}
	return auth.Options{Cookie: signin.TokenCookie, CrossOrigin: guard}
}

// withKeys serves a handler over the keys of one ring: that of ?ring=, without
// it the one that signs here, or the only one. Keys of several rings are never
// served as one set: whoever trusts one ring must not come to trust another.
func (p *process) withKeys(make func(*auth.Keyring) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("ring")
		if name == "" {
			name = p.config.Auth.Ring
		}
		if name == "" && len(p.config.Rings) == 1 {
			name = p.config.Rings[0].Name
		}
		ring := p.rings[name]
		if ring == nil {
			auth.WriteProblem(w, &auth.Error{Status: http.StatusNotFound, Code: "no_such_ring",
				Description: "name one of this server's rings with ?ring="})
			return
		}
		keys := ring.keys.Load()
		if keys == nil {
			auth.WriteProblem(w, &auth.Error{Status: http.StatusServiceUnavailable, Code: auth.CodeUnavailable,
				Description: "no key of the ring is usable yet", RetryAfter: time.Second})
			return
		}
		make(keys.Keyring()).ServeHTTP(w, r)
	})
}
