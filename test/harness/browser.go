package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Browser does towards the server what the page script does: it holds a
// session cookie and a token, follows the stream, refreshes once in its slot
// when the key that verified its token is not the current one, and recovers a
// refused call by one refresh and one replay. Its methods may be called
// concurrently.
type Browser struct {
	base string // http://host:port
	http *http.Client

	// Unplugged keeps it off the stream's advice: it connects, but only a
	// refused call makes it refresh.
	Unplugged bool

	// Mint makes its tokens where an issuer of the app's own signs; nil: keyturn
	// signs, and a session is needed.
	Mint func(context.Context) (string, error)

	refreshing sync.Mutex // one refresh at a time

	mu     sync.Mutex
	token  token
	count  Counts
	slots  map[int64]bool // rev → its slot was fixed
	asked  bool           // a refresh for changed claims is planned
	states []Frame
	conn   *websocket.Conn
	spread *rand.Rand
}

type token struct {
	Text       string `json:"access_token"`
	Key        string `json:"key"`
	KID        string `json:"kid"`
	generation int
}

// Counts is what a browser has seen so far.
type Counts struct {
	Calls     int // API calls made by the app
	Refused   int // 401 or 403 answers to them, before any recovery
	Recovered int // of these, the calls that succeeded on their replay
	Lost      int // calls whose caller saw the refusal
	Refreshes int // tokens received from the refresh endpoint
	Waited    int // 429 answers waited out
	Opened    int // sockets opened
	Closed    int // sockets lost
	Granted   int // claims frames: its permissions changed
}

// Frame is any frame of the server.
type Frame struct {
	Type    string `json:"type"`
	Ring    string `json:"ring"`
	Rev     int64  `json:"rev"`
	Key     string `json:"key"`
	KID     string `json:"kid"`
	Code    string `json:"code"`
	Stale   bool   `json:"stale"`
	Live    bool   `json:"live"`
	Urgency string `json:"urgency"`
	Refresh struct {
		AfterMs  int64 `json:"afterMs"`
		WindowMs int64 `json:"windowMs"`
	} `json:"refresh"`
	RetryAfterMs int64 `json:"retryAfterMs"`
	AfterMs      int64 `json:"afterMs"` // of claims
	WindowMs     int64 `json:"windowMs"`
	At           time.Time
}

// NewBrowser returns a browser without a session, for the server at base. The transport may be shared
// by many browsers.
func NewBrowser(base string, transport http.RoundTripper) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // can't happen without options
	}
	return &Browser{
		base:   base,
		http:   &http.Client{Jar: jar, Transport: transport},
		slots:  map[int64]bool{},
		spread: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
}

// SignIn starts a session and gets the first token.
func (b *Browser) SignIn(ctx context.Context, name string, roles ...string) error {
	if b.Mint != nil {
		return b.Refresh(ctx, b.held().generation)
	}
	body, err := json.Marshal(map[string]any{"sub": name, "roles": roles})
	if err != nil {
		return err
	}
	res, err := b.post(ctx, "/auth/login", string(body))
	if err != nil {
		return fmt.Errorf("sign in %s: %w", name, err)
	}
	drain(res)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("sign in %s: status %d", name, res.StatusCode)
	}
	return b.Refresh(ctx, b.held().generation)
}

// Refresh gets a new token unless somebody already replaced the one of that
// generation. A 429 is waited out, and a 503 as the client does: its session may
// have been renewed by an answer that never came, so it comes back when it is told to.
func (b *Browser) Refresh(ctx context.Context, generation int) error {
	b.refreshing.Lock()
	defer b.refreshing.Unlock()
	if b.Mint != nil {
		if b.held().generation != generation {
			return nil
		}
		text, err := b.Mint(ctx)
		if err != nil {
			return fmt.Errorf("mint: %w", err)
		}
		b.adopt(token{Text: text})
		return nil
	}
	for b.held().generation == generation {
		res, err := b.post(ctx, "/auth/refresh", "")
		if err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		switch res.StatusCode {
		case http.StatusOK:
			var fresh token
			err := json.NewDecoder(res.Body).Decode(&fresh)
			drain(res)
			if err != nil {
				return fmt.Errorf("refresh: answer: %w", err)
			}
			b.adopt(fresh)
		case http.StatusTooManyRequests:
			var problem struct {
				RetryAfterMs int64 `json:"retryAfterMs"`
			}
			err := json.NewDecoder(res.Body).Decode(&problem)
			drain(res)
			if err != nil || problem.RetryAfterMs <= 0 {
				return fmt.Errorf("refresh: 429 without retryAfterMs: %w", err)
			}
			b.mu.Lock()
			b.count.Waited++
			b.mu.Unlock()
			if !wait(ctx, time.Duration(problem.RetryAfterMs)*time.Millisecond) {
				return ctx.Err()
			}
		case http.StatusServiceUnavailable:
			drain(res)
			seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
			if err != nil {
				return fmt.Errorf("refresh: 503 that does not say when to come back: %w", err)
			}
			if !wait(ctx, time.Duration(seconds)*time.Second) {
				return ctx.Err()
			}
		default:
			text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
			drain(res)
			return fmt.Errorf("refresh: status %d: %s", res.StatusCode, text)
		}
	}
	return nil
}

func (b *Browser) adopt(fresh token) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh.generation = b.token.generation + 1
	b.token = fresh
	b.count.Refreshes++
	if b.conn != nil {
		b.sendLocked(map[string]string{"type": "auth", "token": fresh.Text})
	}
}

func (b *Browser) sendLocked(frame any) {
	// A lost socket shows itself to the reader, which reconnects.
	_ = b.conn.WriteJSON(frame)
}

// Call does one API call as the fetch wrapper would and returns the status
// that the app sees.
func (b *Browser) Call(ctx context.Context, path string) (int, error) {
	used := b.held()
	status, err := b.get(ctx, path, used)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	b.count.Calls++
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden
	if refused {
		b.count.Refused++
	}
	b.mu.Unlock()
	if !refused {
		return status, nil
	}
	if err := b.Refresh(ctx, used.generation); err != nil {
		return 0, err
	}
	status, err = b.get(ctx, path, b.held())
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if status == http.StatusOK {
		b.count.Recovered++
	} else {
		b.count.Lost++
	}
	return status, nil
}

func (b *Browser) get(ctx context.Context, path string, with token) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+with.Text)
	res, err := b.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer drain(res)
	return res.StatusCode, nil
}

func (b *Browser) post(ctx context.Context, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Origin", b.base)
	return b.http.Do(req)
}

// Follow stays on the stream of a ring until ctx ends, reconnecting with
// jitter, and returns the first error that is not a lost connection.
func (b *Browser) Follow(ctx context.Context, ring string) error {
	for ctx.Err() == nil {
		if err := b.connect(ctx, ring); err != nil && ctx.Err() == nil {
			var fatal *fatalError
			if errors.As(err, &fatal) {
				return fatal
			}
		}
		if !wait(ctx, time.Duration(b.u()*float64(time.Second))) {
			break
		}
	}
	return nil
}

type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func (b *Browser) connect(ctx context.Context, ring string) error {
	u, err := url.Parse(b.base)
	if err != nil {
		return &fatalError{err}
	}
	u.Scheme, u.Path, u.RawQuery = "ws", "/v1/stream", "ring="+url.QueryEscape(ring)
	dialer := websocket.Dialer{Subprotocols: []string{"keyturn.v1"}, HandshakeTimeout: 15 * time.Second, ReadBufferSize: 512, WriteBufferSize: 512}
	conn, res, err := dialer.DialContext(ctx, u.String(), http.Header{"Origin": {b.base}})
	if err != nil {
		return err
	}
	drain(res)
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	b.mu.Lock()
	b.conn = conn
	b.count.Opened++
	b.sendLocked(map[string]string{"type": "auth", "token": b.token.Text})
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.conn = nil
		b.count.Closed++
		b.mu.Unlock()
	}()

	var work sync.WaitGroup
	defer work.Wait()
	for {
		var frame Frame
		if err := conn.ReadJSON(&frame); err != nil {
			if websocket.IsCloseError(err, 4401) && ctx.Err() == nil {
				return b.Refresh(ctx, b.held().generation)
			}
			return err
		}
		frame.At = time.Now()
		b.mu.Lock()
		b.take(ctx, frame, &work)
		b.mu.Unlock()
	}
}

// take applies one frame. Called with mu held.
func (b *Browser) take(ctx context.Context, frame Frame, work *sync.WaitGroup) {
	switch frame.Type {
	case "welcome":
		b.token.Key, b.token.KID = frame.Key, frame.KID
	case "claims":
		b.count.Granted++
		if b.Unplugged || b.asked {
			return
		}
		b.asked = true
		work.Go(func() {
			ready := wait(ctx, b.slot(frame.AfterMs, frame.WindowMs))
			b.mu.Lock()
			generation := b.token.generation
			b.asked = false
			b.mu.Unlock()
			if ready {
				_ = b.Refresh(ctx, generation) // as below
			}
		})
	case "state":
		b.states = append(b.states, frame)
		if b.Unplugged || !frame.Live || b.slots[frame.Rev] || frame.Key == "" || b.token.Key == "" || b.token.Key == frame.Key {
			return
		}
		b.slots[frame.Rev] = true
		generation := b.token.generation
		slot := b.slotLocked(frame.Refresh.AfterMs, frame.Refresh.WindowMs)
		work.Go(func() {
			if wait(ctx, slot) {
				_ = b.Refresh(ctx, generation) // a refused refresh shows in the counts and in the next call
			}
		})
	}
}

// slot is this browser's own moment within a window.
func (b *Browser) slot(afterMs, windowMs int64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.slotLocked(afterMs, windowMs)
}

func (b *Browser) slotLocked(afterMs, windowMs int64) time.Duration {
	return time.Duration(float64(afterMs)+b.spread.Float64()*float64(windowMs)) * time.Millisecond
}

// Counts returns what it has seen so far.
func (b *Browser) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// States returns the state frames received so far, in order.
func (b *Browser) States() []Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Frame(nil), b.states...)
}

// Key returns the public name of the key that its token is under.
func (b *Browser) Key() string { return b.held().Key }

func (b *Browser) held() token {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.token
}

func (b *Browser) u() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spread.Float64()
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func drain(res *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
}
