package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
)

// Bounds of requests that act.
const (
	maxBody         = 16 << 10         // a request is a handful of words
	maxVerifierWait = 30 * time.Minute // a longer wait is a rotation that somebody forgot
	maxMint         = 15 * time.Minute // a token for trying out is no way around sign-in
	maxSubject      = 256
	maxKey          = 512
	maxRoles        = 64
)

// requestID is the form of an Idempotency-Key.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func (s *Server) rotate(c call) *Problem {
	var request RotateRequest
	if p := readBody(c.r, &request); p != nil {
		return p
	}
	if !request.DryRun {
		right := Rotate
		if request.Compromise {
			right = Compromise
		}
		if p := c.who.may(right); p != nil {
			return p
		}
	}
	if request.VerifierWaitMs < 0 || request.VerifierWaitMs > maxVerifierWait.Milliseconds() {
		return NewProblem(http.StatusBadRequest, "bad_request", "verifierWaitMs: want 0 to "+maxVerifierWait.String()+" in milliseconds")
	}
	if request.Key != "" && !plainText(request.Key, maxKey) {
		return NewProblem(http.StatusBadRequest, "bad_request", "key: want the name of a key, at most 512 printable characters")
	}
	id := c.r.Header.Get("Idempotency-Key")
	switch {
	case id == "":
		id = rand.Text()
	case !requestID.MatchString(id):
		return NewProblem(http.StatusBadRequest, "bad_request", "Idempotency-Key: want letters, digits and . _ -, at most 128")
	}
	return s.begin(c, id, request)
}

// begin starts a rotation, or joins the one of that id, and follows it.
func (s *Server) begin(c call, id string, request RotateRequest) *Problem {
	log := s.log.With(zap.String("who", c.who.Name), zap.String("ring", c.ring), zap.String("request", id),
		zap.Bool("compromise", request.Compromise), zap.Bool("dry_run", request.DryRun))
	j, p := s.jobs.start(c.ring, id, request, func(ctx context.Context, step func(Step)) (Result, error) {
		log.Info("rotation_started")
		result, err := s.config.Rotator.Rotate(ctx, c.ring, request, step)
		if err != nil {
			log.Error("rotation_failed", zap.Error(err))
		} else {
			log.Info("rotation_done", zap.String("from", result.From), zap.String("to", result.To), zap.Int64("rev", result.Rev))
		}
		return result, err
	})
	if p != nil {
		return p
	}
	c.w.Header().Set("Idempotency-Key", id)
	follow(c, j)
	return nil
}

// RotateFor answers like POST …/rotations of that ring, for somebody whom the
// caller has identified by other means and granted both rights; who stands in
// the log. The page of `keyturn dev` turns its key so.
func (s *Server) RotateFor(who, ring string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request RotateRequest
		p := readBody(r, &request)
		if p == nil {
			p = s.begin(call{w: w, r: r, who: Token{Name: who}, ring: ring}, rand.Text(), request)
		}
		if p != nil {
			s.refuse(w, p)
		}
	})
}

// follow writes a rotation's lines until it ends or the caller hangs up.
func follow(c call, j *job) {
	out := newLines(c.w)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	written := 0
	for {
		news, done, changed := j.after(written)
		for _, l := range news {
			if out.write(l) != nil {
				return
			}
			written++
		}
		if done {
			return
		}
		select {
		case <-c.r.Context().Done():
			return
		case <-changed:
		case <-tick.C:
			if out.blank() != nil {
				return
			}
		}
	}
}

func (s *Server) mint(c call) *Problem {
	var request MintRequest
	if p := readBody(c.r, &request); p != nil {
		return p
	}
	lifetime := time.Duration(request.LifetimeMs) * time.Millisecond
	if request.LifetimeMs == 0 {
		lifetime = maxMint
	}
	switch {
	case !plainText(request.Subject, maxSubject):
		return NewProblem(http.StatusBadRequest, "bad_request", "subject: want 1 to 256 printable characters")
	case len(request.Roles) > maxRoles:
		return NewProblem(http.StatusBadRequest, "bad_request", "roles: at most 64")
	case request.LifetimeMs < 0 || request.LifetimeMs > maxMint.Milliseconds():
		return NewProblem(http.StatusBadRequest, "bad_request", "lifetimeMs: want at most 15 minutes; longer lives come from signing in")
	case s.config.Minter == nil:
		return NewProblem(http.StatusConflict, "no_signing_key", "this daemon signs no tokens; ask the issuer of the ring")
	}
	for _, role := range request.Roles {
		if !plainText(role, maxSubject) {
			return NewProblem(http.StatusBadRequest, "bad_request", "roles: want 1 to 256 printable characters each")
		}
	}
	minted, err := s.config.Minter.Mint(c.r.Context(), c.ring, request.Subject, request.Roles, lifetime)
	if err != nil {
		return problemOf(err)
	}
	// Not the subject: it may be a person's address.
	s.log.Warn("token_minted", zap.String("who", c.who.Name), zap.String("ring", c.ring), zap.String("key", minted.Key),
		zap.Int("roles", len(request.Roles)), zap.Duration("lifetime", lifetime))
	writeJSON(c.w, minted)
	return nil
}

// tellClaims has the live connections of a subject told that its permissions
// changed. That nobody is connected is no error: nobody needs to be told.
func (s *Server) tellClaims(c call) *Problem {
	subject := c.r.PathValue("subject")
	if !plainText(subject, maxSubject) {
		return NewProblem(http.StatusBadRequest, "bad_request", "subject: want 1 to 256 printable characters")
	}
	if err := s.config.Teller.TellClaims(c.r.Context(), c.ring, subject); err != nil {
		return problemOf(err)
	}
	// Not the subject: it may be a person's address.
	s.log.Info("claims_told", zap.String("who", c.who.Name), zap.String("ring", c.ring))
	writeJSON(c.w, Told{Ring: c.ring})
	return nil
}

// readBody reads one JSON object strictly: what it does not know is a slip
// that would otherwise do something else than was meant. An empty body is {}.
func readBody(r *http.Request, into any) *Problem {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || media != "application/json") {
		return NewProblem(http.StatusUnsupportedMediaType, "bad_request", "want Content-Type: application/json")
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return NewProblem(http.StatusBadRequest, "bad_request", "the body ended early")
	case len(data) > maxBody:
		return NewProblem(http.StatusRequestEntityTooLarge, "bad_request", "the body is larger than 16 KiB")
	case len(data) == 0:
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return NewProblem(http.StatusBadRequest, "bad_request", "body: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return NewProblem(http.StatusBadRequest, "bad_request", "body: want one JSON object and nothing after it")
	}
	return nil
}

// plainText reports whether s is one line of printable text.
func plainText(s string, most int) bool {
	if s == "" || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
