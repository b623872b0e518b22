package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/natslog"
)

// guarded starts a server that asks for a password.
func guarded(t *testing.T, opts server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.NoSigs, opts.NoLog = "127.0.0.1", true, true
	ns, err := server.NewServer(&opts)
	if err != nil {
		t.Fatal(err)
	}
	go ns.Start()
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("server not ready")
	}
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	return ns
}

// until polls cond, which has nothing to wait on, for at most a minute.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func TestRefusedCredentialsAlarmAndAreTriedForEver(t *testing.T) {
	ns := guarded(t, server.Options{Port: server.RANDOM_PORT, Username: "keyturn", Password: "old-password"})
	core, logs := observer.New(zap.DebugLevel)
	reg := prometheus.NewRegistry()
	url := strings.Replace(ns.ClientURL(), "nats://", "nats://keyturn:old-password@", 1)
	nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{
		URL: url, ReconnectWait: 5 * time.Millisecond, Logger: zap.New(core), Registerer: reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	until(t, "connected", func() bool { return metric(t, reg, "keyturn_nats_connected") == 1 })

	change(t, ns, "other-password")
	// More refusals than the two after which the library alone would give up.
	until(t, "refused ten times", func() bool { return metric(t, reg, "keyturn_nats_auth_errors_total") >= 10 })
	if got := metric(t, reg, "keyturn_nats_connected"); got != 0 {
		t.Fatalf("connected: got %v, want 0", got)
	}
	refused := logs.FilterMessageSnippet("nats refuses the credentials").Len()
	if refused != 1 {
		t.Fatalf("%d lines in the log, want 1 for the whole outage", refused)
	}

	change(t, ns, "old-password")
	until(t, "connected again", func() bool { return metric(t, reg, "keyturn_nats_connected") == 1 })
	for _, e := range logs.All() {
		if line := e.Message + fmt.Sprint(e.ContextMap()); strings.Contains(line, "password") {
			t.Errorf("a password in the log: %s", line)
		}
	}
}

func TestCredentialsRefusedFromTheStartAreTriedForEver(t *testing.T) {
	ns := guarded(t, server.Options{Port: server.RANDOM_PORT, Username: "keyturn", Password: "other-password"})
	url := strings.Replace(ns.ClientURL(), "nats://", "nats://keyturn:old-password@", 1)
	core, logs := observer.New(zap.DebugLevel)
	nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{URL: url, ReconnectWait: 5 * time.Millisecond, Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	until(t, "logged", func() bool { return logs.FilterMessageSnippet("nats refuses the credentials").Len() > 0 })
	change(t, ns, "old-password")
	until(t, "connected", nc.IsConnected)
}

func TestAnOutageIsTwoLinesInTheLog(t *testing.T) {
	s := natstest.Start(t)
	core, logs := observer.New(zap.DebugLevel)
	nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{InProcess: s, ReconnectWait: time.Millisecond, Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	until(t, "connected", func() bool { return logs.FilterMessage("nats connected").Len() == 1 })
	s.Stop(t)
	until(t, "many attempts", func() bool { return logs.FilterMessage("nats can't be reached").Len() >= 1 })
	s.Start(t)
	until(t, "connected again", func() bool { return logs.FilterMessage("nats reconnected").Len() == 1 })
	for msg, want := range map[string]int{"nats disconnected": 1, "nats can't be reached": 1} {
		if got := logs.FilterMessage(msg).Len(); got != want {
			t.Errorf("%q: got %d lines, want %d", msg, got, want)
		}
	}
}

func TestAPublisherWithoutNATSFailsInsteadOfBuffering(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	gone := nc.StatusChanged(nats.RECONNECTING)
	s.Stop(t)
	<-gone
	if err := nc.Publish("x", []byte("y")); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Fatalf("got %v, want ErrReconnectBufExceeded", err)
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	s := natstest.Start(t)
	for name, tt := range map[string]struct {
		c    natslog.ConnectConfig
		want string
	}{
		"neither url nor server":    {natslog.ConnectConfig{}, "either a url or an in-process server"},
		"both url and server":       {natslog.ConnectConfig{URL: "nats://x", InProcess: s}, "either a url or an in-process server"},
		"certificate without key":   {natslog.ConnectConfig{URL: "nats://127.0.0.1:1", TLS: natslog.TLS{Cert: "c.pem"}}, "both cert and key"},
		"certificate not there":     {natslog.ConnectConfig{URL: "nats://127.0.0.1:1", TLS: natslog.TLS{Cert: "no.pem", Key: "no.pem"}}, "no.pem"},
		"authority not there":       {natslog.ConnectConfig{URL: "nats://127.0.0.1:1", TLS: natslog.TLS{CA: "no.pem"}}, "no.pem"},
		"url that is none":          {natslog.ConnectConfig{URL: "nats://%zz"}, "connect to nats"},
		"metrics registered before": {natslog.ConnectConfig{URL: "nats://127.0.0.1:1", Registerer: taken(t)}, "duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := natslog.Connect(t.Context(), tt.c)
			if err == nil {
				nc.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestAConnectIsBoundedByItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := natslog.Connect(ctx, natslog.ConnectConfig{InProcess: stuck{t.Context().Done()}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's end", err)
	}
}

// stuck is a server that never answers until the test ends.
type stuck struct{ end <-chan struct{} }

func (s stuck) InProcessConn() (net.Conn, error) {
	<-s.end
	return nil, errors.New("the test is over")
}

func taken(t *testing.T) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	nc, err := natslog.Connect(t.Context(), natslog.ConnectConfig{InProcess: natstest.Start(t), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return reg
}

// change gives the server another password for its one user.
func change(t *testing.T, ns *server.Server, password string) {
	t.Helper()
	opts := server.Options{
		Host: "127.0.0.1", Port: ns.Addr().(*net.TCPAddr).Port, NoSigs: true, NoLog: true,
		Username: "keyturn", Password: password,
	}
	if err := ns.ReloadOptions(&opts); err != nil {
		t.Fatal(err)
	}
}

// metric returns the value of the one series of that name.
func metric(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
