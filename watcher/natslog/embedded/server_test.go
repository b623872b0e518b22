package embedded_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/watcher/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, s *embedded.Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.URL(), nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestWhatWasStoredIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Config{Dir: dir})
	js, err := jetstream.New(connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	stop(t, s)

	js, err = jetstream.New(connect(t, start(t, embedded.Config{Dir: dir})))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := stream.GetMsg(t.Context(), 1); err != nil || string(msg.Data) != "hello" {
		t.Fatalf("got %v, %v", msg, err)
	}
}

func TestASecondServerOnOneDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Config{Dir: dir})
	_, err := embedded.Start(embedded.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir+" is in use by another process; stop it, or give this one another data directory") {
		t.Fatalf("got %v", err)
	}
	stop(t, s)
	start(t, embedded.Config{Dir: dir})
}

func TestAServerListensOnlyWhenAsked(t *testing.T) {
	if got := start(t, embedded.Config{Dir: t.TempDir()}).URL(); got != "" {
		t.Fatalf("got url %q, want none", got)
	}
	url := start(t, embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}).URL()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	nc.Close()
}

func TestAStartThatFailsSaysWhyAndLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // of this test only
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		c    embedded.Config
		want string
	}{
		"no directory":           {embedded.Config{}, "no data directory; set dataDir"},
		"directory is a file":    {embedded.Config{Dir: file}, "not a directory"},
		"port taken":             {embedded.Config{Dir: dir, Listen: taken.Addr().String()}, "address already in use"},
		"address without port":   {embedded.Config{Dir: dir, Listen: "127.0.0.1"}, "want host:port"},
		"port that is no number": {embedded.Config{Dir: dir, Listen: "127.0.0.1:nats"}, "not a number of 0 to 65535"},
		"port too large":         {embedded.Config{Dir: dir, Listen: "127.0.0.1:65536"}, "not a number of 0 to 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.Start(tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("more than one line: %v", err)
			}
		})
	}
	start(t, embedded.Config{Dir: dir})
}

func TestTheServersWarningsReachTheLog(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	s := start(t, embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Logger: zap.New(core)})
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // of this test only
	if _, err := c.Write([]byte("this is not a client\r\n")); err != nil {
		t.Fatal(err)
	}
	// The server answers with an error and closes.
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	for {
		if _, err := c.Read(buf); err != nil {
			break
		}
	}
	if logs.FilterMessage("nats server").Len() == 0 {
		t.Fatalf("got %v, want the server's error", logs.All())
	}
}
