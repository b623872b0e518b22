package broadcaster

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is the answer to a refused request (RFC 9457). All texts are fixed.
type problem struct {
	status     int
	code       string // stable, for programs
	detail     string // for people: what is wrong and what to do
	retryAfter time.Duration
}

var (
	problemOrigin      = &problem{http.StatusForbidden, "origin_refused", "pages of this origin may not connect: name it in origins", 0}
	problemNoUpgrade   = &problem{http.StatusUpgradeRequired, "upgrade_required", "this address speaks WebSocket, and server-sent events to whoever sends Accept: text/event-stream", 0}
	problemSubprotocol = &problem{http.StatusBadRequest, "subprotocol_unsupported", "none of the offered subprotocols is known: offer " + Subprotocol, 0}
	problemHandshake   = &problem{http.StatusBadRequest, "handshake_invalid", "the request is not a WebSocket handshake of version 13", 0}
	problemMethod      = &problem{http.StatusMethodNotAllowed, "method_not_allowed", "use GET", 0}
	problemStopping    = &problem{http.StatusServiceUnavailable, "stopping", "this server takes no new connections: it is about to stop", 5 * time.Second}
	problemFull        = &problem{http.StatusServiceUnavailable, "connections_exhausted", "this server has as many connections as it may have", 10 * time.Second}
	problemRate        = &problem{http.StatusServiceUnavailable, "upgrades_exhausted", "too many connections are being made: come again", time.Second}
	problemAddress     = &problem{http.StatusTooManyRequests, "address_exhausted", "there are too many connections from this address", 10 * time.Second}
	problemRing        = &problem{http.StatusNotFound, "ring_unknown", "no such ring: name one with ?ring=", 0}
	problemNoState     = &problem{http.StatusServiceUnavailable, "unavailable", "the ring's state is not known yet", time.Second}
)

func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(p.status), p.status, p.detail, p.code})
	if err != nil {
		panic("broadcaster: encode problem: " + err.Error()) // strings and a number always encode
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	w.WriteHeader(p.status)
	w.Write(body) // whoever has gone needs no answer
}
