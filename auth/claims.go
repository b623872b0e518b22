package auth

import (
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// lastSecond is the end of the year 9999, the last moment that RFC 3339 can
// write. A later one is a mistake (milliseconds, mostly).
const lastSecond = 253402300799

// read checks the registered claims (RFC 7519 §4.1) of a token whose signature
// is good, and fills t with them. It looks at iss and aud before the times: a
// token meant for others is wrong whatever the clock says.
func (c *Config) read(t *Token, claims jwt.MapClaims, now time.Time, grace time.Duration) *Error {
	t.Claims = claims
	var ok [5]bool
	t.Subject, ok[0] = text(claims, "sub")
	t.Issuer, ok[1] = text(claims, "iss")
	t.Expiry, ok[2] = date(claims, "exp")
	t.NotBefore, ok[3] = date(claims, "nbf")
	t.IssuedAt, ok[4] = date(claims, "iat")
	if ok != [5]bool{true, true, true, true, true} {
		return refuse(CodeTokenMalformed, textClaims)
	}
	if c.Issuer != "" && t.Issuer != c.Issuer {
		return refuse(CodeIssuerInvalid, textIssuer)
	}
	if found, ok := meantFor(claims["aud"], c.Audience); !ok {
		return refuse(CodeTokenMalformed, textClaims)
	} else if !found {
		return refuse(CodeAudienceInvalid, textAudience)
	}
	skew := max(c.Skew, 0)
	if t.Expiry.IsZero() {
		// Without it nobody could tell when the token's key is no longer needed.
		return refuse(CodeTokenMalformed, textNoExpiry)
	}
	if !t.NotBefore.IsZero() && now.Before(t.NotBefore.Add(-skew)) {
		return refuse(CodeTokenNotYetValid, textNotYetValid)
	}
	if !now.Before(t.Expiry.Add(skew + grace)) {
		return refuse(CodeTokenExpired, textExpired)
	}
	return nil
}

// text returns a claim that must be a string where it is there.
func text(claims jwt.MapClaims, name string) (string, bool) {
	v, there := claims[name]
	if !there {
		return "", true
	}
	s, ok := v.(string)
	return s, ok
}

// date returns a NumericDate claim, which must be a number of seconds up to
// the year 9999 where it is there; zero where it is not.
func date(claims jwt.MapClaims, name string) (time.Time, bool) {
	v, there := claims[name]
	if !there {
		return time.Time{}, true
	}
	f, ok := v.(float64)
	if !ok || math.Abs(f) > lastSecond {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// meantFor reports whether wanted is among aud, a string or an array of
// strings; ok is false where it is neither. Nothing wanted: anything will do.
func meantFor(aud any, wanted string) (found, ok bool) {
	switch v := aud.(type) {
	case nil:
		return wanted == "", true
	case string:
		return wanted == "" || v == wanted, true
	case []any:
		found = wanted == ""
		for _, member := range v {
			s, ok := member.(string)
			if !ok {
				return false, false
			}
			found = found || s == wanted
		}
		return found, true
	}
	return false, false
}
