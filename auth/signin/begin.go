package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

// asked are the parameters of GET /auth/login.
type asked struct {
	provider, audience, prompt string
	framed                     bool
	to                         way // where the answer goes
}

// prompts are what a page may ask of the provider (OpenID Connect Core §3.1.2.1).
var prompts = []string{"", "none", "login", "select_account"}

// begin answers GET /auth/login: it sends the browser to a provider, with
// authorization code flow and PKCE (RFC 6749 §4.1, RFC 7636).
func (s *Service) begin(w http.ResponseWriter, r *http.Request) {
	if len(s.providers) == 0 {
		to := way{json: wantsJSON(r)}
		// A hidden frame that hears nothing counts as blocked, and the page would be left in vain.
		if in, e := s.readAsked(r); e == nil && in.framed {
			to = in.to
		}
		s.refuseSignin(w, r, to, noProvider())
		return
	}
	in, e := s.readAsked(r)
	if e == nil {
		e = s.mayBegin(r, in)
	}
	if e != nil {
		s.refuseSignin(w, r, in.to, e)
		return
	}
	before := s.before(r)
	p, e := s.choose(in.provider, before)
	if e != nil {
		s.refuseSignin(w, r, in.to, e)
		return
	}
	in.to.provider = p.Name
	if !s.begins.Allow() {
		s.refuseSignin(w, r, in.to, &refusal{status: http.StatusTooManyRequests, code: CodeSigninBusy, text: "many sign in at this moment; try again", retry: retryLater})
		return
	}
	if in.audience == "" {
		in.audience = before.audience
	}
	address, of, e := s.send(r.Context(), p, in, before)
	if e != nil {
		s.refuseSignin(w, r, in.to, e)
		return
	}
	s.bind(w, r, of)
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusFound)
}

// send stores the attempt and returns the address of the provider's page.
func (s *Service) send(ctx context.Context, p *provider, in asked, before past) (string, state, *refusal) {
	of := newState()
	ctx, cancel := context.WithTimeout(ctx, providerTimeout+opTimeout)
	defer cancel()
	d, err := p.reach(ctx)
	if err != nil {
		return "", of, providerDown(tidy(err))
	}
	if p.mixable(d) {
		s.log.Warn("provider_answers_look_alike", zap.String("provider", p.Name), zap.String("remedy", "it does not name itself in its answers (RFC 9207) and shares its callback with another provider, which could pass off its codes; give it one of its own: redirectURL: "+s.config.PublicURL+callbackPath+"/"+p.Name))
	}
	client, err := p.oauth(d)
	if err != nil {
		return "", of, no(http.StatusBadGateway, CodeProviderRefused, "the server is not set up for this provider").because(err)
	}
	a := attempt{
		Provider: p.Name, Audience: in.audience, Return: in.to.page, Refresh: in.to.refresh, Parent: in.to.parent,
		Silent: in.prompt == "none", Sessions: before.sessions, Subject: before.subject, Begun: time.Now(),
	}
	if err := s.keepAttempt(ctx, of, a); err != nil {
		return "", of, storeDown(err)
	}
	key := s.bucket.serverKey()
	options := []oauth2.AuthCodeOption{oidc.Nonce(of.derive(key, forNonce)), oauth2.S256ChallengeOption(of.derive(key, forVerifier))}
	for _, param := range p.Params {
		name, value, _ := strings.Cut(param, "=")
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if in.prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", in.prompt))
	}
	// The audience of keyturn's own tokens is none of the provider's business.
	if in.audience != "" && in.audience != s.config.Audience {
		options = append(options, oauth2.SetAuthURLParam("audience", in.audience))
	}
	return client.AuthCodeURL(of.text(), options...), of, nil
}

// readAsked reads and judges the parameters. What it returns says where the refusal goes.
func (s *Service) readAsked(r *http.Request) (asked, *refusal) {
	in := asked{to: way{json: wantsJSON(r)}}
	q, ok := readQuery(r.URL.RawQuery)
	if !ok {
		return in, bad("the parameters can't be read, or one comes twice")
	}
	in.provider, in.audience, in.prompt = q["provider"], q["aud"], q["prompt"]
	in.framed = q["mode"] == "frame"
	if address, given := q["redirect_uri"]; given {
		origin, page, refresh, ok := readReturn(address, s.returns, s.config.PublicURL)
		if !ok {
			return in, no(http.StatusBadRequest, CodeReturnRefused, "redirect_uri: want a page of an allowed origin, like https://app.example.com/callback, without fragment")
		}
		in.to.page, in.to.refresh = page, refresh
		if in.framed {
			in.to.parent = origin
		}
	} else {
		in.to.page = s.returns[0] + "/"
	}
	switch {
	case q["mode"] != "" && !in.framed:
		return in, bad("mode: want frame, or leave it out")
	case !slices.Contains(prompts, in.prompt):
		return in, bad("prompt: want none, login or select_account, or leave it out")
	case in.framed && in.prompt != "none":
		return in, bad("mode=frame: want prompt=none with it, since nobody can be asked anything in a frame")
	case in.framed && in.to.parent == "":
		return in, bad("mode=frame: want redirect_uri with it, whose origin is told the outcome")
	case len(in.audience) > maxAudience || !printable(in.audience):
		return in, bad("aud: want at most 255 bytes of printable text")
	}
	return in, nil
}

// within are the places of a page in which another page can stand (Fetch Metadata, Sec-Fetch-Dest).
var within = []string{"iframe", "frame", "object", "embed", "fencedframe"}

// mayBegin refuses sign-ins that pages elsewhere begin in somebody's name.
func (s *Service) mayBegin(r *http.Request, in asked) *refusal {
	h := r.Header
	switch {
	case h.Get("Sec-Fetch-Site") == "cross-site":
		return no(http.StatusForbidden, CodeOriginRefused, "another site began this sign-in; open the app and sign in there")
	case s.embedded(r):
		return no(http.StatusForbidden, CodeOriginRefused, "a sign-in begins by a navigation, not in a page of another origin")
	case !in.framed && slices.Contains(within, h.Get("Sec-Fetch-Dest")):
		return no(http.StatusForbidden, CodeOriginRefused, "a sign-in in a frame wants mode=frame and prompt=none")
	}
	return nil
}

// past is what is known of whoever signs in, from their session or from the token that came along.
type past struct {
	sessions           []string // that stand; several only where one of them was planted
	subject            string   // of the one that stands
	provider, audience string
	hinted             string // provider, from the prefix of a token's sub
}

// before looks at the browser's session without changing it.
func (s *Service) before(r *http.Request) past {
	var b past
	if hint := hintToken(r); hint != "" && checkHint(hint) == "" {
		b.hinted, b.audience = readHint(hint)
	}
	var last record
	for _, cred := range s.cookie.all(r) {
		rec, _, err := s.bucket.read(r.Context(), cred.session())
		if err != nil {
			continue // over, or the store is down, which is noticed later
		}
		v := rec.judge(cred, s.bucket.serverKey(), time.Now())
		if (v == fresh || v == repeated) && !slices.Contains(b.sessions, cred.session()) {
			b.sessions, last = append(b.sessions, cred.session()), rec
		}
	}
	if len(b.sessions) != 1 {
		return b // none, or nobody can tell which is the browser's own
	}
	b.subject, b.provider = last.Subject, last.Provider
	if last.Audience != "" {
		b.audience = last.Audience
	}
	return b
}

// readHint reads provider and audience from a token that checkHint let pass.
// It is not verified: both only choose among what is configured.
func readHint(token string) (provider, audience string) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.Split(token, ".")[1], "="))
	if err != nil {
		return "", ""
	}
	var claims struct {
		Subject  string `json:"sub"`
		Audience any    `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return "", ""
	}
	if i := strings.IndexAny(claims.Subject, "|:"); i > 0 {
		provider = claims.Subject[:i]
	}
	if all := list(claims.Audience); len(all) > 0 && len(all[0]) <= maxAudience && printable(all[0]) {
		audience = all[0]
	}
	return provider, audience
}

// choose picks the provider: the one named, else that of the session, else that
// of the token, else the first. Only one that was named must be there: a session may outlive the
// configuration it began under.
func (s *Service) choose(named string, b past) (*provider, *refusal) {
	if named != "" {
		if p := s.provider(named); p != nil {
			return p, nil
		}
		text := "Provider not configured"
		if providerName.MatchString(named) { // nothing else is repeated
			text = "Provider '" + named + "' not configured"
		}
		return nil, no(http.StatusBadRequest, CodeProviderUnknown, text)
	}
	for _, name := range []string{b.provider, b.hinted} {
		if p := s.provider(name); p != nil {
			return p, nil
		}
	}
	return s.providers[0], nil
}

func (s *Service) provider(name string) *provider {
	for _, p := range s.providers {
		if p.Name == name {
			return p
		}
	}
	return nil
}
