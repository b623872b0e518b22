package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
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
		origins: o, metrics: m, log: c.Logger,
	}
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

// Register adds the service's routes:
//
//	POST /auth/refresh    a fresh token for the session's owner
//	POST /auth/logout     ends the session
//	GET  /auth/userinfo   what the caller's token says
//	GET  /auth/config-status  how the ring is set up, where Config.Overview tells it
//	POST /auth/login      with Config.DevLogin only: a session for a name and roles
func (s *Service) Register(mux *http.ServeMux) {
	s.origins.handle(mux, http.MethodPost, "/auth/refresh", s.refresh)
	s.origins.handle(mux, http.MethodPost, "/auth/logout", s.logout)
	s.origins.handle(mux, http.MethodGet, "/auth/userinfo", s.userinfo)
	if s.config.Overview != nil {
		s.origins.handle(mux, http.MethodGet, "/auth/config-status", s.configStatus)
	}
	if s.config.DevLogin {
		s.origins.handle(mux, http.MethodPost, "/auth/login", s.login)
	}
}
