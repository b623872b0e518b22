package main

import (
	"context"
	"fmt"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// overview tells those who are signed in how the ring that signs is set up.
func (p *process) overview(ctx context.Context) (signin.Overview, error) {
	r := p.rings[p.config.Auth.Ring]
	keys := r.keys.Load()
	state := keys.State()
	out := signin.Overview{Ring: r.config.Name, Pending: []string{}, Retiring: []string{}, Locked: append([]string{}, p.config.Broadcast.Lock...), Version: buildInfo().Version}
	for _, k := range state.Keys {
		switch k.Stage {
		case rotation.Current:
			out.KID = k.KID
		case rotation.Pending:
			out.Pending = append(out.Pending, k.KID)
		case rotation.Retiring:
			out.Retiring = append(out.Retiring, k.KID)
		}
	}
	for _, held := range keys.Keyring().Set().Held {
		if held.Stage == auth.Current {
			out.Strong = held.Key.Weak() == ""
		}
	}
	verdicts, err := agreement(ctx, p.spine.rows, r)
	if err != nil {
		return signin.Overview{}, err
	}
	out.Verifiers.Reporting = len(verdicts)
	for _, v := range verdicts {
		if v.Verifies {
			out.Verifiers.Agreeing++
		}
	}
	out.Match = out.Verifiers.Reporting > 0 && out.Verifiers.Agreeing == out.Verifiers.Reporting
	return out, nil
}

// verifierRows lists who reports to verify for a ring.
type verifierRows interface {
	Verifiers(ctx context.Context, ring string) ([]rotation.VerifierRow, error)
}

// agreement asks all verifiers of a ring whether they verify what is signed
// here. The ring has keys.
func agreement(ctx context.Context, rows verifierRows, r *ring) ([]natskeys.Verdict, error) {
	reported, err := rows.Verifiers(ctx, r.config.Name)
	if err != nil {
		return nil, fmt.Errorf("verifiers of ring %s: %w", r.config.Name, err)
	}
	instances := make([]string, len(reported))
	for i, row := range reported {
		instances[i] = row.Instance
	}
	return r.keys.Load().Agreement(ctx, instances)
}
