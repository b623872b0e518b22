package signin

import (
	"net/http"
	"slices"
	"time"
)

const (
	cookieName         = "__Host-keyturn" // browsers take it over TLS only, for this host only, for all paths
	insecureCookieName = "keyturn"        // for development: some browsers drop Secure cookies on http://localhost
)

// cookie carries a session's credential. Scripts can't read it, and no other site can make a browser send it.
type cookie struct{ insecure bool }

func (c cookie) name() string {
	if c.insecure {
		return insecureCookieName
	}
	return cookieName
}

func (c cookie) make(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: c.name(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: !c.insecure, SameSite: http.SameSiteStrictMode,
	}
}

// set gives the browser a credential for the rest of its session.
func (c cookie) set(w http.ResponseWriter, cred credential, ends, now time.Time) {
	http.SetCookie(w, c.make(cred.encode(), max(1, int(ends.Sub(now)/time.Second))))
}

// clear makes the browser forget its credential.
func (c cookie) clear(w http.ResponseWriter) { http.SetCookie(w, c.make("", -1)) }

// all returns the credentials among the request's cookies of that name, each
// once, and at most one more than are looked at. A value that is none counts as no cookie: other
// software on the same host may use the plain name.
func (c cookie) all(r *http.Request) []credential {
	var found []credential
	for _, k := range r.CookiesNamed(c.name()) {
		if cred, err := parseCredential(k.Value); err == nil && !slices.Contains(found, cred) && len(found) <= maxPresented {
			found = append(found, cred)
		}
	}
	return found
}
