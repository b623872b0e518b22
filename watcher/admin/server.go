package admin

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Rings answers what is to be seen. A ring that does not exist is never asked for.
type Rings interface {
	// Names returns the rings in the order of the configuration.
	Names() []string
	// Ring returns one ring; Rotating is filled in by the server.
	Ring(ctx context.Context, name string) (Ring, error)
	// Check inspects a ring and changes nothing. It must not return key material.
	Check(ctx context.Context, name string) (Report, error)
}

// Rows answers who is connected and who holds what.
type Rows interface {
	Census(ctx context.Context, ring string) ([]rotation.CensusRow, error)
	Verifiers(ctx context.Context, ring string) ([]rotation.VerifierRow, error)
}

// States hands out states as they come.
type States interface {
	// After returns the states of the ring with a rev above rev that are still
	// remembered, oldest first, and a channel that is closed when there are more.
	After(ring string, rev int64) (states []rotation.State, more <-chan struct{})
}

// Rotator turns keys. It is called at most once at a time for a ring; step may
// be called from one goroutine only, and must be called before it returns.
type Rotator interface {
	Rotate(ctx context.Context, ring string, request RotateRequest, step func(Step)) (Result, error)
}

// Minter signs tokens for trying out; subject, roles and lifetime are checked.
type Minter interface {
	Mint(ctx context.Context, ring, subject string, roles []string, lifetime time.Duration) (Minted, error)
}

// Teller spreads the news that what a subject may do has changed.
type Teller interface {
	TellClaims(ctx context.Context, ring, subject string) error
}

// Config of a [Server]. All but Minter and Logger must be set.
type Config struct {
	Tokens  []Token
	Rings   Rings
	Rows    Rows
	States  States
	Rotator Rotator
	Teller  Teller
	Minter  Minter      // nil: this daemon holds no key to sign with
	Logger  *zap.Logger // nil: silent. Who did what is logged here
}

// Server is the admin API. Its methods may be called concurrently.
type Server struct {
	config Config
	jobs   *jobs
	log    *zap.Logger
	mux    *http.ServeMux
	ending chan struct{} // closed by HangUp
	hangUp func()
}

// New returns a server; call Close when it is no longer served.
func New(c Config) *Server {
	s := &Server{config: c, jobs: newJobs(), log: c.Logger, mux: http.NewServeMux(), ending: make(chan struct{})}
	s.hangUp = sync.OnceFunc(func() { close(s.ending) })
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.handle("GET /v1/rings", View, s.rings)
	s.handle("GET /v1/rings/{ring}", View, s.ring)
	s.handle("GET /v1/rings/{ring}/census", View, s.census)
	s.handle("GET /v1/rings/{ring}/verifiers", View, s.verifiers)
	s.handle("GET /v1/rings/{ring}/check", View, s.check)
	s.handle("GET /v1/rings/{ring}/states", View, s.states)
	s.handle("POST /v1/rings/{ring}/rotations", View, s.rotate) // asks for more once it has read what is wanted
	s.handle("POST /v1/rings/{ring}/tokens", Mint, s.mint)
	s.handle("POST /v1/rings/{ring}/subjects/{subject}/refresh", Claims, s.tellClaims)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, p := identify(r, c.Tokens); p != nil {
			s.refuse(w, p)
			return
		}
		s.refuse(w, NewProblem(http.StatusNotFound, "no_such_route", "no such path, or not with this method; see /v1/rings"))
	})
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// HangUp ends the streams of states, which have no end of their own, so that
// a listener that is to be closed does not wait for them.
func (s *Server) HangUp() { s.hangUp() }

// Close cancels the rotations under way and waits for them.
func (s *Server) Close() { s.jobs.close() }

// call is one authorised request.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	who  Token
	ring string // "" on /v1/rings
}

// handle adds a route that needs a right. Handlers return what to refuse with;
// after they have begun to answer they return nil.
func (s *Server) handle(pattern, right string, h func(call) *Problem) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		who, p := identify(r, s.config.Tokens)
		if p == nil {
			p = who.may(right)
		}
		c := call{w: w, r: r, who: who, ring: r.PathValue("ring")}
		if p == nil && c.ring != "" && !s.knows(c.ring) {
			p = NewProblem(http.StatusNotFound, "no_such_ring", "this daemon has no ring of that name; it has "+strings.Join(s.config.Rings.Names(), ", "))
		}
		if p == nil {
			p = h(c)
		}
		if p != nil {
			s.refuse(w, p)
		}
	})
}

func (s *Server) refuse(w http.ResponseWriter, p *Problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="keyturn admin"`)
	}
	writeProblem(w, p)
}

func (s *Server) knows(ring string) bool {
	for _, name := range s.config.Rings.Names() {
		if name == ring {
			return true
		}
	}
	return false
}
