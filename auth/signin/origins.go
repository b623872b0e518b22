package signin

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/auth"
)

// Codes of the problems that this package answers with; part of the HTTP contract.
const (
	CodeSessionMissing   = "session_missing"    // 401: no session cookie came along
	CodeSessionEnded     = "session_ended"      // 401: the session is over; sign in again
	CodeSessionAmbiguous = "session_ambiguous"  // 400: cookies of several sessions came along; none was used, changed or ended
	CodeRefreshBusy      = "refresh_busy"       // 429: come back when retryAfterMs have passed
	CodeOriginRefused    = "origin_refused"     // 403: that page may not call here
	CodeClaims           = "claims_unavailable" // 503: the subject's claims could not be read
	CodeSubjectRefused   = "subject_refused"    // 403: whoever signs in may not
	CodeTokenTooLong     = "token_too_long"     // 422: browsers would not keep a cookie of that length, so put fewer claims into tokens
	CodeBadRequest       = "bad_request"        // 400: the request can't be read; its detail says why
)

// origins is the list of pages elsewhere that may call, and the guard against all others.
type origins struct {
	allowed []string
	guard   *http.CrossOriginProtection
}

func newOrigins(list []string) (origins, error) {
	o := origins{guard: http.NewCrossOriginProtection()}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Scheme+"://"+u.Host != s || s != strings.ToLower(s) {
			return origins{}, fmt.Errorf("origin %q: want scheme://host or scheme://host:port in lower case, nothing after it", s)
		}
		if err := o.guard.AddTrustedOrigin(s); err != nil {
			return origins{}, fmt.Errorf("origin %q: %w", s, err)
		}
		o.allowed = append(o.allowed, s)
	}
	return o, nil
}

// handle adds a path with its methods, and the answer to its preflight.
func (o origins) handle(mux *http.ServeMux, path string, methods map[string]http.HandlerFunc) {
	for method, h := range methods {
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			o.share(w, r)
			if err := o.guard.Check(r); err != nil {
				refuse(w, http.StatusForbidden, CodeOriginRefused, "pages of this origin may not call here; add it to the list of origins")
				return
			}
			h(w, r)
		})
	}
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	mux.HandleFunc(http.MethodOptions+" "+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if !o.share(w, r) {
			refuse(w, http.StatusForbidden, CodeOriginRefused, "pages of this origin may not call here; add it to the list of origins")
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", allow)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// share lets an allowed page read the answer, cookie included. Never with a
// wildcard: browsers refuse that together with credentials.
func (o origins) share(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !o.lists(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	return true
}

// lists reports whether pages of that origin may call.
func (o origins) lists(origin string) bool { return slices.Contains(o.allowed, origin) }

// home is the app's front page, where only one can be meant: the service's own
// where that is an app's, or that of the one origin. Else nothing.
func (o origins) home(own string) string {
	switch {
	case o.lists(own):
		return own + "/"
	case len(o.allowed) == 1:
		return o.allowed[0] + "/"
	}
	return ""
}

// sameHost reports whether a page's origin is the host that it calls.
func sameHost(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == r.Host
}

// refuse answers with a problem document. The texts are fixed: what a caller sent never comes back.
func refuse(w http.ResponseWriter, status int, code, text string) {
	auth.WriteProblem(w, &auth.Error{Status: status, Code: code, Description: text})
}
