package auth

import (
	"net/http"
	"strings"
)

// The headers with which [Forward] tells a proxy whose request it is.
const (
	HeaderSubject = "X-Auth-Subject"
	HeaderIssuer  = "X-Auth-Issuer"
	HeaderRoles   = "X-Auth-Roles" // separated by spaces
	HeaderKey     = "X-Auth-Key"   // name of the key that verified the token
	HeaderKID     = "X-Auth-Kid"   // its kid
)

// Forward is a handler for proxies that ask somebody else whether a request
// may pass (forward-auth, auth_request, ext_authz): 200 with the Header…
// headers where its token is good, else the answer of [Middleware]. The query
// may demand roles: ?role=admin&role=auditor. Values are percent-encoded where
// they hold anything but printable ASCII, or a percent sign; a role is so
// encoded where it holds a space, too. The proxy must replace these headers in
// what it passes on, also when they are missing here.
//
// With a cookie it needs to know the method of the request that it is asked
// about: X-Forwarded-Method or X-Original-Method, which the proxy must replace,
// too. A request whose method nobody tells is judged as one that changes something,
// and such a one is refused where the proxy passes on neither Origin nor Sec-Fetch-Site.
func Forward(k *Keyring, o Options) http.Handler {
	o = o.ready()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := authenticate(k, o, r, o.guardForwarded)
		if err == nil {
			err = v.lacks(r.URL.Query()["role"])
		}
		if err != nil {
			WriteProblem(w, err.answer())
			return
		}
		roles := v.token.Roles()
		for i, role := range roles {
			roles[i] = headerValue(role, ' ')
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set(HeaderSubject, headerValue(v.token.Subject, '%'))
		h.Set(HeaderIssuer, headerValue(v.token.Issuer, '%'))
		h.Set(HeaderRoles, strings.Join(roles, " "))
		h.Set(HeaderKey, headerValue(v.token.Key, '%'))
		h.Set(HeaderKID, headerValue(v.token.KID, '%'))
		w.WriteHeader(http.StatusOK)
	})
}

// headerValue percent-encodes what a header can't hold, the percent sign, and
// the byte also, so that different values never look alike.
func headerValue(s string, also byte) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		// A blank at either end would be trimmed on the way.
		edge := c == ' ' && (i == 0 || i == len(s)-1)
		if c < 0x20 || c > 0x7e || c == '%' || c == also || edge {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
