package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// cluster starts three servers that know each other.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	// A clustered server has to know the others before it starts. On a host of
	// their own nobody takes their ports until they have them.
	host := ownHost()
	var routes []*url.URL
	var ports []int
	var taken []net.Listener
	for range 3 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, l)
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range taken {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var all []*server.Server
	for i, port := range ports {
		ns, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "test", Host: host, Port: port},
			Routes:  routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		go ns.Start()
		t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
		all = append(all, ns)
	}
	for _, ns := range all {
		if !ns.ReadyForConnections(20 * time.Second) {
			t.Fatal("server not ready")
		}
	}
	return all
}

// ownHost is a loopback address that no other test uses, where the system has
// more than one.
func ownHost() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
}

func TestAClusterKeepsTheContractWithAServerDown(t *testing.T) {
	nodes := cluster(t)
	urls := ""
	for _, n := range nodes {
		urls += n.ClientURL() + ","
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	nc, err := natslog.Connect(ctx, natslog.ConnectConfig{URL: urls[:len(urls)-1], ReconnectWait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log, err := natslog.Open(ctx, nc, natslog.Config{Replicas: 3, Timeout: 2 * time.Second}) // waits for the cluster to form
	if err != nil {
		t.Fatal(err)
	}
	first := mustAppend(t, log, "a", rev, 0)
	second := mustAppend(t, log, "b", rev+1, first)
	if _, err := log.Append(ctx, logtest.Event("payments", "c", rev+2), first); !errors.Is(err, watcher.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	s, err := js(t, nc).Stream(ctx, rotation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	leader := s.CachedInfo().Cluster.Leader
	for _, n := range nodes {
		if n.Name() == leader {
			n.Shutdown()
		}
	}
	// Until there is a new leader, appends fail; what fails is tried again
	// with the head that then is.
	until(t, "appended under a new leader", func() bool {
		_, seq, err := log.Head(ctx, "payments")
		if err != nil {
			return false
		}
		if seq != second {
			return true // an append that was not answered stood after all
		}
		_, err = log.Append(ctx, logtest.Event("payments", "c", rev+2), second)
		return err == nil
	})
	if st, _ := mustHead(t, log); st.Rev != rev+2 {
		t.Fatalf("got rev %d", st.Rev)
	}
	if _, err := log.Append(ctx, logtest.Event("payments", "d", rev+3), second); !errors.Is(err, watcher.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
}
