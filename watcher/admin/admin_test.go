package admin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is a scripted daemon behind the API.
type daemon struct {
	mu       sync.Mutex
	rotated  int
	proceed  chan struct{} // a rotation's second step waits for it; nil: it does not
	fail     error
	more     chan struct{}
	list     []rotation.State
	lastMint []string
	told     []string // ring, subject
}

func (d *daemon) Names() []string { return []string{"demo", "other"} }
func (d *daemon) Ring(_ context.Context, name string) (Ring, error) {
	return Ring{Name: name, Store: "file", Live: true}, nil
}
func (d *daemon) Check(_ context.Context, name string) (Report, error) {
	return Report{Ring: name, Findings: []Finding{{Topic: "store", Level: LevelOK, Text: "fine"}}}, nil
}
func (d *daemon) Census(context.Context, string) ([]rotation.CensusRow, error) {
	return []rotation.CensusRow{
		{Rev: 2, Told: 3, Keys: map[string]int{"a": 1, "b": 2}, Waiting: 1},
		{Rev: 1, Told: 5, Keys: map[string]int{"a": 4}, Failed: 2},
	}, nil
}
func (d *daemon) Verifiers(context.Context, string) ([]rotation.VerifierRow, error) { return nil, nil }

func (d *daemon) After(_ string, rev int64) ([]rotation.State, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []rotation.State
	for _, s := range d.list {
		if s.Rev > rev {
			out = append(out, s)
		}
	}
	return out, d.more
}

func (d *daemon) push(s rotation.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, s)
	close(d.more)
	d.more = make(chan struct{})
}

func (d *daemon) Rotate(ctx context.Context, ring string, r RotateRequest, step func(Step)) (Result, error) {
	d.mu.Lock()
	d.rotated++
	d.mu.Unlock()
	step(Step{Name: "look", Detail: "key a is current"})
	if d.proceed != nil {
		select {
		case <-d.proceed:
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
	step(Step{Name: "promote", Detail: "key b is current"})
	if d.fail != nil {
		return Result{}, d.fail
	}
	return Result{Ring: ring, From: "a", To: "b", DryRun: r.DryRun}, nil
}

func (d *daemon) Mint(_ context.Context, _, subject string, roles []string, lifetime time.Duration) (Minted, error) {
	d.lastMint = append([]string{subject, lifetime.String()}, roles...)
	return Minted{Token: "minted-canary", Key: "b", KID: "b"}, nil
}

func (d *daemon) TellClaims(_ context.Context, ring, subject string) error {
	d.told = append(d.told, ring, subject)
	return d.fail
}

// tokens: name → text of a token with that name as its only right.
func tokens() (list []Token) {
	for _, right := range []string{View, Rotate, Compromise, Claims, Mint} {
		can := []string{View, right}
		if right == Mint {
			can = []string{Mint}
		}
		list = append(list, Token{Name: right, SHA256: sha256.Sum256([]byte("kta_" + right)), Can: can})
	}
	return list
}

func newTest(t *testing.T, d *daemon, list []Token) (*Server, *observer.ObservedLogs) {
	t.Helper()
	d.more = make(chan struct{})
	core, logs := observer.New(zap.DebugLevel)
	s := New(Config{Tokens: list, Rings: d, Rows: d, States: d, Rotator: d, Teller: d, Minter: d, Logger: zap.New(core)})
	t.Cleanup(s.Close)
	return s, logs
}

func request(method, path, token, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func ask(s http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder) Problem {
	t.Helper()
	var p Problem
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("got content type %q, want a problem document: %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Title == "" || p.Detail == "" || p.Type != "about:blank" {
		t.Errorf("got an incomplete problem %+v under status %d", p, w.Code)
	}
	return p
}

func TestWithoutTokensEverythingIsClosedAndSaysHowToOpenIt(t *testing.T) {
	s, _ := newTest(t, &daemon{}, nil)
	for _, path := range []string{"/v1/rings", "/v1/rings/demo/check", "/console/"} {
		w := ask(s, request("GET", path, "kta_view", ""))
		if p := problemIn(t, w); w.Code != 503 || !strings.Contains(p.Detail, "keyturn admin-token NAME") {
			t.Errorf("%s: got %d %s", path, w.Code, p.Detail)
		}
	}
}

func TestANewTokenMatchesItsHash(t *testing.T) {
	text, hash := NewToken()
	other, _ := NewToken()
	if hexOf(text) != hash || text == other || !strings.HasPrefix(text, "kta_") {
		t.Errorf("got hash %s for a token of %d characters", hash, len(text))
	}
}

func TestViewsAnswerWithStableMembers(t *testing.T) {
	s, _ := newTest(t, &daemon{}, tokens())
	for path, want := range map[string]string{
		"/v1/rings":                `{"rings":[{"name":"demo","store":"file"`,
		"/v1/rings/demo":           `"alarms":[]`,
		"/v1/rings/demo/census":    `"total":{"connections":7,"waiting":1,"told":3,"failed":2,"keys":{"a":5,"b":2}}`,
		"/v1/rings/demo/verifiers": `"rows":[]`,
		"/v1/rings/other/check":    `{"ring":"other","findings":[{"topic":"store","level":"ok","text":"fine"}]`,
	} {
		w := ask(s, request("GET", path, "kta_view", ""))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want … %s …", path, w.Code, w.Body, want)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", path)
		}
	}
}

func linesOf(t *testing.T, body io.Reader) (out []Line) {
	t.Helper()
	in := bufio.NewScanner(body)
	for in.Scan() {
		if len(in.Bytes()) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatalf("line %q: %v", in.Text(), err)
		}
		out = append(out, l)
	}
	return out
}

func TestARotationTellsEachStepAndTheResultLast(t *testing.T) {
	s, logs := newTest(t, &daemon{}, tokens())
	w := ask(s, request("POST", "/v1/rings/demo/rotations", "kta_rotate", "{}"))
	lines := linesOf(t, w.Body)
	if len(lines) != 3 || lines[0].Step == nil || lines[2].Result == nil || lines[2].Result.To != "b" {
		t.Errorf("got %+v", lines)
	}
	if got := w.Header().Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("got content type %s", got)
	}
	if n := logs.FilterMessage("rotation_done").FilterField(zap.String("who", "rotate")).Len(); n != 1 {
		t.Errorf("the log tells %d times who turned the key, want once", n)
	}
}

func TestADryRunNeedsNoMoreThanTheRightToLook(t *testing.T) {
	s, _ := newTest(t, &daemon{}, tokens())
	w := ask(s, request("POST", "/v1/rings/demo/rotations", "kta_view", `{"dryRun":true,"compromise":true}`))
	if lines := linesOf(t, w.Body); len(lines) != 3 || !lines[2].Result.DryRun {
		t.Errorf("got %d %+v", w.Code, lines)
	}
}

func TestAFailureIsTheLastLineAndKeepsItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"a plain error": {errors.New("write keys: disk full"), 500, "failed"},
		"a refusal":     {NewProblem(409, "rotation_refused", "the ring is degraded"), 409, "rotation_refused"},
	} {
		s, _ := newTest(t, &daemon{fail: c.err}, tokens())
		w := ask(s, request("POST", "/v1/rings/demo/rotations", "kta_rotate", "{}"))
		lines := linesOf(t, w.Body)
		last := lines[len(lines)-1].Problem
		if last == nil || last.Status != c.status || last.Code != c.code || last.Detail != c.err.Error() {
			t.Errorf("%s: got %+v", name, last)
		}
	}
}

func withID(r *http.Request, id string) *http.Request {
	r.Header.Set("Idempotency-Key", id)
	return r
}

func TestOneRotationARingAtATimeAndTheSameIdFollowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{proceed: make(chan struct{})}
		s, _ := newTest(t, d, tokens())
		answers := make(chan *httptest.ResponseRecorder, 2)
		turn := func(id, ring, body string) *http.Request {
			return withID(request("POST", "/v1/rings/"+ring+"/rotations", "kta_rotate", body), id)
		}
		go func() { answers <- ask(s, turn("one", "demo", "{}")) }()
		synctest.Wait()
		if p := problemIn(t, ask(s, turn("two", "demo", "{}"))); p.Status != 409 || p.Code != "rotation_running" {
			t.Errorf("a second rotation: got %d %s, want 409 rotation_running", p.Status, p.Code)
		}
		if p := problemIn(t, ask(s, turn("one", "demo", `{"verifierWaitMs":5}`))); p.Status != 422 {
			t.Errorf("another request under the same id: got %d %s, want 422", p.Status, p.Code)
		}
		var ring Ring
		if err := json.Unmarshal(ask(s, request("GET", "/v1/rings/demo", "kta_view", "")).Body.Bytes(), &ring); err != nil || !ring.Rotating {
			t.Errorf("got rotating %v, %v, want true", ring.Rotating, err)
		}
		go func() { answers <- ask(s, turn("one", "demo", "{}")) }()
		synctest.Wait()
		close(d.proceed)
		for range 2 {
			if lines := linesOf(t, (<-answers).Body); len(lines) != 3 || lines[2].Result == nil {
				t.Errorf("got %+v, want both callers to see all of it", lines)
			}
		}
		if lines := linesOf(t, ask(s, turn("one", "demo", "{}")).Body); len(lines) != 3 {
			t.Errorf("asked again after its end: got %+v, want it told again", lines)
		}
		if d.rotated != 1 {
			t.Errorf("got %d rotations, want 1", d.rotated)
		}
		if lines := linesOf(t, ask(s, turn("two", "demo", "{}")).Body); len(lines) != 3 || d.rotated != 2 {
			t.Errorf("the next rotation: got %+v", lines)
		}
	})
}

func TestACallerWhoHangsUpDoesNotStopTheRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{proceed: make(chan struct{})}
		s, logs := newTest(t, d, tokens())
		ctx, hangUp := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			ask(s, request("POST", "/v1/rings/demo/rotations", "kta_rotate", "{}").WithContext(ctx))
		}()
		synctest.Wait()
		hangUp()
		<-gone
		close(d.proceed)
		synctest.Wait()
		if logs.FilterMessage("rotation_done").Len() != 1 {
			t.Error("the rotation did not reach its end")
		}
	})
}

func TestClosingCancelsWhatRunsAndAdmitsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{proceed: make(chan struct{})}
		s, _ := newTest(t, d, tokens())
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- ask(s, request("POST", "/v1/rings/demo/rotations", "kta_rotate", "{}")) }()
		synctest.Wait()
		s.Close()
		if lines := linesOf(t, (<-answer).Body); lines[len(lines)-1].Problem == nil {
			t.Errorf("got %+v, want it to end with a problem", lines)
		}
		if p := problemIn(t, ask(s, request("POST", "/v1/rings/demo/rotations", "kta_rotate", "{}"))); p.Code != "stopping" {
			t.Errorf("got %s, want stopping", p.Code)
		}
	})
}

func TestStatesComeAsLinesTheNewestFirstThenEachOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{list: []rotation.State{{Ring: "demo", Rev: 1}, {Ring: "demo", Rev: 2}}}
		s, _ := newTest(t, d, tokens())
		ctx, leave := context.WithCancel(t.Context())
		w := &growing{header: http.Header{}}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			s.ServeHTTP(w, request("GET", "/v1/rings/demo/states", "kta_view", "").WithContext(ctx))
		}()
		synctest.Wait()
		d.push(rotation.State{Ring: "demo", Rev: 3})
		d.push(rotation.State{Ring: "demo", Rev: 4})
		synctest.Wait()
		<-time.After(keepAlive + time.Second) // virtual: the clock of the bubble jumps
		leave()
		<-gone
		var revs []int64
		blank := 0
		for line := range strings.Lines(w.text()) {
			if strings.TrimSpace(line) == "" {
				blank++
				continue
			}
			var st rotation.State
			if err := json.Unmarshal([]byte(line), &st); err != nil {
				t.Fatal(err)
			}
			revs = append(revs, st.Rev)
		}
		if len(revs) != 3 || revs[0] != 2 || revs[2] != 4 {
			t.Errorf("got revs %v, want 2, 3, 4", revs)
		}
		if blank == 0 {
			t.Error("an idle stream gave no sign of life")
		}
	})
}

func TestHangingUpEndsTheStreamsOfStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTest(t, &daemon{more: make(chan struct{})}, tokens())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			s.ServeHTTP(&growing{header: http.Header{}}, request("GET", "/v1/rings/demo/states", "kta_view", ""))
		}()
		synctest.Wait()
		s.HangUp()
		s.HangUp() // once more is harmless
		select {
		case <-gone:
		case <-time.After(time.Hour):
			t.Fatal("it goes on")
		}
	})
}

// growing is a response whose body may be read while it grows.
type growing struct {
	header http.Header
	mu     sync.Mutex
	body   bytes.Buffer
}

func (g *growing) Header() http.Header { return g.header }
func (g *growing) WriteHeader(int)     {}
func (g *growing) Flush()              {}
func (g *growing) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body.Write(p)
}
func (g *growing) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body.String()
}

func TestAMintedTokenIsInTheAnswerAndNowhereElse(t *testing.T) {
	d := &daemon{}
	s, logs := newTest(t, d, tokens())
	w := ask(s, request("POST", "/v1/rings/demo/tokens", "kta_mint", `{"subject":"alice@example.com","roles":["user"]}`))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "minted-canary") {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if got := strings.Join(d.lastMint, " "); got != "alice@example.com 15m0s user" {
		t.Errorf("got %s", got)
	}
	if logs.FilterMessage("token_minted").Len() != 1 {
		t.Error("the log does not say that a token was made")
	}
	for _, e := range logs.All() {
		text, err := json.Marshal(e.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "canary") || strings.Contains(string(text), "alice@") {
			t.Errorf("the log shows %s", text)
		}
	}
}
