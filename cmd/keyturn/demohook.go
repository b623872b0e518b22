package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file is the whole of what an application needs in order to say what its
// users may do, with auth.claims.from: hook. keyturn asks at each sign-in and at each
// refresh; the answer becomes the claims of the next token.

// maxHookCall bounds a call that nobody has vouched for yet.
const maxHookCall = 64 << 10

// hookTolerance is how far the clock of a call may be off, and how long a call
// that somebody recorded could be repeated. It changes nothing, so that is harmless.
const hookTolerance = 5 * time.Minute

// claimsEndpoint answers the calls of keyturn's claims hook.
type claimsEndpoint struct {
	ring   string
	secret []byte // shared with keyturn
	// claims are those of a subject; nil: it may not sign in.
	claims func(subject string) (map[string]any, error)
}

func (e *claimsEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHookCall))
	if err != nil {
		http.Error(w, "the call is too large, or ended early", http.StatusBadRequest)
		return
	}
	// 401 and not 403: with 403 this app would say that the subject is gone.
	if err := verifyHook(e.secret, r.Header, body, time.Now()); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var call struct {
		Ring    string `json:"ring"`
		Subject string `json:"subject"` // the sub of the token that is asked for
		Session string `json:"session"` // names their session; no credential
	}
	if err := json.Unmarshal(body, &call); err != nil || call.Ring != e.ring || call.Subject == "" {
		http.Error(w, "want the ring of this app, and a subject", http.StatusBadRequest)
		return
	}
	claims, err := e.claims(call.Subject)
	switch {
	case err != nil:
		// An error that passes: keyturn makes do with the last claims for a while.
		http.Error(w, "the claims can't be read now", http.StatusServiceUnavailable)
		return
	case claims == nil:
		http.Error(w, "this subject may not sign in", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(claims) // an error here is a caller that hung up
}

// verifyHook checks the signature of a call as Standard Webhooks 1.0.0 says: the
// base64 HMAC-SHA256 of "id.timestamp.body", of which webhook-signature lists one or
// several ("v1,… v1,…", while a secret is being replaced). The errors are safe
// to show to the caller.
func verifyHook(secret []byte, h http.Header, body []byte, now time.Time) error {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return errors.New("the call has no webhook-id, or no webhook-timestamp")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > hookTolerance || age < -hookTolerance {
		return errors.New("the call is too old, or a clock is wrong")
	}
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(id + "." + stamp + "."))
	m.Write(body)
	want := m.Sum(nil)
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) {
		coded, isV1 := strings.CutPrefix(signature, "v1,")
		got, err := base64.StdEncoding.DecodeString(coded)
		if isV1 && err == nil && hmac.Equal(got, want) { // in constant time
			return nil
		}
	}
	return errors.New("no signature of the call is good")
}

// hookClaims looks a subject up in the app's roles.
func (d *demo) hookClaims(subject string) (map[string]any, error) {
	all, err := d.roles.all()
	if err != nil {
		return nil, err
	}
	claims, known := all[subject]
	if !known {
		claims = grants{"roles": []string{"user"}} // what somebody new may do
	}
	return claims, nil
}
