package natskeys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Verdict is what one verifier makes of a canary.
type Verdict struct {
	Instance string `json:"instance"`
	Verifies bool   `json:"verifies"`       // it has the material of the key that signs
	Code     string `json:"code,omitempty"` // why not: one of auth's codes, or CodeSilent
}

// CodeSilent is the code of a verifier that reports, and did not answer.
const CodeSilent = "no_answer"

const (
	canaryWait  = time.Second // for verifiers to answer: they have the key, or look once
	canaryJudge = 800 * time.Millisecond
	maxCanary   = 16 << 10 // bytes of a token; bounds what a stranger on NATS can make us judge
	waiting     = 64       // canaries that wait to be judged; more are dropped, their askers hear nothing
)

// A canary is a token under the key that signs at this moment, which no service
// accepts and every verifier can judge: it has been expired since 1970. Whoever
// finds its signature good holds the same material. Nothing else, no digest
// either, needs to be compared.
func (s *Source) canary() (auth.Signed, error) {
	claims := map[string]any{"sub": "keyturn-canary", "exp": 1}
	if iss := s.config.Keyring.Issuer; iss != "" {
		claims["iss"] = iss
	}
	if aud := s.config.Keyring.Audience; aud != "" {
		claims["aud"] = aud
	}
	return s.keyring.Sign(claims)
}

// judge is what this verifier makes of a canary.
func (s *Source) judge(ctx context.Context, token string) Verdict {
	v := Verdict{Instance: s.config.Instance}
	ctx, cancel := context.WithTimeout(ctx, canaryJudge)
	defer cancel()
	_, err := s.keyring.VerifyStale(ctx, token, time.Since(time.Unix(0, 0)))
	var refused *auth.Error
	switch {
	case err == nil:
		v.Verifies = true
	case errors.As(err, &refused):
		v.Code = refused.Code
	default:
		v.Code = auth.CodeUnavailable
	}
	return v
}

// Agreement signs a canary here and asks every verifier of the ring whether it
// verifies. expected are the instances that report ([rotation.VerifierRow]):
// once they have all answered it returns, else after a second, with CodeSilent
// for those that were silent. Verdicts are sorted by instance. An error says
// that nothing can be signed here, or that NATS is away.
func (s *Source) Agreement(ctx context.Context, expected []string) ([]Verdict, error) {
	signed, err := s.canary()
	if err != nil {
		return nil, fmt.Errorf("canary of ring %s: %w", s.config.Ring, err)
	}
	inbox := s.config.Conn.NewRespInbox()
	answers := make(chan *nats.Msg, maxVerdicts) // beyond that, answers are dropped by the client
	sub, err := s.config.Conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("canary of ring %s: %w", s.config.Ring, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is closed, and the subscription with it
	if err := s.config.Conn.PublishRequest(rotation.CanarySubject(s.config.Ring), inbox, []byte(signed.Token)); err != nil {
		return nil, fmt.Errorf("canary of ring %s: %w", s.config.Ring, err)
	}
	limit := time.NewTimer(canaryWait)
	defer limit.Stop()
	heard := map[string]Verdict{}
	silent := func() []string {
		return slices.DeleteFunc(slices.Clone(expected), func(i string) bool { _, ok := heard[i]; return ok })
	}
	for len(heard) == 0 || len(silent()) > 0 {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("canary of ring %s: %w", s.config.Ring, context.Cause(ctx))
		case m := <-answers:
			var v Verdict
			if json.Unmarshal(m.Data, &v) == nil && v.Instance != "" { // else nobody of ours: NATS says "no responders" with an empty message
				heard[v.Instance] = v
			}
			continue
		case <-limit.C:
		}
		break
	}
	out := make([]Verdict, 0, len(heard)+len(expected))
	for _, v := range heard {
		out = append(out, v)
	}
	for _, i := range silent() {
		out = append(out, Verdict{Instance: i, Code: CodeSilent})
	}
	slices.SortFunc(out, func(a, b Verdict) int { return strings.Compare(a.Instance, b.Instance) })
	return out, nil
}

// maxVerdicts bounds the answers that wait to be read.
const maxVerdicts = 1024

// canaryLoop judges canaries, one after the other, until ctx ends.
func (s *Source) canaryLoop(ctx context.Context) error {
	asked := make(chan *nats.Msg, waiting)
	sub, err := s.subscribe(rotation.CanarySubject(s.config.Ring), asked)
	if err != nil {
		return fmt.Errorf("listen for canaries: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // as above
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-asked:
			if len(m.Data) > maxCanary || m.Reply == "" {
				continue
			}
			data, err := json.Marshal(s.judge(ctx, string(m.Data)))
			if err == nil {
				err = m.Respond(data)
			}
			if err != nil {
				s.config.Logger.Debug("canary not answered", zap.Error(err))
			}
		}
	}
}
