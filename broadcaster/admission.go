package broadcaster

import (
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Defaults of Limits.
const (
	defaultUpgradesPerSecond = 5000
	defaultPerAddress        = 4000
	defaultUnauthenticated   = 200

	// reservedFiles are left for everything that is no connection of a client:
	// the log, NATS, metrics and whoever has to look why it is full.
	reservedFiles = 1000

	warnEvery = time.Minute // the same warning
)

// admission decides who may connect.
type admission struct {
	limits  Limits
	rate    *rate.Limiter // nil: off
	most    int           // connections; < 0: off
	trusted []netip.Prefix
	log     *zap.Logger
	warn    *rate.Limiter
}

func newAdmission(c Config) (*admission, *addresses) {
	l := c.Limits
	setDefault(&l.UpgradesPerSecond, defaultUpgradesPerSecond)
	setDefault(&l.PerAddress, defaultPerAddress)
	setDefault(&l.UnauthenticatedPerAddress, defaultUnauthenticated)
	setDefault(&l.Connections, openFiles())
	a := &admission{limits: l, most: l.Connections, trusted: c.TrustedProxies, log: c.Logger, warn: rate.NewLimiter(rate.Every(warnEvery), 1)}
	if l.UpgradesPerSecond > 0 {
		a.rate = rate.NewLimiter(rate.Limit(l.UpgradesPerSecond), l.UpgradesPerSecond)
	}
	return a, &addresses{perAddress: l.PerAddress, unauthenticated: l.UnauthenticatedPerAddress, by: make(map[netip.Addr]*address)}
}

func setDefault(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

// client returns the address whose limits a request counts against; invalid: none.
//
// Where no proxy is named at all and a forwarding header comes, all clients may
// stand behind one address: the limits per address are off for them, and the
// log says so. Where some are named, a header from another peer proves nothing,
// or anybody could escape the limits by sending one: its own address counts.
func (a *admission) client(r *http.Request) (client netip.Addr, exempt bool) {
	client, unnamed := clientAddress(r, a.trusted)
	if unnamed && a.warn.Allow() {
		a.log.Warn("forwarding headers from a peer that trustedProxies does not name: name it, or its clients share one address",
			zap.Stringer("peer", client), zap.Bool("address_limits_off", len(a.trusted) == 0))
	}
	if a.limits.ExemptLoopback && client.IsLoopback() {
		return netip.Addr{}, true
	}
	if unnamed && len(a.trusted) == 0 {
		return netip.Addr{}, false
	}
	return client, false
}

// connectionsFor leaves reservedFiles and a twentieth of the rest, or half
// where there are few.
func connectionsFor(files int) int {
	return max((files-reservedFiles)*95/100, files/2)
}
