package broadcaster

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// origins is the list of origins whose pages may connect (RFC 6454 §6.1).
type origins map[string]struct{}

// parseOrigins takes origins as a browser sends them. Case of scheme and host
// and the scheme's own port make no difference; patterns, paths and "null" are
// refused, since each would let strangers in.
func parseOrigins(list []string) (origins, error) {
	o := make(origins, len(list))
	for _, text := range list {
		canonical, err := canonicalOrigin(text)
		if err != nil {
			return nil, fmt.Errorf("origin %.80q: %w", text, err)
		}
		o[canonical] = struct{}{}
	}
	return o, nil
}

func canonicalOrigin(text string) (string, error) {
	want := fmt.Errorf("want scheme://host or scheme://host:port, nothing else")
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme == "" || u.Opaque != "" || u.User != nil ||
		u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#") {
		return "", want
	}
	if strings.ContainsAny(u.Host, "*, \t") || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return "", want
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host, nil
}

// allows reports whether a request may come in: exactly one Origin header
// that is on the list byte by byte, or none at all, as from clients that are
// no browsers. Those carry no cookies that a foreign page could abuse.
func (o origins) allows(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	return len(values) == 1 && o.has(values[0])
}

// foreign reports whether a page of another origin asks though no Origin says
// so: any page may ask for events without being let read them (Fetch §3.2.2 sends
// no Origin then), and each would hold a connection. No page can write the header
// that tells it (Fetch Metadata, Sec-Fetch-Site).
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "" && (site == "cross-site" || site == "same-site")
}

// share lets a page of a listed origin read the answer (Fetch §3.2), and
// reports whether there is one.
func (o origins) share(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	values := r.Header.Values("Origin")
	if len(values) != 1 || !o.has(values[0]) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", values[0])
	return true
}

func (o origins) has(origin string) bool {
	_, ok := o[origin]
	return ok
}
