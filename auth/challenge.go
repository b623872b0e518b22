package auth

import (
	"net/http"
	"strings"
)

// challenge is the WWW-Authenticate header of an error (RFC 6750 §3); empty
// where its status asks for none. A request without any token gets no error
// code (§3.1). The kid is that of the current key, so that a client can tell
// whether its token is merely of an older one.
func challenge(e *Error) string {
	code := ""
	switch {
	case e.Status == http.StatusForbidden && e.Code == CodeRoleMissing:
		code = "insufficient_scope"
	case e.Status != http.StatusUnauthorized:
		return ""
	case ofToken(e.Code):
		code = "invalid_token"
	}
	params := make([]string, 0, 3)
	if code != "" {
		params = append(params, "error="+quoted(code), "error_description="+quoted(e.Description))
	}
	if e.KID != "" {
		params = append(params, "kid="+quoted(e.KID))
	}
	if len(params) == 0 {
		params = append(params, `realm="api"`) // a challenge needs at least one parameter (§3)
	}
	return "Bearer " + strings.Join(params, ", ")
}

// ofToken reports whether a code tells what is wrong with a token, rather than
// that there is none, or something of the caller's own.
func ofToken(code string) bool {
	switch code {
	case CodeTokenMalformed, CodeTokenExpired, CodeTokenNotYetValid, CodeKIDUnknown, CodeKeyRetired, CodeKeyRevoked,
		CodeSignatureInvalid, CodeAudienceInvalid, CodeIssuerInvalid:
		return true
	}
	return false
}

// quoted writes a quoted-string (RFC 9110 §5.6.4) of the characters that RFC
// 6750 §3 allows in error and error_description: printable ASCII but for the
// quote and the backslash, which become apostrophe and slash. Anything else,
// line breaks above all, becomes a question mark.
func quoted(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\':
			return '/'
		case r < 0x20 || r > 0x7e:
			return '?'
		}
		return r
	}, s)
	return `"` + clean + `"`
}
