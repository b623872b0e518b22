package signin

import (
	"net/url"
)

// Caps of what browsers and providers send along.
const (
	maxQuery    = 8 << 10
	maxCode     = 4 << 10
	maxAudience = 255
)

// readQuery reads parameters. A parameter that comes twice is refused (RFC 6749
// §3.1): two readers of the same address must not see two different ones.
func readQuery(raw string) (values map[string]string, ok bool) {
	if len(raw) > maxQuery {
		return nil, false
	}
	all, err := url.ParseQuery(raw)
	if err != nil {
		return nil, false
	}
	values = make(map[string]string, len(all))
	for name, list := range all {
		if len(list) != 1 {
			return nil, false
		}
		values[name] = list[0]
	}
	return values, true
}

// errorCode returns a provider's error code (RFC 6749 §4.1.2.1) if it looks like one: it goes on into an address and to the app.
func errorCode(code string) string {
	if code == "" || len(code) > 64 {
		return "provider_error"
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && c != '_' {
			return "provider_error"
		}
	}
	return code
}
