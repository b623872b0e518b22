package awsfake

import (
	"slices"
	"strings"
	"time"
)

// find is the secret that an ARN, a name or a partial ARN (one without the six
// random characters) names in a Region. A secret whose recovery window is over
// is gone. Called with mu held.
func (f *Fake) find(id, region string) (*secret, *apiError) {
	f.secrets = slices.DeleteFunc(f.secrets, func(s *secret) bool {
		return !s.deleted.IsZero() && !f.now().Before(s.deleted)
	})
	home := id
	if strings.HasPrefix(id, "arn:") {
		parts := strings.SplitN(id, ":", 7)
		if len(parts) != 7 || parts[3] != region {
			return nil, noSecret()
		}
		parts[3] = Region
		home = strings.Join(parts, ":")
	}
	var partial *secret
	for _, s := range f.secrets {
		if region != Region && !slices.Contains(s.replicas, region) {
			continue
		}
		if s.arn == home || s.name == home {
			return s, nil
		}
		if s.arn[:len(s.arn)-7] == home {
			partial = s
		}
	}
	if partial != nil {
		return partial, nil
	}
	return nil, noSecret()
}

// arnIn is the ARN of a secret in a Region: its replicas differ in nothing else.
func (s *secret) arnIn(region string) string {
	return strings.Replace(s.arn, ":"+Region+":", ":"+region+":", 1)
}

// open finds what a call is about and checks the caller's right to do it.
func (f *Fake) open(req *request, id string, context map[string][]string) (*secret, *apiError) {
	s, missing := f.find(id, req.region)
	resource := id
	if s != nil {
		resource = s.arnIn(req.region)
	}
	// The right is checked first: who may not act is not told whether it exists.
	if denied := f.authorize(req, "secretsmanager:"+req.op, resource, context); denied != nil {
		return nil, denied
	}
	if missing != nil {
		return nil, missing
	}
	req.secret = s
	return s, nil
}

// openForWriting is open for calls that change the secret: not in a replica
// Region, not while it is marked for deletion.
func (f *Fake) openForWriting(req *request, id string) (*secret, *apiError) {
	s, err := f.open(req, id, nil)
	switch {
	case err != nil:
		return nil, err
	case req.region != Region:
		return nil, invalidRequest("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	case !s.deleted.IsZero():
		return nil, markedForDeletion()
	}
	return s, nil
}

// change keeps the present state for reads that lag, and stamps the new one.
// Every write calls it once, before it changes anything.
func (f *Fake) change(req *request, s *secret) {
	now := f.now()
	s.history = append(s.history, snapshot{until: now, state: s.clone()})
	if len(s.history) > 32 {
		s.history = slices.Delete(s.history, 0, len(s.history)-32)
	}
	s.changed = now.Truncate(time.Millisecond)
	if req != nil {
		req.written = true
	}
}

// asRead is the state that a read is answered from: the newest, an older one
// for a share of reads, and for a replica what had arrived there.
func (f *Fake) asRead(req *request, s *secret) *secret {
	if lag := f.faults.replicaLag; lag > 0 && req.region != Region {
		then := f.now().Add(-lag)
		for _, h := range s.history {
			if h.until.After(then) {
				req.call.Stale = true
				return h.state
			}
		}
	}
	if len(s.history) > 0 && f.random.Float64() < f.faults.stale {
		req.call.Stale = true
		back := 1 + f.random.IntN(min(3, len(s.history)))
		return s.history[len(s.history)-back].state
	}
	return s
}

// seconds is how this API writes a moment: seconds with milliseconds.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
