package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/keyturn/keyturn/auth"
)

// maxHint bounds the token that is looked at. Header and cookies are bounded by the server as well.
const maxHint = 16 << 10

// hintToken returns the token that came along: that of the Authorization
// header, else that of the cookie, else nothing. Another scheme than Bearer is no hint.
func hintToken(r *http.Request) string {
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if t := strings.TrimSpace(rest); t != "" {
			return t
		}
	}
	if c, err := r.Cookie(TokenCookie); err == nil {
		return c.Value
	}
	return ""
}

// checkHint looks at a token's form in a fixed order and returns the text of
// what is wrong with it, or nothing. The texts are part of the HTTP contract.
// It does not verify: a token that no longer verifies is the very reason for a refresh.
func checkHint(token string) (refusal string) {
	if len(token) > maxHint || strings.Count(token, ".") != 2 {
		return "Invalid token format"
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.Split(token, ".")[1], "="))
	if err != nil || !json.Valid(payload) {
		return "Malformed token"
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil || claims == nil {
		return "Invalid token payload"
	}
	var sub string
	if json.Unmarshal(claims["sub"], &sub) != nil || sub == "" {
		return "Missing or invalid 'sub' claim in token"
	}
	return ""
}

// usable reports whether a token still works. It never waits for a key that is
// not here yet: whoever has such a token is served early, which harms nobody.
func usable(k *auth.Keyring, token string) bool {
	if token == "" {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := k.Verify(ctx, token)
	return err == nil
}
