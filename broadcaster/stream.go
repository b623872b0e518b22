package broadcaster

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// readBuffer holds frame headers and small frames; longer messages are read
// past it into a lent buffer.
const readBuffer = 256

const handshakeLimit = 5 * time.Second

// upgrader is set up for connections that idle: small read buffers, write
// buffers from a pool (none is ever taken, the hub writes its own frames), and
// no compression, which would cost memory per connection.
func newUpgrader() *websocket.Upgrader {
	return &websocket.Upgrader{
		HandshakeTimeout: handshakeLimit,
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  readBuffer,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // checked before
		Error: func(w http.ResponseWriter, _ *http.Request, _ int, _ error) {
			problemHandshake.write(w)
		},
	}
}

// StreamHandler serves GET /v1/stream?ring=NAME, where browsers connect: by
// WebSocket, or where they accept text/event-stream, by server-sent events. The
// query may be left out when the hub has one ring; a missing or unknown ring
// is told by close code 4400, since scripts can't see HTTP answers to a
// handshake. Before the ring's first state is known connections are accepted
// and welcomed; the state follows.
//
// The handler returns as soon as the connection is upgraded, so that nothing
// of net/http stays behind. Events need it until they end, and cost the memory
// of a request: they are for those whose proxy leaves them nothing else.
func (h *Hub) StreamHandler() http.Handler { return http.HandlerFunc(h.stream) }

func (h *Hub) stream(w http.ResponseWriter, r *http.Request) {
	p := h.connect(w, r)
	if p == nil {
		return
	}
	h.metrics.refused.WithLabelValues(p.code).Inc()
	if p == problemNoUpgrade {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
	}
	p.write(w)
}

// connect admits a client by the way it asks for, or says why not before
// anything was answered.
func (h *Hub) connect(w http.ResponseWriter, r *http.Request) *problem {
	if !h.origins.allows(r) {
		return problemOrigin
	}
	shared := h.origins.share(w, r)
	if shared {
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	switch {
	case r.Method == http.MethodOptions && shared:
		allowToken(w)
		return nil
	case r.Method != http.MethodGet:
		return problemMethod
	case websocket.IsWebSocketUpgrade(r):
		return h.upgrade(w, r)
	case wantsEvents(r) && foreign(r):
		return problemOrigin
	case wantsEvents(r):
		return h.events(w, r)
	}
	return problemNoUpgrade
}

// allowToken answers the preflight of a page that brings its token along (Fetch §3.2.3).
func allowToken(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
	w.Header().Set("Access-Control-Allow-Headers", "Authorization")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// enter makes a session of a request, and takes its place.
func (h *Hub) enter(r *http.Request) (*session, *problem) {
	rg := h.ring(r.URL.Query().Get("ring"))
	client, exempt := h.admission.client(r)
	addr, ok := h.addresses.enter(client, rg.verify != nil)
	if !ok {
		return nil, problemAddress
	}
	if p := h.admit(exempt); p != nil {
		h.addresses.leave(addr, rg.verify != nil)
		return nil, p
	}
	return &session{ring: rg, address: addr, id: newID()}, nil
}

// discharge gives back the place of a session that never started.
func (h *Hub) discharge(s *session) {
	h.addresses.leave(s.address, s.ring.verify != nil)
	h.release()
}

func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request) *problem {
	if offered := websocket.Subprotocols(r); len(offered) > 0 && !slices.Contains(offered, Subprotocol) {
		return problemSubprotocol
	}
	s, p := h.enter(r)
	if p != nil {
		return p
	}
	s.handed = s.ring.handed(r)
	ws, err := h.upgrader.Upgrade(hijacker{w, s}, r, nil)
	if err != nil {
		h.discharge(s)
		var refused websocket.HandshakeError
		if !errors.As(err, &refused) || s.Conn == nil {
			h.metrics.refused.WithLabelValues(problemHandshake.code).Inc() // answered, or gone
		}
		return nil
	}
	ws.SetReadLimit(maxMessage)
	ws.SetCloseHandler(leaveOpen)
	h.start(s)
	go h.read(s, ws)
	return nil
}

// leaveOpen takes the place of the WebSocket library's own answer to close
// frames: sessions answer them.
func leaveOpen(int, string) error { return nil }

// hijacker puts a session between the WebSocket library and its connection.
type hijacker struct {
	http.ResponseWriter
	s *session
}

// Hijack implements http.Hijacker.
func (j hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(j.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	tune(c)
	j.s.Conn = c
	return j.s, rw, nil
}
