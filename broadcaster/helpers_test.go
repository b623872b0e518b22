package broadcaster

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		serveChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeVerifier takes tokens written KEY.SUBJECT.SECONDS, which verify under
// KEY and expire in so many seconds after the verifier was made. A key can be
// unknown until it is added.
type fakeVerifier struct {
	begin time.Time

	mu      sync.Mutex
	keys    map[string]auth.Stage
	until   map[string]time.Time
	added   chan struct{} // closed and replaced when a key is added
	waiting int           // calls that wait for a key now
	down    bool
}

func newVerifier(keys ...string) *fakeVerifier {
	v := &fakeVerifier{begin: time.Now(), keys: map[string]auth.Stage{}, until: map[string]time.Time{}, added: make(chan struct{})}
	for _, k := range keys {
		v.keys[k] = auth.Current
	}
	return v
}

func (v *fakeVerifier) add(key string, stage auth.Stage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys[key] = stage
	close(v.added)
	v.added = make(chan struct{})
}

func (v *fakeVerifier) set(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
}

func (v *fakeVerifier) look(key string) (stage auth.Stage, until time.Time, known, down bool, added chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	stage, known = v.keys[key]
	return stage, v.until[key], known, v.down, v.added
}

func (v *fakeVerifier) VerifyStale(ctx context.Context, token string, grace time.Duration) (*auth.Token, error) {
	refuse := func(code string) (*auth.Token, error) {
		return nil, &auth.Error{Status: 401, Code: code, Description: "no"}
	}
	part := strings.Split(token, ".")
	if len(part) != 3 {
		return refuse(auth.CodeTokenMalformed)
	}
	seconds, err := strconv.Atoi(part[2])
	if err != nil {
		return refuse(auth.CodeTokenMalformed)
	}
	for {
		stage, until, known, down, added := v.look(part[0])
		if known {
			expiry := v.begin.Add(time.Duration(seconds) * time.Second)
			if time.Now().After(expiry.Add(grace)) {
				return refuse(auth.CodeTokenExpired)
			}
			return &auth.Token{
				Subject: part[1], Issuer: "https://issuer.test", Key: part[0], KID: "kid-" + part[0],
				Stage: stage, Expiry: expiry, VerifyUntil: until,
			}, nil
		}
		if down {
			return nil, errors.New("store is down")
		}
		v.set(func() { v.waiting++ })
		select {
		case <-ctx.Done():
			v.set(func() { v.waiting-- })
			if ctx.Err() == context.DeadlineExceeded {
				return refuse(auth.CodeKIDUnknown) // whoever was asked has said no
			}
			return refuse(auth.CodeUnavailable)
		case <-added:
			v.set(func() { v.waiting-- })
		}
	}
}

// state makes the state of ring payments at that rev: the first key is
// current, the others are as written, KEY:STAGE.
func state(rev int64, current string, others ...string) rotation.State {
	s := rotation.State{
		Ring: "payments", Rev: rev, Urgency: rotation.Planned,
		Refresh: rotation.Plan{AfterMs: 5000, WindowMs: 120000},
		Keys:    []rotation.Key{{Name: current, KID: "kid-" + current, Version: current, Stage: rotation.Current, Algorithm: "HS256", Since: time.UnixMilli(rev)}},
	}
	for _, o := range others {
		name, stage, _ := strings.Cut(o, ":")
		k := rotation.Key{Name: name, KID: "kid-" + name, Version: name, Stage: rotation.Stage(stage), Algorithm: "HS256"}
		if k.Stage == rotation.Retiring {
			k.VerifyUntil = time.UnixMilli(rev).Add(15 * time.Minute)
		}
		s.Keys = append(s.Keys, k)
	}
	return s
}

func nowRev() int64 { return time.Now().UnixMilli() }

// house is a running hub behind an HTTP server.
type house struct {
	*Hub
	t    testing.TB
	dial func(context.Context) (net.Conn, error)
	base string        // of URLs, without a slash
	wait time.Duration // how long clients wait for what must come
	real bool          // time is: while a slow machine works, beacons come between what a story tells of
	stop func()        // ends Run and waits for it; may be called twice
}

const testOrigin = "https://app.example.com"

func payments(v Verifier) Config {
	return Config{Rings: []Ring{{Name: "payments", Verify: v}}, Origins: []string{testOrigin}, Instance: "replica-1"}
}

// open serves a hub over loopback TCP, or through TLS.
func open(t testing.TB, c Config, useTLS ...bool) *house {
	t.Helper()
	hub, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(mux(hub))
	if len(useTLS) > 0 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	addr := srv.Listener.Addr().String()
	ho := run(t, hub, srv.URL)
	ho.real = true
	ho.dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	t.Cleanup(srv.Close)
	t.Cleanup(ho.stop)
	return ho
}

func mux(hub *Hub) http.Handler {
	m := http.NewServeMux()
	m.Handle("/v1/stream", hub.StreamHandler())
	m.Handle("/v1/state", hub.StateHandler())
	return m
}

func run(t testing.TB, hub *Hub, base string) *house {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx) }()
	ho := &house{Hub: hub, t: t, base: base, wait: patience}
	ho.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
	return ho
}

// pipeListener hands one end of an in-memory pipe to each Accept.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// openPipes serves a hub over in-memory pipes, which a synctest bubble can follow, or through TLS in them.
func openPipes(t testing.TB, c Config, useTLS ...bool) *house {
	t.Helper()
	hub, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	l := &pipeListener{make(chan net.Conn), make(chan struct{})}
	srv, base, serve := &http.Server{Handler: mux(hub)}, "http://hub.test", (*http.Server).Serve
	if len(useTLS) > 0 {
		named := httptest.NewTLSServer(nil)
		srv.TLSConfig = &tls.Config{Certificates: named.TLS.Certificates}
		named.Close()
		base, serve = "https://hub.test", func(srv *http.Server, l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	served := make(chan struct{})
	go func() { defer close(served); serve(srv, l) }()
	ho := run(t, hub, base)
	ho.wait = time.Hour // of the bubble's time
	ho.dial = func(ctx context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case l.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t.Cleanup(func() {
		ho.stop()
		close(l.done)
		srv.Close()
		<-served
	})
	return ho
}

// client is a WebSocket client of a story. A goroutine reads for it, so that
// pipes never block the hub unless the story wants that.
type client struct {
	t      testing.TB
	ho     *house
	wait   time.Duration
	ws     *websocket.Conn
	raw    net.Conn
	frames chan map[string]any
	closed chan *websocket.CloseError // receives once; code 1006 for a lost connection
	done   chan struct{}              // the reader has ended
	hangUp func()                     // of a stream of events

	rev     float64 // of the last state that was taken
	beacons int64   // that were passed over
}

type dialOption struct {
	header http.Header
	query  string
	deaf   bool // nobody reads
}

func (ho *house) try(o dialOption) (*websocket.Conn, net.Conn, *http.Response, error) {
	raw, err := ho.dial(context.Background())
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := url.Parse(strings.Replace(ho.base, "http", "ws", 1) + "/v1/stream" + o.query)
	if err != nil {
		return nil, nil, nil, err
	}
	d := websocket.Dialer{
		NetDialContext:   func(context.Context, string, string) (net.Conn, error) { return raw, nil },
		TLSClientConfig:  insecure(),
		Subprotocols:     []string{Subprotocol},
		HandshakeTimeout: 10 * time.Second,
	}
	if o.header == nil {
		o.header = http.Header{"Origin": {testOrigin}}
	}
	ws, resp, err := d.Dial(u.String(), o.header)
	if err != nil {
		raw.Close()
	}
	return ws, raw, resp, err
}

func (ho *house) connect(opts ...dialOption) *client {
	ho.t.Helper()
	var o dialOption
	if len(opts) > 0 {
		o = opts[0]
	}
	ws, raw, resp, err := ho.try(o)
	if err != nil {
		ho.t.Fatalf("connect: %v (%v)", err, resp)
	}
	c := &client{t: ho.t, ho: ho, wait: ho.wait, ws: ws, raw: raw, frames: make(chan map[string]any, 1024), closed: make(chan *websocket.CloseError, 1), done: make(chan struct{})}
	if o.deaf {
		close(c.done)
	} else {
		go c.read()
	}
	ho.t.Cleanup(func() { raw.Close(); <-c.done })
	return c
}

func (c *client) read() {
	defer close(c.done)
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			var ce *websocket.CloseError
			if !errors.As(err, &ce) {
				ce = &websocket.CloseError{Code: websocket.CloseAbnormalClosure, Text: err.Error()}
			}
			c.closed <- ce
			c.raw.Close()
			return
		}
		var f map[string]any
		if err := json.Unmarshal(data, &f); err != nil {
			f = map[string]any{"type": "unreadable", "error": err.Error()}
		}
		c.frames <- f
	}
}

// patience bounds waits for something that must come; no story waits for it to pass.
const patience = 30 * time.Second

// beacon reports whether a frame is a beacon that came between: where time is
// real, the state that was taken last, once for each time at which the wheel
// may have come to this client. Any more would be a state that is told twice.
func (c *client) beacon(f map[string]any) bool {
	if !c.ho.real || f["type"] != "state" {
		return false
	}
	if rev, ok := f["rev"].(float64); !ok || rev != c.rev {
		c.rev = rev
		return false
	}
	c.beacons++
	ticks, round := c.ho.clock()/tick.Milliseconds(), int64(c.ho.config.Beacon/tick)
	return c.beacons <= (ticks+round-1)/round
}

// next returns the next frame, which must be of that type.
func (c *client) next(kind string) map[string]any {
	c.t.Helper()
	timer := time.NewTimer(c.wait)
	defer timer.Stop()
	for {
		var f map[string]any
		select {
		case f = <-c.frames:
		case ce := <-c.closed:
			c.closed <- ce
			select {
			case f = <-c.frames:
			default:
				c.t.Fatalf("got close %d %q, want a frame of type %q", ce.Code, ce.Text, kind)
			}
		case <-timer.C:
			c.t.Fatalf("no frame in %s, want one of type %q", c.wait, kind)
		}
		if c.beacon(f) {
			continue
		}
		if f["type"] != kind {
			c.t.Fatalf("got frame %v, want one of type %q", f, kind)
		}
		return f
	}
}

// frame returns the next frame, of whatever type.
func (c *client) frame() map[string]any {
	c.t.Helper()
	timer := time.NewTimer(c.wait)
	defer timer.Stop()
	for {
		var f map[string]any
		select {
		case f = <-c.frames:
		case <-c.done:
			select {
			case f = <-c.frames:
			default:
				c.t.Fatal("no frame came")
			}
		case <-timer.C:
			c.t.Fatal("no frame came")
		}
		if !c.beacon(f) {
			return f
		}
	}
}

// end waits for the close frame and checks its code. Frames before it stay to be read.
func (c *client) end(code int) {
	c.t.Helper()
	timer := time.NewTimer(c.wait)
	defer timer.Stop()
	select {
	case ce := <-c.closed:
		if ce.Code != code {
			c.t.Fatalf("got close %d %q, want %d", ce.Code, ce.Text, code)
		}
		c.closed <- ce
	case <-timer.C:
		c.t.Fatalf("no close in %s, want %d", c.wait, code)
	}
}

// silent checks that no frame waits.
func (c *client) silent() {
	c.t.Helper()
	for {
		select {
		case f := <-c.frames:
			if !c.beacon(f) {
				c.t.Fatalf("got frame %v, want none", f)
			}
		default:
			return
		}
	}
}

func (c *client) send(frame string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatalf("send %s: %v", frame, err)
	}
}

func (c *client) auth(token string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`{"type":"auth","token":%q}`, token))
}

// enter authenticates and takes the welcome.
func (c *client) enter(token string) map[string]any {
	c.t.Helper()
	c.auth(token)
	return c.next("welcome")
}

// eventually polls until ok, for conditions that nothing signals.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not so after %s", what, patience)
		}
	}
}

func num(t testing.TB, f map[string]any, name string) int64 {
	t.Helper()
	n, ok := f[name].(float64)
	if !ok {
		t.Fatalf("%q of %v is not a number", name, f)
	}
	return int64(n)
}

// handshake speaks HTTP by hand, for requests that no client library sends.
func (ho *house) handshake(lines ...string) (net.Conn, *bufio.Reader, *http.Response) {
	ho.t.Helper()
	raw, err := ho.dial(context.Background())
	if err != nil {
		ho.t.Fatal(err)
	}
	ho.t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(patience))
	if _, err := raw.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		ho.t.Fatal(err)
	}
	br := bufio.NewReader(raw)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		ho.t.Fatal(err)
	}
	return raw, br, resp
}

func wsLines(extra ...string) []string {
	return append([]string{
		"GET /v1/stream HTTP/1.1", "Host: hub.test", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, extra...)
}
