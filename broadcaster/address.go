package broadcaster

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// addresses counts connections by client address.
type addresses struct {
	perAddress      int // < 0: off
	unauthenticated int // < 0: off

	mu sync.Mutex
	by map[netip.Addr]*address // client (IPv6: the first of its /64) → its connections
}

// address is shared by all connections of one client.
type address struct {
	client  netip.Addr
	total   int // guarded by addresses.mu
	waiting int // those not authenticated; guarded by addresses.mu
}

// enter counts a connection that still has to authenticate (asked) or need
// not. A nil address without refusal means that nothing is counted.
func (a *addresses) enter(client netip.Addr, asked bool) (counted *address, ok bool) {
	if !client.IsValid() || a.perAddress < 0 && a.unauthenticated < 0 {
		return nil, true
	}
	if client.Is6() {
		client = netip.PrefixFrom(client, 64).Masked().Addr() // one household or machine has that many
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.by[client]
	if e == nil {
		e = &address{client: client}
	}
	if a.perAddress >= 0 && e.total >= a.perAddress {
		return nil, false
	}
	if asked {
		if a.unauthenticated >= 0 && e.waiting >= a.unauthenticated {
			return nil, false
		}
		e.waiting++
	}
	e.total++
	a.by[client] = e
	return e, true
}

// authenticated notes that one of the connections has shown a good token.
func (a *addresses) authenticated(e *address) {
	if e == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e.waiting--
}

// leave forgets a connection; waiting says that it was asked for a token and
// never showed a good one.
func (a *addresses) leave(e *address, waiting bool) {
	if e == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if waiting {
		e.waiting--
	}
	if e.total--; e.total == 0 {
		delete(a.by, e.client)
	}
}

// clientAddress finds out who a request comes from. Peers named as trusted are
// believed about the one before them, from right to left. invalid: nobody can
// say; unnamed: a peer that nobody named sends forwarding headers.
func clientAddress(r *http.Request, trusted []netip.Prefix) (client netip.Addr, unnamed bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false // not a network peer
	}
	client = peer.Addr().Unmap().WithZone("")
	forwarded := r.Header.Values("X-Forwarded-For")
	if !isTrusted(client, trusted) {
		return client, len(forwarded) > 0 || r.Header.Get("Forwarded") != "" || r.Header.Get("X-Real-Ip") != ""
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break // what stands to the left of it nobody trusted has written
		}
		if client = hop; !isTrusted(client, trusted) {
			break
		}
	}
	return client, false
}

// maxHops bounds the proxies that are followed in one header.
const maxHops = 32

// parseHop reads an entry of X-Forwarded-For, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
