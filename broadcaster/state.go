package broadcaster

import (
	"fmt"
	"net/http"
	"strings"
)

// StateHandler serves GET /v1/state?ring=NAME: the ring's state frame as it
// would be pushed now. Like a JWKS it holds nothing secret and needs no token.
// The ETag names rev and liveness, not the durations; If-None-Match is
// answered with 304. Pages of the configured origins may read it.
func (h *Hub) StateHandler() http.Handler { return http.HandlerFunc(h.serveState) }

func (h *Hub) serveState(w http.ResponseWriter, r *http.Request) {
	if h.origins.share(w, r) {
		w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problemMethod.write(w)
		return
	}
	rg := h.ring(r.URL.Query().Get("ring"))
	if rg == h.nowhere {
		problemRing.write(w)
		return
	}
	f := rg.fresh()
	if f == nil {
		problemNoState.write(w)
		return
	}
	live := 0
	if f.live {
		live = 1
	}
	etag := fmt.Sprintf(`W/"%d-%d"`, f.rev, live) // weak: the durations differ
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache")
	if matches(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text(f.data)) // whoever has gone needs no answer
}

// matches compares weakly, as If-None-Match wants (RFC 9110 §13.1.2).
func matches(headers []string, etag string) bool {
	bare := strings.TrimPrefix(etag, "W/")
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == bare {
				return true
			}
		}
	}
	return false
}
