package main

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/watcher/admin"
)

// tokenCookie says what it takes to keep tokens from scripts: browsers send
// the cookie to this server's host name alone, and for pages of its site alone.
func (i *inspection) tokenCookie(c Config) {
	if !c.Auth.TokenCookie {
		return
	}
	const what = "token cookie"
	i.add(admin.LevelNote, what, "browsers send it to this server's host name only (any port), so the APIs are to be there, too, behind the same proxy; they read the cookie %s and refuse what pages of other origins send with it (Go: auth.Options, others: /auth/verify)", signin.TokenCookie)
	server := c.Auth.PublicURL
	switch {
	case server == "":
		i.add(admin.LevelWarn, what, "auth.publicURL is not written, so nobody can tell whether your pages are of this server's site; write it: https, or http on a loopback address")
		return
	case strings.HasPrefix(server, "http://"):
		i.add(admin.LevelNote, what, "without Secure, since auth.publicURL is http on a loopback address; elsewhere it takes https")
	default:
		i.add(admin.LevelOK, what, "HttpOnly, Secure, SameSite=Strict")
	}
	here, same := site(server), 0
	for _, origin := range c.Broadcast.Origins {
		there := site(origin)
		if there != here && onLoopback(origin) && onLoopback(server) {
			i.add(admin.LevelNote, what, "pages of %s are to call this server by that name, not as %s: to a browser they are two sites", safe(origin), safe(server))
			continue
		}
		if there != here {
			i.add(admin.LevelFail, what, "pages of %s are of the site %s, this server of %s, and browsers send no SameSite=Strict cookie there; serve both under one domain and scheme, or leave tokenCookie out", safe(origin), safe(there), safe(here))
			continue
		}
		same++
	}
	if same > 0 {
		i.add(admin.LevelOK, what, "pages of %d origins are of this server's site, %s", same, safe(here))
	}
	if c.Broadcast.Verify != "local" {
		i.add(admin.LevelNote, what, "the stream is public and does not ask for it: changed roles are found out by the next 403")
	}
}

// onLoopback reports whether an origin is on this machine alone.
func onLoopback(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && loopback(net.JoinHostPort(u.Hostname(), "0"))
}

// site is what browsers compare of an origin for SameSite cookies: scheme and
// registrable domain, or the whole host where there is none (RFC 6265bis §5.2, HTML "schemeful site").
func site(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return origin
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			host = domain
		}
	}
	return u.Scheme + "://" + host
}
