package signin

import (
	"net/url"
	"path"
	"strings"
)

// maxReturn bounds the address of a page to come back to.
const maxReturn = 2048

// marker is what the app adds to its page's address when it signs in again to
// refresh. Providers compare redirect URIs byte by byte (RFC 9700 §4.1.3), so it
// stays here meanwhile.
const marker = "refresh=true"

// readReturn reads the address of the app's page. It must begin with an
// allowed origin, byte by byte: nothing is left to how a parser takes back
// slashes, user names, upper case or control characters. It returns the origin and the
// address without its marker. own is the service's own origin, whose sign-in routes are no page.
func readReturn(address string, allowed []string, own string) (origin, page string, refresh, ok bool) {
	if len(address) > maxReturn {
		return "", "", false, false
	}
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<' || c == '>' {
			return "", "", false, false
		}
	}
	for _, o := range allowed {
		rest, found := strings.CutPrefix(address, o)
		if !found || o == "" || (rest != "" && rest[0] != '/' && rest[0] != '?') {
			continue
		}
		where, query, _ := strings.Cut(rest, "?")
		if where == "" {
			where = "/"
		}
		if o == own && signinRoute(where) {
			return "", "", false, false
		}
		var kept []string
		for pair := range strings.SplitSeq(query, "&") {
			switch pair {
			case "":
			case marker:
				refresh = true
			default:
				kept = append(kept, pair)
			}
		}
		page = o + where
		if len(kept) > 0 {
			page += "?" + strings.Join(kept, "&")
		}
		if _, err := url.Parse(page); err != nil { // such as %0X
			return "", "", false, false
		}
		return o, page, refresh, true
	}
	return "", "", false, false
}

// signinRoute reports whether a path leads to one of the service's own routes,
// however it is spelled: servers unescape and clean a path before they look for its route.
func signinRoute(escaped string) bool {
	plain, err := url.PathUnescape(escaped)
	return err != nil || strings.HasPrefix(strings.ToLower(path.Clean(plain))+"/", "/auth/")
}

// comeBackTo is the address of the app's page with what it has to be told.
// pairs are "name=value", already escaped.
func comeBackTo(page string, refresh bool, pairs ...string) string {
	if refresh {
		pairs = append(pairs, marker)
	}
	if len(pairs) == 0 {
		return page
	}
	join := "?"
	if strings.Contains(page, "?") {
		join = "&"
	}
	return page + join + strings.Join(pairs, "&")
}
