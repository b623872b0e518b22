package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// listenNotify is a service manager: heard returns the next state sent to it.
func listenNotify(t *testing.T) (socket string, heard func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kt") // a socket's path is short by law
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return socket, func() string {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 256)
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("the service manager heard nothing: %v", err)
		}
		return string(b[:n])
	}
}

func TestTheWatchdogIsFedOnlyWhileThePartsAnswer(t *testing.T) {
	socket, heard := listenNotify(t)
	w := world{env: []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=30000", "WATCHDOG_PID=7"}}
	if n := newNotifier(w, 8); n.watchdog != 0 {
		t.Errorf("got a watchdog of %s for another process's wish", n.watchdog)
	}
	n := newNotifier(w, 7)
	ctx, cancel := contextOf(t)
	asked := 0
	done := make(chan error)
	go func() {
		done <- n.feed(ctx, func() bool {
			asked++
			if asked == 5 {
				cancel()
			}
			return asked == 3 // two times stuck, then alive, then stuck
		})
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := n.send("END"); err != nil {
		t.Fatal(err)
	}
	if got := []string{heard(), heard()}; got[0] != "WATCHDOG=1" || got[1] != "END" {
		t.Errorf("got %v, want one WATCHDOG=1", got)
	}
}

func TestReadyComesOnceAllIsThereAndGoesOnlyWithTheStop(t *testing.T) {
	h := newHealth("a", "b")
	mux := http.NewServeMux()
	h.register(mux)
	ready := func() int {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code
	}
	h.have("a")
	h.have("a")
	h.have("never asked for")
	if got := ready(); got != 503 || !slices.Equal(h.missing(), []string{"b"}) {
		t.Errorf("got %d waiting for %v, want 503 waiting for b", got, h.missing())
	}
	h.have("b")
	<-h.ready
	if got := ready(); got != 200 {
		t.Errorf("got %d, want 200", got)
	}
	h.stop()
	if got := ready(); got != 503 {
		t.Errorf("stopping: got %d, want 503", got)
	}
}

func TestLiveFailsOnlyWhenAPartIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHealth()
		stuck := make(chan struct{})
		ctx, cancel := contextOf(t)
		done := make(chan error)
		asked := 0
		go func() {
			done <- h.pulse(ctx, func() {
				if asked++; asked > 60 { // five minutes
					<-stuck
				}
			})
		}()
		<-time.After(5*time.Minute - time.Second)
		if !h.alive() {
			t.Error("not alive while all parts answer")
		}
		<-time.After(2 * stuckAfter)
		if h.alive() {
			t.Error("alive while a part does not answer")
		}
		cancel()
		close(stuck)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// pushes records what is asked of a watcher.
type pushes struct {
	mu   sync.Mutex
	err  error
	list []string
}

// all returns what was asked so far.
func (p *pushes) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

func (p *pushes) Extend(_ context.Context, key string, until time.Time) (rotation.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, fmt.Sprint(key, " ", until.Unix()))
	return rotation.State{}, p.err
}

func TestAKeyIsKeptForATokenThatOutlivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		state := rotation.State{Ring: "demo", Rev: 1, Keys: []rotation.Key{
			{Name: "new", Stage: rotation.Current},
			{Name: "old", Stage: rotation.Retiring, VerifyUntil: now.Add(10 * time.Minute)},
		}}
		p := &pushes{err: errors.New("nats is away")}
		o := newOutlives(p, zap.NewNop())
		ctx, cancel := contextOf(t)
		done := make(chan error)
		var mu sync.Mutex
		change := func(i int, k rotation.Key) {
			mu.Lock()
			defer mu.Unlock()
			state.Keys = slices.Clone(state.Keys)
			state.Keys[i] = k
		}
		go func() {
			done <- o.run(ctx, func() rotation.State {
				mu.Lock()
				defer mu.Unlock()
				return state
			})
		}()

		o.saw(ctx, "new", now.Add(time.Hour))
		o.saw(ctx, "old", now.Add(5*time.Minute))
		synctest.Wait()
		if got := p.all(); len(got) != 0 {
			t.Errorf("got %v for a current key and a short token, want nothing", got)
		}
		if len(o.alarms()) != 2 {
			t.Errorf("got alarms %v, want one a key", o.alarms())
		}
		o.saw(ctx, "old", now.Add(20*time.Minute))
		<-time.After(2*extendEvery + time.Second)
		want := fmt.Sprint("old ", now.Add(20*time.Minute+ringSkew).Unix())
		if got := p.all(); len(got) < 2 || got[0] != want {
			t.Errorf("got %v, want %s, again after its failure", got, want)
		}
		p.mu.Lock()
		p.err = nil
		p.mu.Unlock()
		change(1, rotation.Key{Name: "old", Stage: rotation.Retiring, VerifyUntil: now.Add(20*time.Minute + ringSkew)})
		<-time.After(2 * extendEvery)
		before := len(p.all())
		o.nudge()
		<-time.After(2 * extendEvery)
		if got := p.all(); len(got) != before {
			t.Errorf("got %v, want nothing more once it is kept", got[before:])
		}
		change(0, rotation.Key{Name: "new", Stage: rotation.Retiring, VerifyUntil: now.Add(10 * time.Minute)})
		o.nudge()
		<-time.After(2 * extendEvery)
		if want := fmt.Sprint("new ", now.Add(time.Hour+ringSkew).Unix()); p.all()[len(p.all())-1] != want {
			t.Errorf("got %v, want the key kept once it retires: %s", p.all(), want)
		}
		<-time.After(2 * time.Hour)
		o.nudge()
		<-time.After(2 * extendEvery)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(o.alarms()) != 0 || len(o.until) != 0 {
			t.Errorf("got %v remembered after all have expired", o.until)
		}
	})
}

func TestAKeyIsHeldNoLongerThanKeysMayBeForATokenWithoutEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)
	o := newOutlives(&pushes{}, zap.NewNop())
	o.saw(t.Context(), "old", now.AddDate(100, 0, 0))
	state := rotation.State{Ring: "demo", Rev: 1, Keys: []rotation.Key{{Name: "old", Stage: rotation.Retiring, VerifyUntil: now.Add(time.Hour)}}}
	until, ok := o.due(state, now)["old"]
	if !ok || until.After(now.Add(rotation.MaxHold)) || until.Before(now.Add(rotation.MaxHold-25*time.Hour)) {
		t.Fatalf("got %v, want nearly %s from now", until, rotation.MaxHold)
	}
	if _, _, err := rotation.Extend(state, "old", until, now); err != nil {
		t.Error(err)
	}
	state.Keys[0].VerifyUntil = until
	if again := o.due(state, now.Add(time.Hour)); len(again) != 0 {
		t.Errorf("got %v an hour later, want no event for it", again)
	}
}

func TestTheBoardKeepsTheLastStatesInOrder(t *testing.T) {
	b := newBoard([]RingConfig{{Name: "demo"}})
	_, more := b.After("demo", 0)
	b.put(rotation.State{Ring: "elsewhere", Rev: 9})
	for rev := range int64(100) {
		b.put(rotation.State{Ring: "demo", Rev: rev + 1})
		b.put(rotation.State{Ring: "demo", Rev: rev}) // older: dropped
	}
	<-more
	states, _ := b.After("demo", 90)
	if len(states) != 10 || states[0].Rev != 91 || states[9].Rev != 100 {
		t.Errorf("got %d states from %d", len(states), states[0].Rev)
	}
	if all, _ := b.After("demo", 0); len(all) != keepStates {
		t.Errorf("got %d remembered, want %d", len(all), keepStates)
	}
	b.setLive("demo", true)
	if s, live := b.last("demo"); s.Rev != 100 || !live {
		t.Errorf("got rev %d live %v", s.Rev, live)
	}
}

func TestNearWordsAreSlipsAndFarOnesAreNot(t *testing.T) {
	for word, want := range map[string]string{
		"secrit": "secret", "pol": "poll", "Poll": "poll", "tokenLifetmie": "tokenLifetime", "tokenlifetime": "tokenLifetime",
		"x": "", "": "", "perSecond": "", "ring": "",
	} {
		got, ok := nearest(word, []string{"name", "secret", "poll", "tokenLifetime"})
		if ok != (want != "") || (ok && got != want) {
			t.Errorf("%q: got %q %v, want %q", word, got, ok, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}, {"", "abc", 3}} {
		if got := editDistance(c.a, c.b); got != c.want || editDistance(c.b, c.a) != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestARenewedCertificateIsServedAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	c := ServerTLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if _, err := loadCertificate(c); err == nil {
		t.Error("got no error without files")
	}
	writePair(t, c, 1, time.Now().Add(-time.Hour))
	k, err := loadCertificate(c)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		k.looked = time.Time{} // as if the pause had passed
		pair, err := k.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("got certificate %d, want 1", got)
	}
	writePair(t, c, 2, time.Now().Add(-time.Minute))
	if got := serial(); got != 2 {
		t.Errorf("got certificate %d after its renewal, want 2", got)
	}
	if err := os.WriteFile(c.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("got certificate %d while a file is being written, want 2", got)
	}
}

func writePair(t *testing.T, c ServerTLS, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{c.Cert: {Type: "CERTIFICATE", Bytes: cert}, c.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnActorThatPanicsEndsTheProcessWithItsName(t *testing.T) {
	a := newActors()
	x := a.start("hub", func(context.Context) error { panic("boom") })
	<-x.done
	if err := <-a.failed; err == nil || len(err.Error()) < len("hub: panic: boom") || err.Error()[:16] != "hub: panic: boom" {
		t.Errorf("got %v", err)
	}
	y := a.start("feed", func(ctx context.Context) error { <-ctx.Done(); return errors.New("cut") })
	stop(t.Context(), y, nil)
	select {
	case err := <-a.failed:
		t.Errorf("an error after the stop: got %v, want none", err)
	default:
	}
}

func TestOnlyLoopbackAddressesAreForDev(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:0": true, "[::1]:8080": true, "127.9.9.9:1": true,
		":8080": false, "0.0.0.0:8080": false, "192.168.1.2:80": false, "example.com:80": false, "127.0.0.1": false, "localhost.example.com:1": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
}
