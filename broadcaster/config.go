package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Verifier verifies tokens of one ring; *auth.Keyring is one.
type Verifier interface {
	// VerifyStale verifies a token that may have expired less than grace ago.
	// It must be safe for concurrent use. Its error is an *auth.Error; any
	// other means that the verifier could not answer now. Where it has to wait
	// for others it heeds ctx, and says auth.CodeUnavailable if ctx ended before
	// it knew; where it need not wait it answers even when ctx has ended. The
	// hub asks so first, and only then with time to wait, so that tokens with
	// forged kids hold no worker that a good token needs.
	VerifyStale(ctx context.Context, token string, grace time.Duration) (*auth.Token, error)
}

// Ring is one ring that a [Hub] speaks about.
type Ring struct {
	Name   string   // as rotation.CheckRing wants it
	Verify Verifier // nil: public, anybody of a known origin may listen, and no token is asked for
	// Cookie is the name of the cookie in which browsers hold their token where
	// scripts must not read it: an auth frame without a token means the one that
	// came with the handshake. The list of origins guards it, so none is looked
	// at where a handshake has no Origin. Empty: no cookie is looked at.
	Cookie string
	// PerSecond is how many refreshes the issuer admits in a second: refreshes
	// after changed permissions are spread so. Zero: 200.
	PerSecond float64
}

// Limits bound what strangers can take. In each field zero means the default
// and a negative number switches the limit off.
type Limits struct {
	// UpgradesPerSecond admits that many new connections a second, with bursts
	// of one second's worth: it bounds the CPU that a storm takes. Zero: 5000.
	UpgradesPerSecond int
	// PerAddress bounds the connections of one client address (IPv6: of one
	// /64), so that one machine can't take them all. Zero: 4000.
	PerAddress int
	// UnauthenticatedPerAddress bounds those of them that have not shown a good
	// token yet. It does not hold for public rings. Zero: 200.
	UnauthenticatedPerAddress int
	// Connections bounds all connections of this process, so that the files it
	// may open suffice for everything else. Zero: 95 % of (RLIMIT_NOFILE − 1000).
	Connections int
	// ExemptLoopback frees loopback clients from UpgradesPerSecond and from the
	// limits per address.
	ExemptLoopback bool
}

// Config of a [Hub].
type Config struct {
	Rings []Ring // at least one, names unique
	// Origins are the origins, as browsers send them (scheme://host[:port]),
	// whose pages may connect. They are compared exactly. Requests without an
	// Origin header do not come from browsers and are admitted.
	Origins []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	Limits         Limits
	Beacon         time.Duration         // interval of beacons, whole seconds from 1 s to 5 min. Zero: 25 s
	Instance       string                // names this replica in census rows
	Logger         *zap.Logger           // nil: silent
	Registerer     prometheus.Registerer // nil: metrics are kept but not registered
}

const defaultPerSecond = 200

// Times of the protocol.
const (
	defaultBeacon = 25 * time.Second
	maxBeacon     = 5 * time.Minute

	tick         = time.Second      // of the wheel: deadlines are noticed up to so late
	staleGrace   = 60 * time.Second // an expired token is welcome, as stale, for less than this
	authDeadline = 10 * time.Second // from the upgrade to the arrival of the first auth frame
	lookDeadline = 5 * time.Second  // how long a verifier may look for an unknown kid
	writeLimit   = 2 * time.Second  // a connection that can't be written for so long is closed
	lingerLimit  = 2 * time.Second  // from our close frame to the end of the connection
	readLimit    = 5 * time.Second  // from the first byte of a message's body to its last one
)

func (c *Config) check() error {
	if len(c.Rings) == 0 {
		return errors.New("configure hub: no rings: name at least one")
	}
	seen := make(map[string]bool, len(c.Rings))
	for _, r := range c.Rings {
		if err := rotation.CheckRing(r.Name); err != nil {
			return fmt.Errorf("configure hub: %w", err)
		}
		if seen[r.Name] {
			return fmt.Errorf("configure hub: ring %q is named twice", r.Name)
		}
		seen[r.Name] = true
	}
	if c.Beacon == 0 {
		c.Beacon = defaultBeacon
	}
	if c.Beacon < time.Second || c.Beacon > maxBeacon || c.Beacon%time.Second != 0 {
		return fmt.Errorf("configure hub: beacon of %s: want whole seconds from 1s to %s", c.Beacon, maxBeacon)
	}
	for _, p := range c.TrustedProxies {
		if !p.IsValid() {
			return errors.New("configure hub: a trusted proxy is not a network: want a form like 10.0.0.0/8")
		}
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return nil
}
