package auth

import "time"

// Codes of an [Error]; part of the HTTP contract, they never change.
const (
	CodeTokenMissing     = "token_missing"
	CodeTokenMalformed   = "token_malformed"
	CodeTokenExpired     = "token_expired"
	CodeTokenNotYetValid = "token_not_yet_valid"
	CodeKIDUnknown       = "kid_unknown"
	CodeKeyRetired       = "key_retired"
	CodeKeyRevoked       = "key_revoked"
	CodeSignatureInvalid = "signature_invalid"
	CodeAudienceInvalid  = "audience_invalid"
	CodeIssuerInvalid    = "issuer_invalid"
	CodeRoleMissing      = "role_missing"
	CodeUnavailable      = "unavailable"
)

// Error tells why a request is refused.
type Error struct {
	Status      int           // HTTP status: 401, 403, 503, …
	Code        string        // one of the codes above, or a caller's own in snake_case
	Description string        // one fixed sentence for people, printable ASCII
	KID         string        // kid of the current key, for the challenge; may be empty
	RetryAfter  time.Duration // when to try again; zero: not by waiting

	err error
}

// Error is "code: description".
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Unwrap returns the cause, for logs only.
func (e *Error) Unwrap() error { return e.err }
