package auth

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// PublicSet returns the public keys of a set, in its order, as a JWK set.
// Pending ones are in it, so that verifiers have them before anything is
// signed with them; retiring ones leave it when they stop verifying. Shared
// secrets are never in it.
func PublicSet(s Set) jose.JSONWebKeySet { return publicSet(s, time.Now()) }

func publicSet(s Set, now time.Time) jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}} // never null in JSON
	for i := range s.Held {
		h := &s.Held[i]
		if jwk, ok := h.Key.Public(); ok && h.live(now) {
			set.Keys = append(set.Keys, jwk)
		}
	}
	return set
}

// JWKS serves [PublicSet] of the keyring's installed set as RFC 7517 §8.5 says.
// Caches may keep it for a minute: keys are published long before they sign.
// Until there are keys it answers 503, so that no cache learns an empty set.
func JWKS(k *Keyring) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-k.Ready():
		default:
			WriteProblem(w, unavailable(textNoKeys, time.Second, nil))
			return
		}
		body, err := json.Marshal(PublicSet(k.Set()))
		if err != nil {
			WriteProblem(w, unavailable(textNoKeys, time.Second, err))
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age=60")
		h.Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write(body) // a client that has gone away needs no answer
	})
}
