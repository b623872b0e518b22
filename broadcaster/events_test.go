package broadcaster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// request asks for events as a page of testOrigin, with these header lines besides.
func (ho *house) request(query string, lines ...string) *http.Request {
	ho.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ho.base+"/v1/stream"+query, nil)
	if err != nil {
		ho.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Origin", testOrigin)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Add(name, value)
	}
	return req
}

// dialer is a client of the house that makes a connection a request.
func (ho *house) dialer() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return ho.dial(ctx) },
		TLSClientConfig:   insecure(),
		DisableKeepAlives: true,
	}}
}

// listen takes events as a page of testOrigin, with these header lines besides.
func (ho *house) listen(query string, lines ...string) *client {
	ho.t.Helper()
	return ho.hear(ho.dialer(), ho.request(query, lines...))
}

// hear reads the events that answer a request. Each is a frame of its client; an event "close" is its close frame.
func (ho *house) hear(by *http.Client, req *http.Request) *client {
	ho.t.Helper()
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := by.Do(req.WithContext(ctx))
	if err != nil {
		cancel()
		ho.t.Fatalf("ask for events: %v", err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		cancel()
		body, _ := io.ReadAll(resp.Body)
		ho.t.Fatalf("got %d %s %s, want events", resp.StatusCode, got, body)
	}
	c := &client{t: ho.t, ho: ho, wait: ho.wait, frames: make(chan map[string]any, 1024), closed: make(chan *websocket.CloseError, 1), done: make(chan struct{}), hangUp: cancel}
	go func() {
		defer close(c.done)
		defer resp.Body.Close()
		c.closed <- c.events(resp.Body)
	}()
	ho.t.Cleanup(func() { cancel(); <-c.done; by.CloseIdleConnections() })
	return c
}

// events reads until the end, and returns how it came: the code of the event
// "close" where the stream ended in good order after it, else 1006.
func (c *client) events(body io.Reader) *websocket.CloseError {
	lost := &websocket.CloseError{Code: websocket.CloseAbnormalClosure}
	end := lost
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		var f map[string]any
		switch {
		case lines.Text() == "":
			continue
		case !ok || json.Unmarshal([]byte(data), &f) != nil:
			f = map[string]any{"type": "unreadable", "line": lines.Text()}
		case f["type"] == "close":
			end = &websocket.CloseError{Code: int(f["code"].(float64)), Text: f["reason"].(string)}
			continue
		}
		c.frames <- f
	}
	if lines.Err() != nil {
		lost.Text = lines.Err().Error()
		return lost
	}
	return end
}

const bearer = "Authorization: Bearer "

// ways are what events travel over.
var ways = map[string]func(*httptest.Server){
	"HTTP/1.1":          (*httptest.Server).Start,
	"TLS with HTTP/1.1": (*httptest.Server).StartTLS,
	"HTTP/2":            func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
}

// requestLimit is how long a request may take at the server of openBy, its TLS
// handshake included: ample for a slow machine, and over before a story is.
const requestLimit = 5 * time.Second

// openBy serves a hub by one of the ways, whose requests may take requestLimit.
func openBy(t *testing.T, start func(*httptest.Server), c Config) (*house, *http.Client) {
	hub, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(mux(hub))
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = requestLimit, requestLimit
	start(srv)
	ho := run(t, hub, srv.URL)
	t.Cleanup(srv.Close)
	t.Cleanup(ho.stop)
	return ho, srv.Client()
}

func TestFramesComeAsEventsByEveryWay(t *testing.T) {
	for name, start := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := payments(newVerifier("k1", "k2"))
			config.Beacon = writeLimit + tick
			ho, by := openBy(t, start, config)
			rev := nowRev()
			ho.Apply(state(rev, "k1"))
			c := ho.hear(by, ho.request("", bearer+"k1.alice.600"))
			if w := c.next("welcome"); w["key"] != "k1" || w["stale"] != false {
				t.Errorf("got %v", w)
			}
			if s := c.next("state"); num(t, s, "rev") != rev {
				t.Errorf("got %v", s)
			}
			ho.ClaimsChanged("payments", "alice")
			for f := c.frame(); f["type"] != "claims"; f = c.frame() {
			}
			ho.Apply(state(rev+1, "k2", "k1:retiring"))
			for f := c.next("state"); num(t, f, "rev") != rev+1; f = c.next("state") {
			}
			// Beacons come when all deadlines are over: those of what was sent before, and the request's own.
			for over := time.Now().Add(requestLimit).UnixMilli() - rev; num(t, c.next("state"), "sinceMs") <= over; {
			}
			fresh := ho.hear(by, ho.request("", bearer+"k2.alice.600"))
			fresh.next("welcome")
			c.hangUp()
			eventually(t, "the census has the one that moved", func() bool {
				row := ho.Census("payments")
				return row.Keys["k1"] == 0 && row.Keys["k2"] == 1
			})
			ho.stop()
			for fresh.end(closeServiceRestart); len(fresh.frames) > 0; {
				fresh.next("state")
			}
		})
	}
}

func TestWhatAStreamOfEventsPresentsIsJudgedAsAFrameIs(t *testing.T) {
	v := newVerifier("k1", "k0")
	v.keys["k0"] = auth.Retiring
	config := inCookie(v)
	config.Rings = append(config.Rings, Ring{Name: "open"}, Ring{Name: "reports", Verify: newVerifier("r1")})
	ho := open(t, config)
	ho.Apply(state(nowRev(), "k1", "k0:retiring"))
	atOpen := state(nowRev(), "o1")
	atOpen.Ring = "open"
	ho.Apply(atOpen)
	const payments, cookie = "?ring=payments", "Cookie: auth_token=k1.alice.600"
	for name, c := range map[string]struct {
		query string
		lines []string
		want  []string // types of frames; an error by its code
		close int      // 0: goes on
	}{
		"a token":                            {payments, []string{bearer + "k1.alice.600"}, []string{"welcome", "state"}, 0},
		"in other letters":                   {payments, []string{"Authorization: bEARER k1.alice.600"}, []string{"welcome", "state"}, 0},
		"one under a retiring key":           {payments, []string{bearer + "k0.alice.600"}, []string{"welcome", "state"}, 0},
		"an expired one":                     {payments, []string{bearer + "k1.alice.-3600"}, []string{auth.CodeTokenExpired}, closeUnauthorized},
		"none":                               {payments, nil, []string{auth.CodeTokenMissing}, closeUnauthorized},
		"none, for a ring without cookies":   {"?ring=reports", nil, []string{auth.CodeTokenMissing}, closeUnauthorized},
		"another scheme":                     {payments, []string{"Authorization: Basic YTpi"}, []string{auth.CodeTokenMissing}, closeUnauthorized},
		"no token":                           {payments, []string{bearer + "rubbish"}, []string{auth.CodeTokenMalformed}, closeUnauthorized},
		"two":                                {payments, []string{bearer + "k1.alice.600", bearer + "k1.mallory.600"}, []string{auth.CodeTokenMalformed}, closeUnauthorized},
		"longer than a frame":                {payments, []string{bearer + "k1." + strings.Repeat("a", maxMessage) + ".600"}, []string{auth.CodeTokenMalformed}, closeUnauthorized},
		"a cookie":                           {payments, []string{cookie}, []string{"welcome", "state"}, 0},
		"a cookie, by a page of our own":     {payments, []string{cookie, "Origin: ", "Sec-Fetch-Site: same-origin"}, []string{"welcome", "state"}, 0},
		"a cookie, by nobody knows whom":     {payments, []string{cookie, "Origin: "}, []string{auth.CodeTokenMissing}, closeUnauthorized},
		"a planted cookie":                   {payments, []string{cookie + "; auth_token=k1.mallory.600"}, []string{auth.CodeTokenMalformed}, closeUnauthorized},
		"a cookie and a token, which counts": {payments, []string{cookie, bearer + "rubbish"}, []string{auth.CodeTokenMalformed}, closeUnauthorized},
		"a cookie for a ring without":        {"?ring=reports", []string{cookie}, []string{auth.CodeTokenMissing}, closeUnauthorized},
		"nothing where nobody is asked":      {"?ring=open", nil, []string{"state"}, 0},
		"a token where nobody is asked":      {"?ring=open", []string{bearer + "rubbish"}, []string{"state"}, 0},
		"no ring":                            {"", []string{bearer + "k1.alice.600"}, nil, closeBadRequest},
		"an unknown ring":                    {"?ring=nowhere", []string{bearer + "k1.alice.600"}, nil, closeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ho.listen(c.query, c.lines...)
			for _, want := range c.want {
				f := l.frame()
				if code, ok := f["code"]; ok {
					f["type"] = code
				}
				if f["type"] != want {
					t.Fatalf("got %v, want %s", f, want)
				}
			}
			if c.close != 0 {
				l.end(c.close)
			}
			l.silent()
		})
	}
}

func TestEventsTellOfACompromisedKeyAndEnd(t *testing.T) {
	ho := open(t, payments(newVerifier("k1", "k2")))
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	c := ho.listen("", bearer+"k1.alice.600")
	c.next("welcome")
	c.next("state")
	next := state(rev+1, "k2")
	next.Urgency, next.Gone = rotation.Compromise, []rotation.Gone{{Key: "k1", Why: rotation.WhyCompromised}}
	ho.Apply(next)
	if e := c.next("error"); e["code"] != auth.CodeKeyRevoked {
		t.Errorf("got %v", e)
	}
	c.end(closeUnauthorized)
}

func TestEventsDoNotOutliveTheirToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.Apply(state(nowRev(), "k1"))
		c := ho.listen("", bearer+"k1.alice.100")
		c.next("welcome")
		for begin := time.Now(); ; {
			f := c.frame()
			if f["type"] == "state" {
				continue
			}
			if took := time.Since(begin); f["code"] != auth.CodeTokenExpired || took < 159*time.Second || took > 161*time.Second {
				t.Errorf("got %v after %s, want token_expired after 160 s", f, took)
			}
			break
		}
		c.end(closeUnauthorized)
	})
}

func TestDrainedEventsAreSentElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.Apply(state(nowRev(), "k1"))
		c := ho.listen("", bearer+"k1.alice.600")
		c.next("welcome")
		c.next("state")
		ho.Drain(t.Context(), 10*time.Second)
		if f := c.next("drain"); num(t, f, "withinMs") != 10_000 {
			t.Errorf("got %v", f)
		}
		c.end(closeServiceRestart)
		if n := ho.connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestALostStreamOfEventsLeavesTheCensus(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	c := ho.listen("", bearer+"k1.alice.600")
	c.next("welcome")
	c.hangUp()
	eventually(t, "nobody is left", func() bool { return ho.connections() == 0 })
}

// Some proxies pass no upgrade on, and nothing else is in the way.
func TestEventsComeThroughAProxyAtOnce(t *testing.T) {
	ho := open(t, payments(newVerifier("k1", "k2")))
	target, err := url.Parse(ho.base)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	rev := nowRev()
	ho.Apply(state(rev, "k1"))
	behind := *ho
	behind.base = proxy.URL
	behind.dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", proxy.Listener.Addr().String())
	}
	_, _, resp, err := behind.try(dialOption{})
	if err == nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Fatalf("a WebSocket came through: %v %v", resp, err)
	}
	c := behind.listen("", bearer+"k1.alice.600")
	c.next("welcome")
	c.next("state")
	ho.Apply(state(rev+1, "k2", "k1:retiring"))
	c.next("state")
}

func TestPagesOfListedOriginsMayReadEvents(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	for name, c := range map[string]struct {
		method string
		lines  []string
		status int
		shared bool
	}{
		"preflight":                     {http.MethodOptions, []string{"Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization"}, http.StatusNoContent, true},
		"preflight of a stranger":       {http.MethodOptions, []string{"Origin: ", "Origin: https://evil.example"}, http.StatusForbidden, false},
		"preflight of nobody":           {http.MethodOptions, []string{"Origin: "}, http.StatusMethodNotAllowed, false},
		"events":                        {http.MethodGet, []string{bearer + "k1.alice.600"}, http.StatusOK, true},
		"events for a stranger":         {http.MethodGet, []string{"Origin: ", "Origin: https://evil.example", bearer + "k1.alice.600"}, http.StatusForbidden, false},
		"events for a page of null":     {http.MethodGet, []string{"Origin: ", "Origin: null"}, http.StatusForbidden, false},
		"events for a page that hides":  {http.MethodGet, []string{"Origin: ", "Sec-Fetch-Site: cross-site"}, http.StatusForbidden, false},
		"events for one next door":      {http.MethodGet, []string{"Origin: ", "Sec-Fetch-Site: same-site"}, http.StatusForbidden, false},
		"events at the address bar":     {http.MethodGet, []string{"Origin: ", "Sec-Fetch-Site: none"}, http.StatusOK, false},
		"neither socket nor events":     {http.MethodGet, []string{"Accept: ", "Accept: */*"}, http.StatusUpgradeRequired, true},
		"something else":                {http.MethodPost, nil, http.StatusMethodNotAllowed, true},
		"a program":                     {http.MethodGet, []string{"Origin: ", bearer + "k1.alice.600"}, http.StatusOK, false},
		"events among other types":      {http.MethodGet, []string{"Accept: ", "Accept: text/html;q=0.5, Text/Event-Stream ; q=1"}, http.StatusOK, true},
		"a type that only begins alike": {http.MethodGet, []string{"Accept: ", "Accept: text/event-streams"}, http.StatusUpgradeRequired, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := ho.request("", c.lines...)
			req.Method = c.method
			by := ho.dialer()
			defer by.CloseIdleConnections()
			ctx, hangUp := context.WithTimeout(t.Context(), patience)
			defer hangUp()
			resp, err := by.Do(req.WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			h := resp.Header
			if resp.StatusCode != c.status {
				t.Errorf("got %s, want %d", resp.Status, c.status)
			}
			if shared := h.Get("Access-Control-Allow-Origin") == testOrigin && h.Get("Access-Control-Allow-Credentials") == "true"; shared != c.shared {
				t.Errorf("got %v, want shared: %v", h, c.shared)
			}
			if c.method == http.MethodOptions && c.shared && h.Get("Access-Control-Allow-Headers") != "Authorization" {
				t.Errorf("got %v, want Authorization allowed", h)
			}
			if c.status == http.StatusOK && (!strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("X-Accel-Buffering") != "no") {
				t.Errorf("got %v, want nothing stored and nothing held back", h)
			}
		})
	}
}

func TestStreamsOfEventsCountAgainstTheSameLimits(t *testing.T) {
	config := payments(newVerifier("k1"))
	config.Limits.PerAddress = 2
	registry := prometheus.NewRegistry()
	config.Registerer = registry
	ho := open(t, config)
	ho.listen("", bearer+"k1.alice.600").next("welcome")
	ho.connect().enter("k1.bob.600")
	by := ho.dialer()
	defer by.CloseIdleConnections()
	resp, err := by.Do(ho.request("", bearer+"k1.carol.600"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("got %s, want 429", resp.Status)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		if len(f.GetMetric()) == 1 {
			counted[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if counted["keyturn_hub_event_streams_total"] != 1 || counted["keyturn_hub_upgrades_total"] != 2 {
		t.Errorf("got %v, want one of two connections by events", counted)
	}
}

// Whatever the hub says, its events hold the same JSON in the same order.
func FuzzEventsHoldWhatTheFramesHold(f *testing.F) {
	f.Add("welcome", uint16(125), uint16(closeUnauthorized), "unauthorized")
	f.Add("state", uint16(126), uint16(closeServiceRestart), "service_restart")
	f.Add("", uint16(60_000), uint16(0), "")
	f.Add("", uint16(0), uint16(closeTooMany), "\x87\"\n")
	f.Fuzz(func(t *testing.T, text string, length, code uint16, reason string) {
		reason = reason[:min(len(reason), 100)] // RFC 6455 §5.5: a control frame is short
		first, err := textFrame(errorFrame{Type: text, Message: strings.Repeat("a", int(length))})
		if err != nil {
			return // too long for a frame, so it is none
		}
		frames := append(append(bytes.Clone(first), closeFrame(int(code), reason)...), pong...)
		var got []string
		events, last := asEvents(frames)
		if !last {
			t.Error("the close frame was not seen")
		}
		for event := range strings.SplitSeq(string(events), "\n\n") {
			if event != "" {
				got = append(got, strings.TrimPrefix(event, "data: "))
			}
		}
		if len(got) != 3 || got[0] != string(first[len(first)-len(got[0]):]) || got[2] != `{"type":"pong"}` {
			t.Fatalf("got %d events %.200q", len(got), got)
		}
		var end struct {
			Type, Reason string
			Code         uint16
		}
		if err := json.Unmarshal([]byte(got[1]), &end); err != nil || end.Type != "close" || end.Code != code {
			t.Fatalf("got %s, %v", got[1], err)
		}
	})
}
