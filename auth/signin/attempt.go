package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// attemptLife is how long somebody may take to sign in at a provider.
	attemptLife   = 10 * time.Minute
	attemptPrefix = "login."

	// maxBinders is how many sign-ins one browser may have under way. Each leaves
	// a cookie, and a header that is too long locks its browser out.
	maxBinders = 8
)

// state is the parameter of that name (RFC 6749 §10.12): 256 random bits that
// name one sign-in. All that has to be secret about a sign-in is derived from
// it under the server's key, so that the bucket, which holds its hash, holds no
// secret. It redacts itself.
type state [32]byte

func newState() state {
	var s state
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// parseState reads the one spelling that text writes and no other.
func parseState(text string) (state, bool) {
	var s state
	if len(text) != base64.RawURLEncoding.EncodedLen(len(s)) {
		return s, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(s[:], []byte(text))
	return s, err == nil && n == len(s)
}

func (s state) text() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// hash is what the bucket and the cookie's name know of a state.
func (s state) hash() string {
	h := sha256.New()
	h.Write([]byte("keyturn sign-in\n"))
	h.Write(s[:])
	return hex.EncodeToString(h.Sum(nil))
}

// What is derived from a state.
const (
	forVerifier = "pkce verifier" // RFC 7636 §4.1: 43 characters
	forNonce    = "nonce"         // OpenID Connect Core §3.1.2.1
	forBrowser  = "browser"       // the value of the cookie that binds it to the browser that began it
)

func (s state) derive(key serverKey, what string) string {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("keyturn sign-in " + what + "\n"))
	m.Write(s[:])
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// String redacts.
func (state) String() string { return "[redacted]" }

// GoString redacts.
func (state) GoString() string { return "[redacted]" }

// attempt is one sign-in under way, as the bucket holds it for attemptLife.
type attempt struct {
	Provider string    `json:"provider"`
	Audience string    `json:"audience,omitempty"`
	Return   string    `json:"return"`             // the app's page, without its marker of a refresh
	Refresh  bool      `json:"refresh,omitempty"`  // the page had the marker; it gets it back
	Parent   string    `json:"parent,omitempty"`   // origin of the page that frames the sign-in; empty: not framed
	Silent   bool      `json:"silent,omitempty"`   // nobody is asked anything
	Sessions []string  `json:"sessions,omitempty"` // that the browser had; the new one replaces them
	Subject  string    `json:"sub,omitempty"`      // of theirs, where there was one
	Begun    time.Time `json:"begun"`
}

// keepAttempt stores a sign-in for its time.
func (s *Service) keepAttempt(ctx context.Context, of state, a attempt) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode sign-in: %w", err)
	}
	return s.bucket.add(ctx, attemptPrefix+of.hash(), data, attemptLife)
}

// takeAttempt returns a sign-in once: it is used up whatever comes of it.
func (s *Service) takeAttempt(ctx context.Context, of state, now time.Time) (attempt, error) {
	data, err := s.bucket.take(ctx, attemptPrefix+of.hash(), attemptLife+time.Minute)
	if err != nil {
		return attempt{}, err
	}
	var a attempt
	if err := json.Unmarshal(data, &a); err != nil {
		return attempt{}, fmt.Errorf("decode sign-in: %w: %w", err, errNone)
	}
	if now.Sub(a.Begun) > attemptLife {
		return attempt{}, errNone // by this server's clock
	}
	return a, nil
}

// attemptExists looks without using it up.
func (s *Service) attemptExists(ctx context.Context, of state) (bool, error) {
	_, _, err := s.bucket.get(ctx, attemptPrefix+of.hash())
	if errors.Is(err, errNone) {
		return false, nil
	}
	return err == nil, err
}

// binder is the cookie that ties a sign-in to its browser, so that nobody
// finishes in one browser what was begun in another (RFC 9700 §4.7.1: sign-in
// forced upon somebody, swapped codes). SameSite=Lax is as strict as can be: the
// provider sends the browser back from its own site.
func (c cookie) binder(of state, value string, maxAge int) *http.Cookie {
	b := c.make(value, maxAge)
	b.Name, b.SameSite = c.binderName(of), http.SameSiteLaxMode
	return b
}

func (c cookie) binderName(of state) string { return c.binderPrefix() + of.hash()[:8] }

func (c cookie) binderPrefix() string { return c.name() + "-login-" }

// bind sets the cookie, and drops those of sign-ins that were left when there are many.
func (s *Service) bind(w http.ResponseWriter, r *http.Request, of state) {
	if left := s.cookie.binders(r); len(left) >= maxBinders {
		s.cookie.unbind(w, left)
	}
	http.SetCookie(w, s.cookie.binder(of, of.derive(s.bucket.serverKey(), forBrowser), int(attemptLife/time.Second)))
}

// binders are the names of the cookies of all sign-ins that this browser has under way.
func (c cookie) binders(r *http.Request) []string {
	var names []string
	for _, k := range r.Cookies() {
		if strings.HasPrefix(k.Name, c.binderPrefix()) {
			names = append(names, k.Name)
		}
	}
	return names
}

// unbind drops cookies of sign-ins, which can't be finished from then on.
func (c cookie) unbind(w http.ResponseWriter, names []string) {
	for _, name := range names {
		k := c.make("", -1)
		k.Name, k.SameSite = name, http.SameSiteLaxMode
		http.SetCookie(w, k)
	}
}

// bound reports whether this browser began the sign-in.
func (s *Service) bound(r *http.Request, of state) bool {
	want := []byte(of.derive(s.bucket.serverKey(), forBrowser))
	for _, k := range r.CookiesNamed(s.cookie.binderName(of)) {
		if subtle.ConstantTimeCompare([]byte(k.Value), want) == 1 {
			return true
		}
	}
	return false
}
