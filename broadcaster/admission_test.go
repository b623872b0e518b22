package broadcaster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/test/covers"
)

// refusal is the status and code with which a connection attempt was refused; 101 if it was not.
func (ho *house) refusal(o dialOption) (status int, code string) {
	ho.t.Helper()
	ws, raw, resp, err := ho.try(o)
	if err == nil {
		ho.t.Cleanup(func() { raw.Close(); ws.Close() })
		return http.StatusSwitchingProtocols, ""
	}
	if resp == nil {
		ho.t.Fatal(err)
	}
	defer resp.Body.Close()
	var p struct{ Code string }
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		ho.t.Fatalf("the answer is no problem document: %v", err)
	}
	if resp.StatusCode != 403 && resp.Header.Get("Retry-After") == "" {
		ho.t.Errorf("%d %s says not when to come again", resp.StatusCode, p.Code)
	}
	return resp.StatusCode, p.Code
}

func TestOnlyPagesOfListedOriginsMayConnect(t *testing.T) {
	covers.IDs(t, "SEC-09")
	c := payments(nil)
	c.Origins = []string{"https://app.example.com", "HTTPS://Upper.Example.com:443", "http://localhost:3000", "http://plain.example:80"}
	ho := open(t, c)
	for origin, ok := range map[string]bool{
		"https://app.example.com":          true,
		"https://upper.example.com":        true,
		"http://localhost:3000":            true,
		"http://plain.example":             true,
		"":                                 false,
		"null":                             false,
		"https://app.example.com/":         false,
		"https://app.example.com:443":      false,
		"https://app.example.com:8443":     false,
		"http://app.example.com":           false,
		"https://APP.example.com":          false,
		"https://xapp.example.com":         false,
		"https://app.example.com.evil.net": false,
		"https://evil.net/app.example.com": false,
		"https://app.example.com@evil.net": false,
		"https://app.example.com evil":     false,
		"https://localhost:3000":           false,
		"http://localhost:30000":           false,
		"file://":                          false,
		"*":                                false,
	} {
		status, code := ho.refusal(dialOption{header: http.Header{"Origin": {origin}}})
		if (status == 101) != ok || !ok && (status != 403 || code != "origin_refused") {
			t.Errorf("origin %q: got %d %s, want allowed %v", origin, status, code, ok)
		}
	}
	if status, _ := ho.refusal(dialOption{header: http.Header{}}); status != 101 {
		t.Errorf("without Origin: got %d, want 101", status)
	}
}

func TestAListOfOriginsThatWouldLetStrangersInIsRefused(t *testing.T) {
	for _, o := range []string{"", "*", "null", "https://*.example.com", "example.com", "https://", "https://a.example/", "https://a.example/x",
		"https://a.example?x", "https://a.example#", "https://u@a.example", "//a.example", "https://a.example:", "mailto:a@b", "https://a b"} {
		c := payments(nil)
		c.Origins = []string{o}
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), "want scheme://host") {
			t.Errorf("origin %q: got %v, want an error that says what to write", o, err)
		}
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no rings":           func(c *Config) { c.Rings = nil },
		"bad ring name":      func(c *Config) { c.Rings[0].Name = "Payments" },
		"ring twice":         func(c *Config) { c.Rings = append(c.Rings, c.Rings[0]) },
		"beacon of 1.5 s":    func(c *Config) { c.Beacon = 1500e6 },
		"beacon of 1 h":      func(c *Config) { c.Beacon = 3600e9 },
		"invalid proxy":      func(c *Config) { c.TrustedProxies = []netip.Prefix{{}} },
		"negative beacon":    func(c *Config) { c.Beacon = -1e9 },
		"beacon below a sec": func(c *Config) { c.Beacon = 1e6 },
	} {
		c := payments(nil)
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "configure hub: ") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestAnAddressHasOnlySoManyConnections(t *testing.T) {
	covers.IDs(t, "SEC-09")
	c := payments(newVerifier("k1"))
	c.Limits = Limits{PerAddress: 5, UnauthenticatedPerAddress: 2}
	ho := open(t, c)
	for range 3 {
		ho.connect().enter("k1.alice.600")
	}
	first := ho.connect()
	ho.connect()
	if status, code := ho.refusal(dialOption{}); status != 429 || code != "address_exhausted" {
		t.Errorf("sixth connection: got %d %s, want 429", status, code)
	}
	first.raw.Close()
	eventually(t, "one has left", func() bool { return ho.connections() == 4 })
	next := ho.connect()
	next.enter("k1.alice.600")
	next.raw.Close()
	eventually(t, "one has left", func() bool { return ho.connections() == 4 })
	ho.connect()
	eventually(t, "five stand", func() bool { return ho.connections() == 5 })
}

func TestAnAddressHasOnlySoManyUnauthenticatedConnections(t *testing.T) {
	c := payments(newVerifier("k1"))
	c.Limits.UnauthenticatedPerAddress = 2
	ho := open(t, c)
	one := ho.connect()
	ho.connect()
	if status, _ := ho.refusal(dialOption{}); status != 429 {
		t.Errorf("third: got %d, want 429", status)
	}
	one.enter("k1.alice.600")
	one.enter("k1.alice.600") // is counted once
	ho.connect()
	if status, _ := ho.refusal(dialOption{}); status != 429 {
		t.Errorf("third again: got %d, want 429", status)
	}
}

func TestPublicRingsHaveNoUnauthenticatedLimit(t *testing.T) {
	c := payments(nil)
	c.Limits.UnauthenticatedPerAddress = 1
	ho := open(t, c)
	for range 5 {
		ho.connect()
	}
}

func TestTheProcessHasOnlySoManyConnections(t *testing.T) {
	c := payments(nil)
	c.Limits.Connections = 2
	ho := open(t, c)
	ho.connect()
	one := ho.connect()
	if status, code := ho.refusal(dialOption{}); status != 503 || code != "connections_exhausted" {
		t.Errorf("third: got %d %s, want 503", status, code)
	}
	one.raw.Close()
	eventually(t, "one has left", func() bool { return ho.connections() == 1 })
	ho.connect()
}

func TestUpgradesAreAdmittedAtARate(t *testing.T) {
	for _, exempt := range []bool{false, true} {
		c := payments(nil)
		c.Limits = Limits{UpgradesPerSecond: 1, ExemptLoopback: exempt}
		ho := open(t, c)
		begin := time.Now()
		ho.connect()
		refused := 0
		for range 5 {
			if status, code := ho.refusal(dialOption{}); status == 503 && code == "upgrades_exhausted" {
				refused++
			}
		}
		took := time.Since(begin) // each second of a slow machine admits one more
		if exempt && refused != 0 || !exempt && refused < 5-int(took/time.Second) {
			t.Errorf("loopback exempt %v: %d of 5 refused in %s", exempt, refused, took)
		}
	}
}

func TestLimitsPerAddressExemptLoopbackWhereAsked(t *testing.T) {
	c := payments(nil)
	c.Limits = Limits{PerAddress: 1, ExemptLoopback: true}
	ho := open(t, c)
	ho.connect()
	ho.connect()
	c.Limits = Limits{PerAddress: -1}
	ho = open(t, c)
	ho.connect()
	ho.connect()
}

func TestTheClientsAddressIsWhatTrustedPeersSay(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer, forwarded, client string
		unnamed                 bool
	}{
		{"203.0.113.9:1234", "", "203.0.113.9", false},
		{"203.0.113.9:1234", "198.51.100.1", "203.0.113.9", true},
		{"10.0.0.1:1", "", "10.0.0.1", false},
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1", false},
		{"10.0.0.1:1", "198.51.100.7, 198.51.100.1", "198.51.100.1", false},
		{"10.0.0.1:1", "198.51.100.7, 10.2.3.4", "198.51.100.7", false},
		{"10.0.0.1:1", "198.51.100.7, 10.2.3.4 , 10.9.9.9", "198.51.100.7", false},
		{"10.0.0.1:1", "10.2.3.4", "10.2.3.4", false},
		{"10.0.0.1:1", "198.51.100.7, junk", "10.0.0.1", false},
		{"10.0.0.1:1", "198.51.100.7, unknown, 10.2.3.4", "10.2.3.4", false},
		{"10.0.0.1:1", "198.51.100.7:443", "198.51.100.7", false},
		{"10.0.0.1:1", "[2001:db8::1]:443", "2001:db8::1", false},
		{"10.0.0.1:1", "[2001:db8::1]", "2001:db8::1", false},
		{"10.0.0.1:1", "2001:db8::1%eth0", "2001:db8::1", false},
		{"10.0.0.1:1", "::ffff:198.51.100.1", "198.51.100.1", false},
		{"[::ffff:10.0.0.1]:1", "198.51.100.1", "198.51.100.1", false},
		{"[fd00::1]:1", "198.51.100.1", "198.51.100.1", false},
		{"10.0.0.1:1", strings.Repeat("10.1.1.1,", 100) + "10.1.1.1", "10.1.1.1", false},
		{"pipe", "198.51.100.1", "invalid IP", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/stream", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		client, unnamed := clientAddress(r, trusted)
		if client.String() != c.client || unnamed != c.unnamed {
			t.Errorf("peer %s, forwarded %q: got %s, unnamed %v, want %s, %v", c.peer, c.forwarded, client, unnamed, c.client, c.unnamed)
		}
	}
}

func TestAnUnnamedProxySwitchesAddressLimitsOffWithAWarning(t *testing.T) {
	for _, named := range []bool{false, true} {
		core, logs := observer.New(zap.WarnLevel)
		c := payments(nil)
		c.Limits.PerAddress = 1
		c.Logger = zap.New(core)
		if named {
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}
		ho := open(t, c)
		proxied := dialOption{header: http.Header{"Origin": {testOrigin}, "X-Forwarded-For": {"198.51.100.1"}}}
		ho.connect(proxied)
		status, _ := ho.refusal(proxied)
		if want := map[bool]int{false: 101, true: 429}[named]; status != want {
			t.Errorf("proxies named %v: got %d, want %d", named, status, want)
		}
		if logs.Len() != 1 || logs.All()[0].ContextMap()["address_limits_off"] != !named {
			t.Errorf("proxies named %v: got warnings %v, want one", named, logs.All())
		}
	}
}

func TestAnIPv6HouseholdIsOneAddress(t *testing.T) {
	a := &addresses{perAddress: 1, unauthenticated: -1, by: map[netip.Addr]*address{}}
	one, ok := a.enter(netip.MustParseAddr("2001:db8:1:2::1"), true)
	if !ok {
		t.Fatal("the first is refused")
	}
	if _, ok := a.enter(netip.MustParseAddr("2001:db8:1:2:ffff::2"), true); ok {
		t.Error("the second of the same /64 is admitted")
	}
	if _, ok := a.enter(netip.MustParseAddr("2001:db8:1:3::1"), true); !ok {
		t.Error("another /64 is refused")
	}
	a.leave(one, true)
	if len(a.by) != 1 {
		t.Errorf("got %d addresses remembered, want 1", len(a.by))
	}
}

func TestFilesAreLeftForEverythingElse(t *testing.T) {
	for files, want := range map[int]int{256: 128, 1024: 512, 20000: 18050, 1048576: 995197} {
		if got := connectionsFor(files); got != want {
			t.Errorf("%d files: got %d connections, want %d", files, got, want)
		}
	}
}

// FuzzClientAddress: no header makes it panic, and a peer that nobody trusts
// is never taken for somebody else.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:1", "198.51.100.7, 10.2.3.4")
	f.Add("203.0.113.9:1", "[::1]:80")
	f.Add("", ",,,")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		client, _ := clientAddress(r, trusted)
		p, err := netip.ParseAddrPort(peer)
		if err != nil {
			if client.IsValid() {
				t.Errorf("peer %q: got %s, want nobody", peer, client)
			}
			return
		}
		if own := p.Addr().Unmap().WithZone(""); !isTrusted(own, trusted) && client != own {
			t.Errorf("peer %q, forwarded %q: got %s", peer, forwarded, client)
		}
	})
}

// FuzzOrigin: a configured origin that is accepted is one that a browser could
// send, and stays itself when it is read again.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example", "http://localhost:80", "HTTPS://A.example:443", "https://[::1]:8443", "null", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := canonicalOrigin(s)
		if err != nil {
			return
		}
		again, err := canonicalOrigin(o)
		if err != nil || again != o {
			t.Errorf("%q became %q, and that %q, %v", s, o, again, err)
		}
		if strings.ContainsAny(o, "*?#@, ") || strings.Count(o, "/") != 2 {
			t.Errorf("%q became %q", s, o)
		}
	})
}
