package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sys/unix"
)

// swarmCommand tells a swarm what to do: exactly one of its members is set.
type swarmCommand struct {
	Connect *connectCommand `json:"connect,omitempty"`
	Arm     string          `json:"arm,omitempty"`   // watch for the first frame with this text on each connection
	Await   time.Duration   `json:"await,omitempty"` // wait until each has it, at most so long
}

type connectCommand struct {
	Address  string `json:"address"`
	Path     string `json:"path"`
	Conns    int    `json:"conns"`
	Parallel int    `json:"parallel"` // handshakes under way at a time
	Secret   []byte `json:"secret"`   // signs the clients' tokens; empty: they do not authenticate
	KID      string `json:"kid"`
}

type swarmAnswer struct {
	Error     string        `json:"error,omitempty"`
	Connected int           `json:"connected,omitempty"`
	Failed    int           `json:"failed,omitempty"`
	Took      time.Duration `json:"took,omitempty"` // from the first dial to the last welcome
	Got       int           `json:"got,omitempty"`
	LastNs    int64         `json:"last,omitempty"` // when the last one got it, Unix ns
	Size      int           `json:"size,omitempty"` // of the frame's payload
	Lost      int           `json:"lost,omitempty"` // connections closed by the server so far
}

// perAddress spreads clients over loopback addresses: one address has 28,000 ports, and some may be in use.
const perAddress = 2_500

// runSwarm is the child process of clients.
func runSwarm(ctx context.Context, in io.Reader, out io.Writer) error {
	s, err := newSwarm()
	if err != nil {
		return err
	}
	go s.loop()
	return serveCommands(ctx, in, out, func(c swarmCommand) any {
		switch {
		case c.Connect != nil:
			return s.connect(*c.Connect)
		case c.Arm != "":
			s.arm(c.Arm)
			return swarmAnswer{}
		}
		return s.await(c.Await)
	})
}

// swarm is thousands of clients that only read. One thread serves them all, so
// that they take as little of the machine from the server as can be.
type swarm struct {
	epoll int

	mu      sync.Mutex
	clients map[int32]*listener // by descriptor
	round   int
	needle  []byte
	got     int
	last    time.Time
	size    int
	lost    int
	all     chan struct{} // closed when every client has the needle
}

type listener struct {
	round   int    // of the last needle it got
	partial []byte // the beginning of a frame, rarely any
}

func newSwarm() (*swarm, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &swarm{epoll: fd, clients: map[int32]*listener{}, all: make(chan struct{})}, nil
}

func (s *swarm) connect(c connectCommand) swarmAnswer {
	tokens, err := mint(c)
	if err != nil {
		return swarmAnswer{Error: err.Error()}
	}
	var next, failed atomic.Int64
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	for range c.Parallel {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < c.Conns; i = int(next.Add(1)) - 1 {
				if err := s.open(c, i, tokens); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	a := swarmAnswer{Connected: c.Conns - int(failed.Load()), Failed: int(failed.Load()), Took: time.Since(begin)}
	if err := first.Load(); err != nil {
		a.Error = (*err).Error()
	}
	return a
}

// mint signs a token for each client before the clock runs.
func mint(c connectCommand) ([]string, error) {
	if len(c.Secret) == 0 {
		return nil, nil
	}
	now := time.Now()
	tokens := make([]string, c.Conns)
	for i := range tokens {
		t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "bench", "aud": "bench", "sub": fmt.Sprintf("client-%d", i), "iat": now.Unix(), "exp": now.Add(tokenLifetime).Unix(), "roles": []string{"user"},
		})
		t.Header["kid"] = c.KID
		signed, err := t.SignedString(c.Secret)
		if err != nil {
			return nil, err
		}
		tokens[i] = signed
	}
	return tokens, nil
}

// open connects, authenticates, waits for the welcome, and hands the socket over to the loop.
func (s *swarm) open(c connectCommand, i int, tokens []string) error {
	d := net.Dialer{Timeout: 15 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/perAddress))}, KeepAlive: -1}
	conn, err := d.Dial("tcp", c.Address)
	if err != nil {
		return err
	}
	defer conn.Close() // its duplicate stays open
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 4<<10)
	out := []byte(request(c.Address, c.Path))
	if _, err := conn.Write(out); err != nil {
		return err
	}
	status, err := skipHead(r)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix([]byte(status), []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("handshake: %s", status)
	}
	if tokens != nil {
		frame, err := json.Marshal(map[string]string{"type": "auth", "token": tokens[i]})
		if err != nil {
			return err
		}
		if _, err := conn.Write(appendFrame(nil, opText, frame, true)); err != nil {
			return err
		}
		if err := welcome(r); err != nil {
			return err
		}
	}
	left, err := r.Peek(r.Buffered())
	if err != nil {
		return err
	}
	return s.adopt(conn.(*net.TCPConn), left)
}

// welcome reads until the server has accepted the token.
func welcome(r *bufio.Reader) error {
	for {
		op, payload, err := readFrame(r)
		if err != nil {
			return fmt.Errorf("no welcome: %w", err)
		}
		var f struct{ Type, Code string }
		if op != opText || json.Unmarshal(payload, &f) != nil {
			return fmt.Errorf("no welcome but %q", payload)
		}
		switch f.Type {
		case "welcome":
			return nil
		case "error":
			return fmt.Errorf("no welcome but error %s", f.Code)
		}
	}
}

// adopt moves a socket from Go's poller to the loop's.
func (s *swarm) adopt(conn *net.TCPConn, left []byte) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	var dup error
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return err
	}
	if dup != nil {
		return dup
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[int32(fd)] = &listener{partial: bytes.Clone(left)}
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// loop reads whatever arrives, for ever.
func (s *swarm) loop() {
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "swarm: epoll:", err)
			return
		}
		s.mu.Lock()
		for _, e := range events[:n] {
			s.readLocked(e.Fd, buf)
		}
		s.mu.Unlock()
	}
}

func (s *swarm) readLocked(fd int32, buf []byte) {
	c := s.clients[fd]
	n, err := unix.Read(int(fd), buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if c == nil || err != nil || n <= 0 {
		s.closeLocked(fd)
		return
	}
	b := buf[:n]
	if len(c.partial) > 0 {
		b = append(c.partial, b...)
		c.partial = nil
	}
	for {
		op, payload, rest, err := cutFrame(b)
		if err != nil || op == opEnd {
			s.closeLocked(fd)
			return
		}
		if op == 0 {
			break
		}
		b = rest
		if op == opPing {
			// A pong that does not fit is answered by the server's next ping.
			_, _ = unix.Write(int(fd), appendFrame(nil, opPong, payload, true))
			continue
		}
		if c.round != s.round && len(s.needle) > 0 && bytes.Contains(payload, s.needle) {
			c.round = s.round
			s.got++
			s.size = len(payload)
			if s.got == len(s.clients) {
				s.last = time.Now()
				close(s.all)
			}
		}
	}
	if len(b) > 0 {
		c.partial = bytes.Clone(b)
	}
}

func (s *swarm) closeLocked(fd int32) {
	if _, ok := s.clients[fd]; !ok {
		return
	}
	_ = unix.Close(int(fd)) // also leaves the epoll set
	delete(s.clients, fd)
	s.lost++
}

func (s *swarm) arm(needle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round++
	s.needle, s.got, s.last = []byte(needle), 0, time.Time{}
	s.all = make(chan struct{})
}

func (s *swarm) await(limit time.Duration) swarmAnswer {
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-all:
	case <-t.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := swarmAnswer{Got: s.got, LastNs: s.last.UnixNano(), Size: s.size, Lost: s.lost, Connected: len(s.clients)}
	if s.last.IsZero() {
		a.Error = fmt.Sprintf("after %s only %d of %d clients had it; %d were closed", limit, s.got, len(s.clients), s.lost)
	}
	return a
}
