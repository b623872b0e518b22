package auth

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

// readChallenge reads one challenge with parameters by the grammar of RFC 9110
// §11.2 and §5.6, strictly: it is the judge of what challenge writes.
func readChallenge(s string) (scheme string, params map[string]string, err error) {
	scheme, rest, ok := strings.Cut(s, " ")
	if !ok || !isToken(scheme) {
		return "", nil, errors.New("no scheme and parameters")
	}
	params = map[string]string{}
	for {
		name, after, ok := strings.Cut(rest, `="`)
		if !ok || !isToken(name) {
			return "", nil, errors.New("no name of a parameter")
		}
		value, end := "", -1
		for i := 0; i < len(after) && end < 0; i++ {
			switch c := after[i]; {
			case c == '"':
				end = i
			case c == '\\' && i+1 < len(after):
				i++
				value += after[i : i+1]
			case c == '\t' || c >= 0x20 && c != 0x7f:
				value += after[i : i+1]
			default:
				return "", nil, errors.New("a character that no quoted string has")
			}
		}
		if _, twice := params[name]; end < 0 || twice {
			return "", nil, errors.New("a string without end, or a name twice")
		}
		params[name] = value
		if rest = after[end+1:]; rest == "" {
			return scheme, params, nil
		}
		if rest, ok = strings.CutPrefix(rest, ", "); !ok {
			return "", nil, errors.New("no comma between parameters")
		}
	}
}

func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) {
			return false
		}
	}
	return s != ""
}

// Whatever an error says, its challenge is one well-formed header line, of the
// characters that RFC 6750 §3 allows, and a plain text comes through unchanged.
func FuzzChallenge(f *testing.F) {
	f.Add(401, CodeTokenExpired, "the token has expired", "2026-11-b")
	f.Add(403, CodeRoleMissing, `say "please"`, "")
	f.Add(401, CodeTokenMissing, "", "a\r\nSet-Cookie: x=1")
	f.Add(401, CodeKIDUnknown, `ends with \`, "\x00\x7f\xff")
	f.Fuzz(func(t *testing.T, status int, code, description, kid string) {
		if status != 401 && status != 403 {
			status = 401
		}
		w := httptest.NewRecorder()
		WriteProblem(w, &Error{Status: status, Code: code, Description: description, KID: kid})
		line := w.Header().Get("WWW-Authenticate")
		if status == 403 && code != CodeRoleMissing {
			if line != "" {
				t.Fatalf("got challenge %q for 403 %q, want none", line, code)
			}
			return
		}
		scheme, params, err := readChallenge(line)
		if err != nil || scheme != "Bearer" || len(params) == 0 {
			t.Fatalf("got challenge %q, which reads as %q %v: %v", line, scheme, params, err)
		}
		for name, v := range params {
			if strings.ContainsAny(v, "\"\\\r\n\x00\x7f") {
				t.Fatalf("got parameter %s with characters that RFC 6750 forbids: %q", name, v)
			}
		}
		plain := strings.IndexFunc(kid, func(r rune) bool { return r == '"' || r == '\\' || r < 0x20 || r > 0x7e }) < 0
		if plain && params["kid"] != kid {
			t.Fatalf("got kid %q, want %q", params["kid"], kid)
		}
	})
}
