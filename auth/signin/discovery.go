package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	providerTimeout = 5 * time.Second // of one exchange with a provider
	maxProviderBody = 1 << 20         // of one answer
	discoverAgain   = time.Hour       // how old what a provider said about itself may grow
	discoverPause   = time.Second     // between tries that fail
	answersFor      = 2 * time.Second // so long a provider that has answered is taken to be there
)

// metadata is what a provider says about itself (OpenID Connect Discovery §3, RFC 8414, RFC 9207 §3).
type metadata struct {
	oidc.ProviderConfig
	EndSessionURL string   `json:"end_session_endpoint"`
	IssuerTold    bool     `json:"authorization_response_iss_parameter_supported"`
	Scopes        []string `json:"scopes_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// discovered is a provider as it was found.
type discovered struct {
	meta     metadata
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier // follows the provider's own keys: an unknown kid makes it fetch them
	at       time.Time
}

// discover returns what the provider says about itself, and asks it where that
// is not known or old. An old answer is better than none.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	found, failed, why := p.found, p.failed, p.why
	p.mu.Unlock()
	if found != nil && (time.Since(found.at) < discoverAgain || time.Since(failed) < discoverAgain/60) {
		return found, nil
	}
	if why != nil && time.Since(failed) < discoverPause {
		return nil, why
	}
	d, err := p.askOnce(ctx)
	if err != nil && found != nil && ctx.Err() == nil {
		return found, nil
	}
	return d, err
}

// reach is discover for somebody who is about to be sent to the provider: one that
// does not answer now would leave them on a page of the browser's that leads nowhere.
func (p *provider) reach(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	found, failed, why := p.found, p.failed, p.why
	p.mu.Unlock()
	switch {
	case why != nil && time.Since(failed) < discoverPause:
		return nil, why
	case found != nil && why == nil && time.Since(found.at) < answersFor:
		return found, nil
	}
	return p.askOnce(ctx)
}

// doubt makes the next one who is to be sent to the provider ask first: it has just not answered.
func (p *provider) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		then := *p.found
		then.at = then.at.Add(-answersFor)
		p.found = &then
	}
}

// askOnce asks the provider, together with all who ask at this moment.
func (p *provider) askOnce(ctx context.Context) (*discovered, error) {
	// Whoever hangs up must not take the answer from those who wait with them;
	// the client's own timeout bounds the question.
	asked := p.flight.DoChan("", func() (any, error) { return p.ask(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-asked:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*discovered), nil
	}
}

// ask fetches the discovery document and remembers the outcome.
func (p *provider) ask(ctx context.Context) (*discovered, error) {
	d, err := p.fetchMetadata(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed, p.why = time.Now(), fmt.Errorf("discover provider %s: %w", p.Name, err)
		return nil, p.why
	}
	if p.found != nil && reflect.DeepEqual(p.found.meta, d.meta) {
		again := *p.found // and the keys that were fetched
		again.at = d.at
		d = &again
	}
	p.found, p.failed, p.why = d, time.Time{}, nil
	return d, nil
}

func (p *provider) fetchMetadata(ctx context.Context) (*discovered, error) {
	address := strings.TrimSuffix(p.Issuer, "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end or given up
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d, want 200", address, res.StatusCode)
	}
	var m metadata
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		return nil, fmt.Errorf("%s: not a discovery document", address)
	}
	// OpenID Connect Discovery §4.3: exactly the issuer that was asked.
	if m.IssuerURL != p.Issuer {
		return nil, fmt.Errorf("%s names another issuer; write the issuer exactly as the provider does, up to the last slash", address)
	}
	for _, u := range []string{m.AuthURL, m.TokenURL, m.JWKSURL} {
		if secureURL(u) != nil {
			return nil, fmt.Errorf("%s: authorization, token or keys address is missing or not https", address)
		}
	}
	for _, u := range []string{m.UserInfoURL, m.EndSessionURL} {
		if u != "" && secureURL(u) != nil {
			return nil, fmt.Errorf("%s: userinfo or logout address is not https", address)
		}
	}
	verifier := oidc.NewVerifier(m.IssuerURL, newKeySet(ctx, p.client, m.JWKSURL), &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: signed(m.Algorithms)})
	return &discovered{meta: m, provider: m.NewProvider(oidc.ClientContext(ctx, p.client)), verifier: verifier, at: time.Now()}, nil
}

// providerClient is how providers are called: no redirects, since calls carry
// secrets, and bounded in time and size.
func providerClient() *http.Client {
	return &http.Client{
		Timeout:       providerTimeout,
		Transport:     boundedTransport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// boundedTransport is the default transport with a bound on bodies.
type boundedTransport struct{}

// RoundTrip implements [http.RoundTripper].
func (boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		res.Body = &boundedBody{res.Body, maxProviderBody}
	}
	return res, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLarge = errors.New("the provider's answer is larger than 1 MiB")

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// answeredStatus is a status line, after which go-oidc puts the whole answer.
var answeredStatus = regexp.MustCompile(`\b[3-5][0-9][0-9] [A-Z]`)

// tidy makes an error of a provider fit for a log: one short line without what providers may repeat in it.
func tidy(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if at := answeredStatus.FindStringIndex(text); at != nil {
		text = text[:at[0]+len("500")] // what follows is the page that the provider shows
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return errors.New(text)
}

// Found is what a provider says about itself, as far as an operator has to know.
type Found struct {
	OfflineAccess bool // it knows the scope offline_access (OpenID Connect Core §11)
	AsksOffline   bool // which these settings ask for
	Logout        bool // it has a logout of its own
	NamesItself   bool // its answers say whose they are (RFC 9207)
}

// Discover asks a provider for its discovery document, once and without
// remembering anything. Errors say what is wrong and name the provider.
func (p Provider) Discover(ctx context.Context) (Found, error) {
	made, err := newProvider(p, "")
	if err != nil {
		return Found{}, err
	}
	d, err := made.fetchMetadata(ctx)
	if err != nil {
		return Found{}, fmt.Errorf("discover provider %s: %w", p.Name, tidy(err))
	}
	const offline = "offline_access"
	return Found{slices.Contains(d.meta.Scopes, offline), slices.Contains(p.Scopes, offline), d.meta.EndSessionURL != "", d.meta.IssuerTold}, nil
}

// CallbackURL is the redirect URI to register at the provider.
func (p Provider) CallbackURL(publicURL string) string {
	if p.RedirectURL != "" {
		return p.RedirectURL
	}
	return publicURL + callbackPath
}
