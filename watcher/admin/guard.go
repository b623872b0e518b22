package admin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Guard refuses what a web page could make a browser send: calls under a host
// name that is neither localhost, nor an IP address, nor one of hosts (a name
// of somebody else's that was rebound to this address), and unsafe calls of
// another origin. Programs send no Origin and are not touched.
func Guard(hosts []string, next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, NewProblem(http.StatusForbidden, "origin_refused",
			"a page of another origin may not call this listener"))
	}))
	safe := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownHost(r.Host, hosts) {
			writeProblem(w, NewProblem(http.StatusMisdirectedRequest, "host_refused",
				"this listener does not answer under that host name; call it by address or localhost, or add the name to the hosts it may be called by"))
			return
		}
		safe.ServeHTTP(w, r)
	})
}

// ownHost reports whether a Host header can't be a rebound name: browsers send
// what the address bar holds, so an address is never somebody's name.
func ownHost(host string, hosts []string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
