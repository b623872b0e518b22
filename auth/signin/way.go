package signin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/auth"
	"go.uber.org/zap"
)

// way is how a sign-in is answered: as JSON to a script, by a message to the
// page that frames it, or by sending the browser to the app's page. Without any
// of them a page of plain words is shown.
type way struct {
	json     bool
	parent   string // origin of the framing page
	page     string // of the app
	refresh  bool   // the page gets its marker back
	came     bool   // the provider has sent the browser back: the app hears of errors too
	provider string // for log and metric; empty: none chosen yet
}

// wantsJSON tells a script's call from a navigation (Fetch Metadata: what
// browsers send and pages can't forge; older ones and other programs say it in Accept).
func wantsJSON(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "navigate", "nested-navigate":
		return false
	case "cors", "same-origin":
		return true
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && (kind == "application/json" || kind == "application/problem+json") {
			return true
		}
	}
	return false
}

// embedded reports whether a page of an origin that is not listed asks without a
// navigation: as an image, a script, a fetch that it can't read. Cookies go with it where the two are of one site.
func (s *Service) embedded(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "", "navigate", "nested-navigate":
		return false
	}
	site := r.Header.Get("Sec-Fetch-Site") // of browsers alone: other programs send a mode at most
	return site != "" && site != "same-origin" && !s.origins.lists(r.Header.Get("Origin"))
}

// arrival is the answer to a script that passed on a code.
type arrival struct {
	grant
	Refresh  bool   `json:"refresh"`  // the sign-in was for a refresh
	ReturnTo string `json:"returnTo"` // the page that began it, with its marker
}

// finish answers a sign-in that succeeded. Only a script gets a token, and
// only in the body: no address and no message ever holds one.
func (s *Service) finish(w http.ResponseWriter, to way, g grant) {
	switch {
	case to.json:
		s.writeGrant(w, g, func(g grant) any {
			return arrival{grant: g, Refresh: to.refresh, ReturnTo: comeBackTo(to.page, to.refresh)}
		})
	case to.parent != "":
		s.setTokenCookie(w, g)
		writeFrame(w, http.StatusOK, to.parent, "")
	default:
		s.setTokenCookie(w, g)
		seeOther(w, comeBackTo(to.page, to.refresh))
	}
}

// refuseSignin answers a sign-in that does not go on. It ends no session.
func (s *Service) refuseSignin(w http.ResponseWriter, r *http.Request, to way, e *refusal) {
	s.metrics.signins.WithLabelValues(to.provider, label(e.code)).Inc()
	fields := []zap.Field{zap.String("provider", to.provider), zap.String("code", e.code), zap.Error(e.err)}
	if e.status >= http.StatusInternalServerError {
		s.log.Error("signin_failed", fields...)
	} else {
		s.log.Info("signin_refused", fields...)
	}
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retry.Seconds()))))
	}
	switch {
	case to.json:
		e.write(w)
	case to.parent != "":
		writeFrame(w, e.status, to.parent, e.code)
	case to.came && to.page != "":
		seeOther(w, comeBackTo(to.page, to.refresh, "error="+url.QueryEscape(e.code)))
	case strings.HasPrefix(r.Header.Get("Sec-Fetch-Mode"), "navigate"), strings.Contains(r.Header.Get("Accept"), "text/html"):
		writeWords(w, e.status, e.text, cmp.Or(to.page, s.origins.home(s.config.PublicURL)))
	default:
		e.write(w)
	}
}

// seeOther sends the browser to the app's page by GET, without telling it where it comes from.
func seeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// frameScript tells the framing page, and no page of another origin, how it went.
const frameScript = `(function(){var d=document.getElementById("keyturn").dataset;` +
	`if(parent!==window)parent.postMessage({source:"keyturn",type:"signin",ok:d.error==="",error:d.error},d.origin)})()`

var frameScriptHash = func() string {
	h := sha256.Sum256([]byte(frameScript))
	return base64.StdEncoding.EncodeToString(h[:])
}()

// writeFrame answers in a frame: a page whose one script posts one message to
// the page around it. It holds no token; the parent gets one by /auth/refresh.
func writeFrame(w http.ResponseWriter, status int, parent, code string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'sha256-"+frameScriptHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors "+parent)
	h.Del("X-Frame-Options")
	writeHTML(w, status, `<!doctype html><meta charset="utf-8"><title>keyturn</title><body id="keyturn" data-origin="`+
		html.EscapeString(parent)+`" data-error="`+html.EscapeString(code)+`"><script>`+frameScript+`</script>`)
}

// writeWords shows a person why a sign-in does not go on, where no page of the app is there to do it.
func writeWords(w http.ResponseWriter, status int, text, page string) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	back := "Go back to the app and sign in there again."
	if page != "" {
		back = `<a href="` + html.EscapeString(page) + `">Back to the app</a>`
	}
	writeHTML(w, status, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Sign-in</title><h1>Sign-in did not work</h1><p>`+
		html.EscapeString(text)+`</p><p>`+back+`</p>`)
}

func writeHTML(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the caller is gone if this fails
}

// label bounds what the metric distinguishes: a provider may send any code.
func label(code string) string {
	for _, known := range signinCodes {
		if code == known {
			return code
		}
	}
	return "provider_error"
}

var signinCodes = []string{
	CodeProviderMissing, CodeProviderUnknown, CodeProviderUnavailable, CodeProviderRefused, CodeReturnRefused,
	CodeStateMissing, CodeStateInvalid, CodeBrowserMismatch, CodeIssuerMismatch, CodeCodeMissing, CodeCodeRefused,
	CodeIDTokenInvalid, CodeAccountChanged, CodeLoginRequired, CodeSigninBusy, CodeBadRequest, CodeOriginRefused,
	CodeSubjectRefused, CodeClaims, auth.CodeUnavailable, "access_denied", "interaction_required",
}
