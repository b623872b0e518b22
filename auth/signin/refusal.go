package signin

import (
	"net/http"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// Codes of refused sign-ins; part of the HTTP contract. In an answer that is an
// address of the app they stand as its parameter error.
const (
	CodeProviderMissing     = "provider_missing"     // 503: no provider is configured
	CodeProviderUnknown     = "provider_unknown"     // 400: no provider of that name
	CodeProviderUnavailable = "provider_unavailable" // 503: the provider does not answer
	CodeProviderRefused     = "provider_refused"     // 502: the provider does not know this client; an operator has to act
	CodeReturnRefused       = "return_refused"       // 400: the page to come back to is on no allowed origin
	CodeStateMissing        = "state_missing"        // 400: a callback without state
	CodeStateInvalid        = "state_invalid"        // 400: a state that is unknown, used or older than ten minutes
	CodeBrowserMismatch     = "browser_mismatch"     // 400: another browser began this sign-in
	CodeIssuerMismatch      = "issuer_mismatch"      // 400: another provider than the one asked has answered
	CodeCodeMissing         = "code_missing"         // 400: a callback without code
	CodeCodeRefused         = "code_refused"         // 400: the provider does not take the code
	CodeIDTokenInvalid      = "id_token_invalid"     // 502: the provider's statement about the user does not hold
	CodeAccountChanged      = "account_changed"      // 400: a silent sign-in found another account
	CodeLoginRequired       = "login_required"       // 400: a silent sign-in found nobody signed in at the provider
	CodeSigninBusy          = "signin_busy"          // 429: many sign in at this moment
)

// refusal is why a sign-in does not go on. Its text is fixed; err is for the log.
type refusal struct {
	status int
	code   string
	text   string
	retry  time.Duration
	err    error
}

func no(status int, code, text string) *refusal {
	return &refusal{status: status, code: code, text: text}
}

func (e *refusal) because(err error) *refusal {
	e.err = err
	return e
}

func bad(text string) *refusal { return no(http.StatusBadRequest, CodeBadRequest, text) }

func providerDown(err error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: CodeProviderUnavailable, text: "the identity provider does not answer; try again", retry: retryLater, err: err}
}

func storeDown(err error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: auth.CodeUnavailable, text: "the session store does not answer; try again", retry: retryLater, err: err}
}

func noProvider() *refusal {
	return no(http.StatusServiceUnavailable, CodeProviderMissing, "No identity provider is configured")
}

// write answers with a problem document.
func (e *refusal) write(w http.ResponseWriter) {
	auth.WriteProblem(w, &auth.Error{Status: e.status, Code: e.code, Description: e.text, RetryAfter: e.retry})
}
