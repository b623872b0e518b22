package auth

import (
	"context"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken is the length of the longest token that is read, in bytes. It bounds
// what an unsigned one can cost; HTTP servers take headers of this size.
const maxToken = 16 << 10

// parser splits and decodes tokens and judges nothing. Strict decoding makes
// sure that no two texts are the same signature.
var tokenParser = jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())

// Verify returns what the token says if a key of the ring signed it, it is not
// expired, and it is meant for this issuer and audience. The error is always an
// *[Error]. What counts:
//
//   - The kid of the header chooses the keys, and each key has one algorithm: a
//     token under another, or under "none", is refused. All other key hints of
//     the header (jwk, jku, x5c, x5u) are ignored; crit is refused.
//   - Pending and current keys verify, and retiring ones until their
//     VerifyUntil. A token that a key past it signed is [CodeKeyRetired].
//   - "exp" is required.
//   - A kid that no key has, and that is not known to be gone, causes a look
//     ([Config.Look]), shared by all who wait for one, for at most five seconds.
//     For an announced kid that happens at once; for the others, together, once in
//     ten seconds. Where log or store do not answer, the error is
//     [CodeUnavailable], else [CodeKIDUnknown]; both have RetryAfter.
//
// The context bounds the waiting only: what needs no wait is answered even where
// it has ended. With an ended context a token of an unknown key causes the look
// all the same, and the error is [CodeUnavailable] until that look has ended.
func (k *Keyring) Verify(ctx context.Context, token string) (*Token, error) {
	return k.VerifyStale(ctx, token, 0)
}

// VerifyStale is Verify, except that it also accepts a token that has been
// expired for less than grace. Whether it has, its Expiry tells.
func (k *Keyring) VerifyStale(ctx context.Context, token string, grace time.Duration) (*Token, error) {
	t := &Token{}
	if err := k.verify(ctx, t, token, max(grace, 0)); err != nil {
		return nil, err
	}
	return t, nil
}

// verify fills t, which the caller allocates together with what else it needs.
func (k *Keyring) verify(ctx context.Context, t *Token, token string, grace time.Duration) *Error {
	err := k.judge(ctx, t, token, grace)
	switch {
	case k.config.Observe == nil:
	case err == nil:
		k.config.Observe(t, nil)
	case err.Code == CodeUnavailable && err.look && ctx.Err() != nil: // the caller did not wait for the answer
	default:
		k.config.Observe(nil, err)
	}
	return err
}

func (k *Keyring) judge(ctx context.Context, t *Token, token string, grace time.Duration) *Error {
	s := k.installed.Load()
	if s == nil {
		return unavailable(textNoKeys, time.Second, nil)
	}
	u, err := k.split(token)
	if err != nil {
		err.KID = s.kid
		return err
	}
	held, err := s.find(&u, time.Now())
	if err != nil && err.look {
		if held, err = k.lookFor(ctx, s, &u, err); err != nil {
			if latest := k.installed.Load(); latest != nil {
				s = latest
			}
		}
	}
	if err == nil {
		t.Key, t.KID, t.Stage, t.VerifyUntil = held.Name, held.Key.KID(), held.Stage, held.VerifyUntil
		err = k.config.read(t, u.claims, time.Now(), grace)
	}
	if err != nil {
		err.KID = s.kid
	}
	return err
}

// unverified is a token before anybody vouches for it.
type unverified struct {
	alg       string
	kid       string // empty: it names none
	signed    string // what the signature is over
	signature []byte
	claims    jwt.MapClaims
}

// split decodes a token. Nothing of what it returns may be believed.
func (k *Keyring) split(token string) (unverified, *Error) {
	if len(token) > maxToken {
		return unverified{}, refuse(CodeTokenMalformed, textTooLong)
	}
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed) // encoding/base64 would skip them
	}
	parsed, _, err := tokenParser.ParseUnverified(token, jwt.MapClaims{})
	if parsed == nil || parsed.Header == nil {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed)
	}
	// An alg that golang-jwt does not know fails here too; it says more than "malformed".
	alg, ok := parsed.Header["alg"].(string)
	if !ok {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed)
	}
	if _, known := algorithms[alg]; !known {
		return unverified{}, refuse(CodeSignatureInvalid, textAlgorithm)
	}
	if err != nil {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed)
	}
	claims, ok := parsed.Claims.(jwt.MapClaims)
	if !ok || claims == nil {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed)
	}
	if _, ok := parsed.Header["crit"]; ok {
		// RFC 7515 §4.1.11: whoever does not understand an extension must refuse.
		return unverified{}, refuse(CodeTokenMalformed, textCritical)
	}
	kid, there := parsed.Header["kid"]
	name, ok := kid.(string)
	if there && !ok {
		return unverified{}, refuse(CodeTokenMalformed, textMalformed)
	}
	if name == "" && (there || k.config.RequireKID) {
		return unverified{}, refuse(CodeKIDUnknown, textNoKID)
	}
	return unverified{
		alg: alg, kid: name, claims: claims, signature: parsed.Signature,
		signed: token[:strings.LastIndexByte(token, '.')],
	}, nil
}

// find returns the held key that signed u. The error's look is set where
// looking for keys could change the answer.
func (s *snapshot) find(u *unverified, now time.Time) (*Held, *Error) {
	if u.kid == "" {
		return s.findKidless(u, now)
	}
	held, ok := s.byKID[u.kid]
	if !ok {
		switch s.set.Gone[u.kid] {
		case CodeKeyRetired:
			return nil, refuse(CodeKeyRetired, textKeyRetired)
		case CodeKeyRevoked:
			return nil, refuse(CodeKeyRevoked, textKeyRevoked)
		}
		err := refuse(CodeKIDUnknown, textKIDUnknown)
		err.look = validKID(u.kid) // no key of ours has another
		return nil, err
	}
	fits := false
	for _, h := range held {
		if h.Key.m().alg != u.alg {
			continue
		}
		fits = true
		if h.verifies(u) {
			if !h.live(now) {
				return nil, refuse(CodeKeyRetired, textKeyRetired)
			}
			return h, nil
		}
	}
	err := refuse(CodeSignatureInvalid, textSignature)
	if !fits {
		err.Description = textAlgorithm
	}
	// The same kid over other material, which has been announced but is not here yet.
	err.look = s.announced[u.kid]
	return nil, err
}

func (s *snapshot) findKidless(u *unverified, now time.Time) (*Held, *Error) {
	tried := 0
	for _, h := range s.order {
		if h.Key.m().alg != u.alg || !h.live(now) {
			continue
		}
		if h.verifies(u) {
			return h, nil
		}
		if tried++; tried == maxTried {
			break
		}
	}
	err := refuse(CodeSignatureInvalid, textSignature)
	err.look = len(s.announced) > 0
	return nil, err
}

// verifies reports whether the key's material made the signature of u.
func (h *Held) verifies(u *unverified) bool {
	m := h.Key.m()
	return m.algorithm.method.Verify(u.signed, u.signature, m.verify) == nil
}

// lookFor looks for the key of u once, and tries again. Without a Look the
// first answer stays.
func (k *Keyring) lookFor(ctx context.Context, s *snapshot, u *unverified, first *Error) (*Held, *Error) {
	if k.config.Look == nil {
		return nil, first
	}
	announced := s.announced[u.kid] || u.kid == ""
	next, err := k.look.run(ctx, k.config.Look, u.kid, announced)
	// Also after a look that failed: something may have been installed meanwhile.
	held, again := k.installed.Load().find(u, time.Now())
	if again == nil || !again.look {
		return held, again
	}
	retry := max(time.Until(next), time.Second)
	if err != nil {
		failed := unavailable(textLookFailed, retry, err)
		failed.look = true
		return nil, failed
	}
	if again.Code == CodeKIDUnknown {
		again.RetryAfter = retry
	}
	return nil, again
}
