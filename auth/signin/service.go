package signin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Config of a [Service].
type Config struct {
	Conn     *nats.Conn    // where the bucket lives; the caller closes it. Publishing on it must fail while disconnected, not buffer
	Replicas int           // of the bucket; zero: 1
	Keyring  *auth.Keyring // signs the tokens, and tells whether a caller's present token still works
	Claims   Claims
	// ClaimsMaxAge is how long the last claims of a subject stand in for a source
	// that does not answer. Zero: not at all, its caller comes back later.
	ClaimsMaxAge time.Duration
	// Providers are where people sign in; the first one where nothing says which. None: GET /auth/login answers 503.
	Providers []Provider
	// PublicURL is the origin under which browsers reach this service, like
	// https://auth.example.com; needed with Providers, which send browsers back to it.
	PublicURL string
	// TokenCookie keeps access tokens from scripts: they travel in the HttpOnly
	// cookie auth_token, and answers hold none.
	TokenCookie bool

	// Overview tells how the ring is set up, for GET /auth/config-status. Nil: there is no such route.
	Overview func(context.Context) (Overview, error)

	Issuer   string // iss of the tokens
	Audience string // aud of the tokens; empty: none

	TokenLifetime   time.Duration // of a token; zero: 15 min
	SessionLifetime time.Duration // from sign-in to the end, whatever happens between; zero: 12 h

	// Origins may call from a browser, with the cookie: exact "scheme://host[:port]",
	// besides the service's own origin.
	Origins []string

	PerSecond float64    // refreshes that all issuers of the ring admit together, in a second; zero: 200
	Issuers   func() int // live issuers that share PerSecond, this one included; called at each refresh, so it must be quick. Nil: 1

	Insecure bool // the cookie works over plain http: for development on a loopback address alone
	DevLogin bool // POST /auth/login believes any name and roles: for development on a loopback address alone

	Logger     *zap.Logger           // nil: silent
	Registerer prometheus.Registerer // nil: metrics are not published
}

// Service holds sessions and answers their owners. It is stateless but for who
// waits for a refresh.
type Service struct {
	config  Config
	bucket  *bucket
	gate    *gate
	cookie  cookie
	origins origins
	metrics metrics
	log     *zap.Logger

	providers []*provider
	returns   []string // origins of pages that may be come back to, the service's own first
	begins    *rate.Limiter
	turns     turns
	promptly  time.Duration  // so long a caller waits for a provider
	asking    sync.WaitGroup // providers that may still answer when their callers have gone
	overviews overviews
}

// retryOpen is how often New tries a session store that does not answer.
const retryOpen = time.Second

// New opens the session store and returns once it answers; ctx bounds only
// that wait. It fails at once where the configuration is wrong.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = 15 * time.Minute
	}
	if c.SessionLifetime == 0 {
		c.SessionLifetime = 12 * time.Hour
	}
	if c.PerSecond == 0 {
		c.PerSecond = 200
	}
	if c.Issuers == nil {
		c.Issuers = func() int { return 1 }
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	o, err := newOrigins(c.Origins)
	if err != nil {
		return nil, err
	}
	b, err := newBucket(c.Conn, c.Replicas, c.Logger)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Service{
		config: c, bucket: b, gate: newGate(), cookie: cookie{insecure: c.Insecure},
		origins: o, metrics: m, log: c.Logger, promptly: claimsTimeout,
		// Each sign-in that begins leaves an entry in the bucket for minutes.
		begins: rate.NewLimiter(rate.Limit(c.PerSecond), int(math.Ceil(c.PerSecond))),
	}
	for _, p := range c.Providers {
		made, err := newProvider(p, c.PublicURL)
		if err != nil {
			return nil, err
		}
		s.providers = append(s.providers, made)
	}
	shareCallbacks(s.providers, c.PublicURL)
	s.returns = append([]string{c.PublicURL}, c.Origins...)
	return s, s.await(ctx)
}

func (c Config) check() error {
	switch {
	case c.Conn == nil:
		return errors.New("sign-in: Conn is missing: sessions live in NATS")
	case c.Keyring == nil:
		return errors.New("sign-in: Keyring is missing: nothing could sign tokens")
	case c.Claims == nil:
		return errors.New("sign-in: Claims is missing: nothing says what to put into tokens")
	case c.TokenLifetime < time.Second || c.SessionLifetime < time.Second:
		return fmt.Errorf("sign-in: token lifetime %s, session lifetime %s: want at least 1s each", c.TokenLifetime, c.SessionLifetime)
	case !(c.PerSecond > 0) || c.PerSecond > 1e6:
		return fmt.Errorf("sign-in: %v refreshes a second: want more than 0, at most a million", c.PerSecond)
	}
	return c.checkProviders()
}

func (c Config) checkProviders() error {
	if len(c.Providers) == 0 {
		return nil
	}
	if err := CheckPublicURL(c.PublicURL); err != nil {
		return fmt.Errorf("sign-in: PublicURL: %w", err)
	}
	names := map[string]bool{}
	for _, p := range c.Providers {
		if names[p.Name] {
			return fmt.Errorf("sign-in: provider %q is named twice", p.Name)
		}
		names[p.Name] = true
	}
	return nil
}

// CheckPublicURL says what is wrong with a value for Config.PublicURL.
func CheckPublicURL(address string) error {
	if err := secureURL(address); err != nil {
		return err
	}
	if _, err := newOrigins([]string{address}); err != nil {
		return errors.New("want scheme://host or scheme://host:port in lower case, nothing after it")
	}
	return nil
}

// await opens the bucket, again and again while NATS does not answer.
func (s *Service) await(ctx context.Context) error {
	said := false
	for {
		err := s.bucket.open(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errUnavailable) {
			return err
		}
		if !said {
			s.log.Warn("session_store_waits", zap.String("bucket", Bucket), zap.Error(err))
			said = true
		}
		t := time.NewTimer(retryOpen)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-t.C:
		}
	}
}

// Wait returns when no provider's answer is awaited any more, which takes seconds.
// Call it when the last request has been answered, and before Config.Conn is
// closed: an answer may bring the only refresh token that a session has from then on.
func (s *Service) Wait() { s.asking.Wait() }

// Register adds the service's routes:
//
//	POST /auth/refresh    a fresh token for the session's owner
//	POST /auth/logout     ends the session
//	GET  /auth/userinfo   what the caller's token says
//	GET  /auth/config-status  how the ring is set up, where Config.Overview tells it
//	GET  /auth/login      sends the browser to an identity provider
//	GET  /auth/callback   takes what the provider sent back, and begins a session; /auth/callback/NAME is that of one provider alone
//	POST /auth/login      with Config.DevLogin only: a session for a name and roles
func (s *Service) Register(mux *http.ServeMux) {
	type methods = map[string]http.HandlerFunc
	s.origins.handle(mux, "/auth/refresh", methods{http.MethodPost: s.refresh})
	s.origins.handle(mux, "/auth/logout", methods{http.MethodPost: s.logout})
	s.origins.handle(mux, "/auth/userinfo", methods{http.MethodGet: s.userinfo})
	s.origins.handle(mux, callbackPath, methods{http.MethodGet: unreferred(s.callback)})
	s.origins.handle(mux, callbackPath+"/{provider}", methods{http.MethodGet: unreferred(s.callback)})
	login := methods{http.MethodGet: unreferred(s.begin)}
	if s.config.DevLogin {
		login[http.MethodPost] = s.login
	}
	s.origins.handle(mux, "/auth/login", login)
	if s.config.Overview != nil {
		s.origins.handle(mux, "/auth/config-status", methods{http.MethodGet: s.configStatus})
	}
}

// unreferred keeps addresses with codes and states out of Referer headers.
func unreferred(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer")
		h(w, r)
	}
}
