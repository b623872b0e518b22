package broadcaster

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// childEnv makes the test binary serve a hub instead of running tests, so that
// its memory and CPU can be told from those of the clients.
const childEnv = "KEYTURN_TEST_HUB"

// usage is what the child says about itself.
type usage struct {
	RSS, Heap, Stack, Sys int64
	CPU                   time.Duration
}

func serveChild() {
	v := newVerifier("k1")
	c := payments(v)
	c.Limits = Limits{UpgradesPerSecond: -1, PerAddress: -1, UnauthenticatedPerAddress: -1}
	hub, err := New(c)
	if err != nil {
		panic(err)
	}
	hub.Apply(state(nowRev(), "k1"))
	m := http.NewServeMux()
	m.Handle("/v1/stream", hub.StreamHandler())
	m.HandleFunc("/usage", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("gc") {
			debug.FreeOSMemory()
			runtime.GC()
		}
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		json.NewEncoder(w).Encode(usage{resident(), int64(ms.HeapAlloc), int64(ms.StackInuse), int64(ms.Sys), cpuTime()})
	})
	m.HandleFunc("/push", func(w http.ResponseWriter, r *http.Request) {
		v.add("k2", "current")
		before := cpuTime()
		hub.Apply(state(nowRev(), "k1", "k2:pending"))
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if row := hub.Census("payments"); row.Told == hub.Connections("payments") {
				break
			}
		}
		json.NewEncoder(w).Encode(usage{CPU: cpuTime() - before})
	})
	m.HandleFunc("/floor", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(usage{CPU: floor(hub)})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin) // the parent's end is ours
		cancel()
	}()
	srv := &http.Server{Handler: m}
	go srv.Serve(l)
	hub.Run(ctx)
	srv.Close()
}

// floor is the CPU that write(2) alone takes for the newest state to every connection.
func floor(hub *Hub) time.Duration {
	r := hub.rings["payments"]
	data := r.fresh().data
	var fds []int
	for i := range r.slots {
		for _, s := range r.slots[i].copyMembers(nil) {
			fds = append(fds, s.fd)
		}
	}
	before := cpuTime()
	for _, fd := range fds {
		tryWrite(fd, data)
	}
	return cpuTime() - before
}

// resident is the process's resident memory by /proc, 0 where there is none.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// child is a hub in a process of its own.
type child struct {
	tb   testing.TB
	addr string
}

func startChild(tb testing.TB) *child {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return &child{tb, strings.TrimSpace(addr)}
}

func (c *child) get(path string) (u usage) {
	c.tb.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Get("http://" + c.addr + path)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		c.tb.Fatal(err)
	}
	return u
}

// crowd connects and authenticates n raw clients, a few at a time.
func (c *child) crowd(n int) {
	c.tb.Helper()
	request := strings.Join(wsLines("Sec-WebSocket-Protocol: "+Subprotocol), "\r\n") + "\r\n\r\n"
	auth := maskedText(`{"type":"auth","token":"k1.` + strings.Repeat("a", 400) + `.86400"}`)
	var mu sync.Mutex
	var conns []net.Conn
	c.tb.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
	next := make(chan struct{}, n)
	for range n {
		next <- struct{}{}
	}
	close(next)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			buf := make([]byte, 4096)
			for range next {
				conn, err := net.Dial("tcp", c.addr)
				if err != nil {
					c.tb.Error(err)
					return
				}
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
				conn.Write([]byte(request))
				if _, err := conn.Read(buf); err != nil {
					c.tb.Error(err)
					return
				}
				conn.Write(auth)
				for got := 0; got < 400; {
					k, err := conn.Read(buf)
					if err != nil {
						c.tb.Error(err)
						return
					}
					if got += k; strings.Contains(string(buf[:k]), `"type":"state"`) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
}

// maskedText is a client's text frame (RFC 6455 §5.3), masked with zeros.
func maskedText(text string) []byte {
	frame := []byte{finalBit | opText}
	if len(text) < 126 {
		frame = append(frame, 0x80|byte(len(text)))
	} else {
		frame = append(frame, 0x80|126, byte(len(text)>>8), byte(len(text)))
	}
	return append(append(frame, 0, 0, 0, 0), text...)
}

// BenchmarkIdleConnection measures what an authenticated connection costs
// while nothing happens, what pushing a state to it costs, and how fast
// connections can be made. HUB_CONNECTIONS sets how many there are.
func BenchmarkIdleConnection(b *testing.B) {
	n := 5000
	if s := os.Getenv("HUB_CONNECTIONS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	c := startChild(b)
	c.get("/usage?gc")
	before := c.get("/usage?gc")
	begin := time.Now()
	c.crowd(n)
	took := time.Since(begin)
	storm := c.get("/usage")
	after := c.get("/usage?gc")
	var cpu, least time.Duration
	b.ResetTimer()
	for range b.N {
		cpu += c.get("/push").CPU
		least += c.get("/floor").CPU
	}
	per := func(x int64) float64 { return float64(x) / float64(n) }
	b.ReportMetric(per(storm.RSS-before.RSS), "rss-after-storm-B/conn")
	b.ReportMetric(per(after.RSS-before.RSS), "rss-B/conn")
	b.ReportMetric(per(after.Heap-before.Heap), "heap-B/conn")
	b.ReportMetric(per(after.Stack-before.Stack), "stack-B/conn")
	b.ReportMetric(float64(n)/took.Seconds(), "conn/s")
	b.ReportMetric(float64(storm.CPU-before.CPU)/float64(n)/1000, "cpu-µs/conn")
	b.ReportMetric(float64(cpu)/float64(b.N)/float64(n), "cpu-ns/delivery")
	b.ReportMetric(float64(cpu)/float64(least), "×floor")
}
