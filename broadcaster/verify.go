package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// Verification happens off the goroutines that read: a few workers do the
// arithmetic, so that no connection pins a deep stack. Where a verifier would
// have to look for a key first, the token moves on to a goroutine that may
// wait; their number is bounded, and beyond it clients are told to come again.
const (
	maxLooks  = 4096
	jobsAhead = 256 // tokens in line before readers wait for their turn
)

// job is one token to verify. Who puts it in line waits for done.
type job struct {
	s     *session
	token string
	done  chan struct{} // capacity 1
}

// verify has a token verified and answered, and returns when that is done.
func (h *Hub) verify(s *session, token string) {
	j, ok := h.jobPool.Get().(*job)
	if !ok {
		j = &job{done: make(chan struct{}, 1)}
	}
	j.s, j.token = s, token
	h.jobs <- j // taken as long as there are sessions
	<-j.done
	j.s, j.token = nil, ""
	h.jobPool.Put(j)
}

// work verifies until jobs is closed.
func (h *Hub) work() {
	for j := range h.jobs {
		h.try(j)
	}
}

// try answers a job, at once or from a goroutine that may wait.
func (h *Hub) try(j *job) {
	v := j.s.ring.verify
	t, err := v.VerifyStale(h.noWait, j.token, staleGrace)
	if !waits(t, err) {
		h.answer(j, t, err)
		return
	}
	select {
	case h.looks <- struct{}{}:
	default:
		h.answer(j, nil, errBusy)
		return
	}
	h.looking.Go(func() {
		defer func() { <-h.looks }()
		ctx, cancel := context.WithTimeout(h.mayWait, lookDeadline)
		defer cancel()
		t, err := v.VerifyStale(ctx, j.token, staleGrace)
		h.answer(j, t, err)
	})
}

var (
	errBusy     = errors.New("too many tokens wait for their key")
	errNoAnswer = errors.New("the verifier returned neither a token nor an error")
)

// waits reports whether another answer is possible with time to wait.
func waits(t *auth.Token, err error) bool {
	if err == nil {
		return t == nil
	}
	var e *auth.Error
	return !errors.As(err, &e) || e.Code == auth.CodeUnavailable
}

func (h *Hub) answer(j *job, t *auth.Token, err error) {
	if err == nil && t == nil {
		err = errNoAnswer
	}
	j.s.answer(t, err)
	j.done <- struct{}{}
}

// answer tells the client what became of its token.
func (s *session) answer(t *auth.Token, err error) {
	h := s.ring.hub
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verifying = false
	if s.closing || s.dead {
		return
	}
	now := time.Now()
	if err != nil {
		s.turnAwayLocked(err, now)
		return
	}
	end := int64(never)
	if !t.Expiry.IsZero() {
		// A deadline is noticed up to a tick late, and the grace is not to be exceeded.
		end = t.Expiry.Add(staleGrace - tick).UnixMilli()
	}
	if end <= now.UnixMilli() {
		s.refuseLocked(auth.CodeTokenExpired, rand.N(maxRetry))
		return
	}
	key := s.ring.key(t.Key)
	if f := fate(key.fate.Load()); f != fateAlive {
		s.refuseLocked(fateCode(f), s.ring.retryAfter(now))
		return
	}
	who := h.identity(t)
	first := s.key == nil
	if !first && who != s.who {
		s.closeLocked(closeForbidden, nil)
		return
	}
	if first {
		h.addresses.authenticated(s.address)
	}
	s.key, s.who, s.failed = key, who, false
	s.until = end
	h.metrics.welcomes.WithLabelValues(s.ring.name).Inc()
	frame := mustTextFrame(s.welcomeLocked(t, now))
	if f := s.ring.fresh(); first && f != nil {
		frame = append(frame, f.data...)
		s.rev = f.rev
	}
	s.sendLocked(frame)
	s.attendLocked()
	h.note()
}

// welcomeLocked is the answer to an accepted token.
func (s *session) welcomeLocked(t *auth.Token, now time.Time) welcomeFrame {
	stale := t.Stage == auth.Retiring
	end := int64(never)
	if !t.Expiry.IsZero() {
		end = t.Expiry.UnixMilli()
		stale = stale || !t.Expiry.After(now)
	}
	if u := s.key.until.Load(); u != 0 {
		stale = true
		end = min(end, u)
	} else if t.Stage == auth.Retiring && !t.VerifyUntil.IsZero() {
		end = min(end, t.VerifyUntil.UnixMilli())
	}
	ttl := maxTTL.Milliseconds()
	if end != never {
		ttl = max(0, min(ttl, end-now.UnixMilli()))
	}
	return welcomeFrame{
		Type: "welcome", Session: fmt.Sprintf("%016x", s.id), Key: t.Key, KID: t.KID, Stale: stale,
		TTLMs: ttl, BeaconMs: s.ring.hub.config.Beacon.Milliseconds(), NowMs: now.UnixMilli(),
	}
}

// maxTTL is what clients are told of tokens that live longer, or for ever:
// more milliseconds do not fit a browser's timer (2³¹ − 1).
const maxTTL = 24 * 24 * time.Hour

// turnAwayLocked closes because of a token that was not accepted: with 4401
// where the verifier has judged it, with 1013 where it could not answer.
func (s *session) turnAwayLocked(err error, now time.Time) {
	h := s.ring.hub
	var e *auth.Error
	if !errors.As(err, &e) || e.Code == auth.CodeUnavailable {
		wait := backoff + rand.N(backoff/2)
		h.metrics.refusals.WithLabelValues(s.ring.name, codeTryAgainLater).Inc()
		s.closeLocked(closeTryAgainLater, errorOf(codeTryAgainLater, wait))
		return
	}
	wait := rand.N(maxRetry)
	switch e.Code {
	case auth.CodeKIDUnknown, auth.CodeKeyRetired, auth.CodeKeyRevoked, auth.CodeSignatureInvalid:
		wait = s.ring.retryAfter(now) // the key's doing: others have the same trouble
	}
	s.refuseLocked(e.Code, max(wait, e.RetryAfter))
}

// backoff is the least wait after 1013.
const backoff = 10 * time.Second

// identity is whom a token speaks for, as digests, so that a session need not
// keep the names. They are keyed: nobody can choose a name that is another's.
type identity struct{ issuer, subject uint64 }

func (h *Hub) identity(t *auth.Token) identity {
	return identity{issuer: h.digest(t.Issuer), subject: h.digest(t.Subject)}
}

func (h *Hub) digest(name string) uint64 { return maphash.String(h.seed, name) }
