package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// Provider is an OpenID provider with which people may sign in.
type Provider struct {
	Name   string // lower-case letters, digits, hyphens; the sub of tokens begins with it: name|sub
	Issuer string // as its discovery document has it: https, or http on a loopback address

	ClientID string
	// ClientSecret is asked at each use, so that it may change at any time. Nil: a public client.
	ClientSecret func() (string, error)
	// RedirectURL is where the provider sends browsers back: a page of the app that calls
	// /auth/callback with the code and state it got. Empty: PublicURL + "/auth/callback".
	// PublicURL + "/auth/callback/" + Name is a callback of this provider alone: with
	// several providers, one that does not name itself in its answers (RFC 9207) needs it.
	RedirectURL string

	Scopes []string // besides openid; none: profile, email
	Params []string // "name=value", sent along to the provider
	Roles  string   // claim that lists roles, a.b for one inside another; empty: "roles"

	// PostLogoutURL is where the provider sends browsers after a logout there, as
	// it is registered. Empty: what the page asks for.
	PostLogoutURL string
}

// providerName is what may stand before the | of a subject.
var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// ours are the parameters of an authorization request that this package sets.
var ours = []string{"client_id", "client_secret", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "audience", "request", "request_uri"}

// Check says what is wrong with a provider's settings, without asking it.
func (p Provider) Check() error {
	if !providerName.MatchString(p.Name) {
		return errors.New("name: want lower-case letters, digits and hyphens, at most 32")
	}
	if err := secureURL(p.Issuer); err != nil || strings.ContainsAny(p.Issuer, "?#") {
		return errors.New("issuer: want its address, like https://id.example.com; http only on a loopback address")
	}
	if p.ClientID == "" {
		return errors.New("clientID: is missing: under what name the provider knows keyturn")
	}
	if p.RedirectURL != "" {
		if err := secureURL(p.RedirectURL); err != nil || strings.Contains(p.RedirectURL, "#") {
			return errors.New("redirectURL: want the address of a page of the app, like https://app.example.com/callback, without fragment")
		}
	}
	if p.PostLogoutURL != "" {
		if err := secureURL(p.PostLogoutURL); err != nil {
			return errors.New("postLogoutURL: want the address of a page, like https://app.example.com/")
		}
	}
	for _, scope := range p.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' }) {
			return errors.New("scopes: want names without spaces")
		}
	}
	for _, param := range p.Params {
		name, _, ok := strings.Cut(param, "=")
		if !ok || name == "" {
			return errors.New("params: want name=value each")
		}
		if slices.Contains(ours, name) {
			return fmt.Errorf("params: %s is set by keyturn", name)
		}
	}
	return nil
}

// secureURL accepts https, and http to this machine alone.
func secureURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("want an address like https://host/path")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("want https; http only to a loopback address")
}

// provider is a [Provider] at work. Any goroutine may use it.
type provider struct {
	Provider
	client *http.Client
	at     string // its Name where the callback is its own, else nothing
	shares bool   // another provider sends browsers back to the same address

	flight singleflight.Group // one discovery at a time

	mu     sync.Mutex // guards what follows
	found  *discovered
	failed time.Time // when discovery last failed
	why    error     // and how
	warned bool      // it was said that no refresh token came
	mixes  bool      // it was said that its answers can't be told from another's
}

func newProvider(p Provider, publicURL string) (*provider, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("sign-in: provider %q: %w", p.Name, err)
	}
	p.RedirectURL = p.CallbackURL(publicURL)
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"profile", "email"}
	}
	if p.Roles == "" {
		p.Roles = "roles"
	}
	return &provider{Provider: p, client: providerClient()}, nil
}

// oauth is the client's side of the flow, with the secret as it is now.
func (p *provider) oauth(d *discovered) (oauth2.Config, error) {
	c := oauth2.Config{
		ClientID: p.ClientID, RedirectURL: p.RedirectURL,
		Scopes: append([]string{"openid"}, slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return s == "openid" })...),
		// The style is told, not tried out: a code that was refused once is used up.
		Endpoint: oauth2.Endpoint{AuthURL: d.meta.AuthURL, TokenURL: d.meta.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	if p.ClientSecret == nil {
		return c, nil
	}
	secret, err := p.ClientSecret()
	if err != nil {
		return c, fmt.Errorf("client secret of provider %s: %w", p.Name, err)
	}
	c.ClientSecret = secret
	if len(d.meta.AuthMethods) == 0 || slices.Contains(d.meta.AuthMethods, "client_secret_basic") {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // OpenID Connect Discovery §3: the default
	}
	return c, nil
}

// callbackPath is where providers send browsers back to.
const callbackPath = "/auth/callback"

// shareCallbacks finds out which providers have a callback of their own.
func shareCallbacks(all []*provider, publicURL string) {
	for i, p := range all {
		if p.RedirectURL == publicURL+callbackPath+"/"+p.Name {
			p.at = p.Name
		}
		p.shares = slices.ContainsFunc(all, func(q *provider) bool { return q != all[i] && q.RedirectURL == p.RedirectURL })
	}
}

// mixable says, once a process, that nothing tells this provider's answers from
// those of another (RFC 9700 §4.4): it shares its callback and puts no name to them.
func (p *provider) mixable(d *discovered) bool {
	if !p.shares || d.meta.IssuerTold {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.mixes
	p.mixes = true
	return !said
}

// firstly says, once a process, that this provider gives no refresh token.
func (p *provider) firstly() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.warned
	p.warned = true
	return !said
}
