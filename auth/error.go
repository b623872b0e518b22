package auth

import (
	"net/http"
	"time"
)

// Codes of an [Error]. They are part of the HTTP contract: clients branch on
// them, so none ever changes its meaning.
const (
	CodeTokenMissing     = "token_missing"       // 401: the request carries no token
	CodeTokenMalformed   = "token_malformed"     // 401: it can't be read as a JWT
	CodeTokenExpired     = "token_expired"       // 401: its exp has passed
	CodeTokenNotYetValid = "token_not_yet_valid" // 401: its nbf is to come
	CodeKIDUnknown       = "kid_unknown"         // 401: no key of that kid; with RetryAfter: try again then
	CodeKeyRetired       = "key_retired"         // 401: its key no longer verifies, its overlap is over
	CodeKeyRevoked       = "key_revoked"         // 401: its key was compromised
	CodeSignatureInvalid = "signature_invalid"   // 401: the key of its kid did not sign it
	CodeAudienceInvalid  = "audience_invalid"    // 401: it is meant for somebody else
	CodeIssuerInvalid    = "issuer_invalid"      // 401: somebody else issued it
	CodeRoleMissing      = "role_missing"        // 403: it is good, but lacks a role
	CodeOriginRefused    = "origin_refused"      // 403: it came by a cookie, and from a page that may not send it
	CodeUnavailable      = "unavailable"         // 503: log or store did not answer, so nobody can tell
)

// Error tells why a token or a request is refused. Its fields are safe to show
// to whoever sent the token: fixed texts, nothing of the token, no cause.
type Error struct {
	Status      int           // HTTP status: 401, 403, 429, 503, …
	Code        string        // one of this package's codes, or a caller's own in snake_case
	Description string        // one sentence for people, printable ASCII
	KID         string        // kid of the current key, for the challenge; may be empty
	RetryAfter  time.Duration // when to try again; zero: waiting does not help

	err  error // the cause, for logs
	look bool  // an unknown key could not be looked for
}

// Error returns "code: description".
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Unwrap returns the cause, which is for logs and never holds the token.
func (e *Error) Unwrap() error { return e.err }

// Descriptions of this package's errors: fixed, so that no answer repeats what
// a caller sent.
const (
	textMissing       = "the request carries no bearer token"
	textAmbiguous     = "the request carries several Authorization headers"
	textCookies       = "the request carries several cookies of the token's name"
	textHeader        = "the Authorization header is not a bearer token"
	textTooLong       = "the token is too long"
	textMalformed     = "the token is not a signed JWT"
	textCritical      = "the token demands an extension that is not supported"
	textNoKID         = "the token names no key"
	textKIDUnknown    = "the token names a key that is not known here"
	textKeyRetired    = "the token was signed with a key that is no longer used"
	textKeyRevoked    = "the token was signed with a key that was revoked"
	textSignature     = "the signature of the token is not valid"
	textAlgorithm     = "the token uses another algorithm than its key"
	textClaims        = "a registered claim of the token has the wrong type"
	textNoExpiry      = "the token has no expiration time"
	textExpired       = "the token has expired"
	textNotYetValid   = "the token is not valid yet"
	textIssuer        = "the token was issued by somebody else"
	textAudience      = "the token is meant for another audience"
	textNoKeys        = "the server has no keys yet"
	textLookFailed    = "the server could not look for the key of the token"
	textNoSigner      = "the server has no key to sign with"
	textTokenRequired = "the request has not been authenticated"
	textRoleMissing   = "the token lacks a required role"
	textOrigin        = "pages of this origin may not call here with the cookie"
	textSilent        = "neither Origin nor Sec-Fetch-Site came along, so nobody can tell which page sent this with the cookie; the proxy has to pass them on"
)

// refuse makes the 401 of a token that is no good.
func refuse(code, description string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: code, Description: description}
}

// unavailable makes the 503 of a server that can't tell.
func unavailable(description string, retry time.Duration, cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Description: description, RetryAfter: retry, err: cause}
}
