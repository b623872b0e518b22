package broadcaster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Clients that ask for events and read none.

func TestWhoDoesNotReadEventsIsGivenUpAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		ho.Apply(state(nowRev(), "k1"))
		raw, _, resp := ho.handshake("GET /v1/stream HTTP/1.1", "Host: hub.test", "Accept: text/event-stream", "Authorization: Bearer k1.mallory.600")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %s", resp.Status)
		}
		// A pipe holds nothing: the welcome waits for a reader.
		begin := time.Now()
		ho.listen("", bearer+"k1.alice.600").next("welcome")
		if took := time.Since(begin); took > 0 {
			t.Errorf("the reading one waited %s for the other", took)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := ho.connections(); n != 1 {
			t.Errorf("%d connections are left, want the reading one", n)
		}
		raw.Close()
	})
}

// The end of a response needs writing too: whoever takes the last event and no more holds nothing for long.
func TestWhoDoesNotReadTheEndOfEventsIsGivenUpAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")))
		raw, err := ho.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if _, err := io.WriteString(raw, "GET /v1/stream HTTP/1.1\r\nHost: hub.test\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReaderSize(raw, 16) // reads no further than it has to
		for line := ""; !strings.Contains(line, `"type":"close"`); {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * writeLimit)
		raw.SetReadDeadline(time.Now().Add(time.Second))
		if rest, err := io.ReadAll(in); err != nil || strings.Contains(string(rest), "0\r\n\r\n") {
			t.Errorf("got %q, %v after %s, want a connection that is closed", rest, err, 2*writeLimit)
		}
	})
}

// An HTTP/2 connection that is not read holds all its streams, and no deadline of theirs can be told to it. There
// are more of them here than goroutines that write for everybody.
func TestWhoReadsNothingOfManyStreamsHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ho := openPipes(t, payments(newVerifier("k1")), true)
		rev := nowRev()
		ho.Apply(state(rev, "k1"))
		deaf := make(chan struct{})
		for range 2 {
			by := &http.Client{Transport: &http.Transport{
				ForceAttemptHTTP2: true,
				TLSClientConfig:   insecure(),
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					c, err := ho.dial(ctx)
					d := &deafConn{Conn: c, deaf: deaf, closed: make(chan struct{})}
					t.Cleanup(func() { d.Close() })
					return d, err
				},
			}}
			for i := range maxLane/2 + 1 {
				resp, err := by.Do(ho.request("", fmt.Sprintf("%sk1.mallory%d.600", bearer, i)))
				if err != nil || resp.ProtoMajor != 2 {
					t.Fatalf("got %v, %v, want HTTP/2", resp, err)
				}
				t.Cleanup(func() { resp.Body.Close() })
			}
		}
		c := ho.connect()
		c.enter("k1.alice.600")
		synctest.Wait()
		close(deaf)
		ho.Apply(state(rev+1, "k1"))
		time.Sleep(writeLimit + time.Second)
		ho.Apply(state(rev+2, "k1"))
		synctest.Wait()
		for len(c.frames) > 0 {
			if f := c.frame(); f["type"] == "state" && num(t, f, "rev") == rev+2 {
				return
			}
		}
		t.Errorf("the newest state did not come; %d connections are left, want 1", ho.connections())
	})
}

// deafConn reads until it is deaf.
type deafConn struct {
	net.Conn
	deaf   <-chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (d *deafConn) Read(p []byte) (int, error) {
	select {
	case <-d.deaf:
		<-d.closed
		return 0, net.ErrClosed
	default:
		return d.Conn.Read(p)
	}
}

func (d *deafConn) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Conn.Close()
}
