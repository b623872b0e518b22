package broadcaster

import "github.com/keyturn/keyturn/auth"

// Subprotocol is the WebSocket subprotocol that the hub speaks (RFC 6455 §1.9).
const Subprotocol = "keyturn.v1"

// Close codes (RFC 6455 §7.4) that the hub sends. testdata/closecodes.json
// says what a client does with each.
const (
	closeNormal         = 1000 // only as the answer to a client's own close
	closeServiceRestart = 1012 // drained or stopped
	closeTryAgainLater  = 1013 // the verifier could not answer
	closeBadRequest     = 4400 // malformed frame, or the ring is missing
	closeUnauthorized   = 4401 // the token is refused, whatever the reason
	closeForbidden      = 4403 // another subject or issuer than before
	closeAuthTimeout    = 4408 // no auth frame in time
	closeTooMany        = 4429 // over a limit
)

// closeNames are the reasons sent in close frames: close code → name.
var closeNames = map[int]string{
	closeServiceRestart: "service_restart",
	closeTryAgainLater:  "try_again_later",
	closeBadRequest:     "bad_request",
	closeUnauthorized:   "unauthorized",
	closeForbidden:      "forbidden",
	closeAuthTimeout:    "auth_timeout",
	closeTooMany:        "too_many",
}

// codeTryAgainLater is the code of the error frame that precedes 1013.
const codeTryAgainLater = "try_again_later"

// errorTexts are the messages of error frames: fixed sentences, since whoever
// reads them may be a stranger. Code → message.
var errorTexts = map[string]string{
	auth.CodeTokenMissing:     "the token is missing",
	auth.CodeTokenMalformed:   "the token can't be read",
	auth.CodeTokenExpired:     "the token has expired",
	auth.CodeTokenNotYetValid: "the token is not valid yet",
	auth.CodeKIDUnknown:       "the token's key is not known",
	auth.CodeKeyRetired:       "the token's key has been retired",
	auth.CodeKeyRevoked:       "the token's key has been revoked",
	auth.CodeSignatureInvalid: "the token's signature does not verify",
	auth.CodeAudienceInvalid:  "the token is for another audience",
	auth.CodeIssuerInvalid:    "the token is from another issuer",
	auth.CodeRoleMissing:      "the token lacks a role",
	codeTryAgainLater:         "the key store did not answer",
}

// errorText is the message for a code; codes of verifiers not known here get a
// general one.
func errorText(code string) string {
	if text, ok := errorTexts[code]; ok {
		return text
	}
	return "the token is refused"
}
