package signin

import (
	"net/http"
	"testing"
)

// BenchmarkRefresh is one session's refresh on an embedded server that syncs
// each write: what one issuer can do, and so the most that a rate may be set to.
func BenchmarkRefresh(b *testing.B) {
	s := newStand(b)
	r := s.replica(func(c *Config) { c.PerSecond = 1_000_000 })
	cookie := r.login("alice", "user").cookie
	for b.Loop() {
		got := r.refresh(cookie)
		if got.status != http.StatusOK {
			b.Fatal(got.body)
		}
		cookie = got.cookie
	}
}
