package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth/signin"
	"github.com/keyturn/keyturn/broadcaster"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/admin"
)

// process is one running daemon: everything a configuration asks for.
// run.go starts and stops it; here it is put together.
type process struct {
	config   Config
	demo     *demo // nil but in `keyturn dev`
	hurry    <-chan struct{}
	log      *zap.Logger
	registry *prometheus.Registry
	instance string
	health   *health
	notify   notifier
	actors   *actors

	public, adminDoor             *door
	publicGate, apiGate, authGate *gate

	cloud    *cloud // nil: no ring is kept in AWS
	spine    *spine
	board    *board
	rings    map[string]*ring
	hub      *broadcaster.Hub
	feed     *natsfeed.Feed
	reporter *reporter
	backend  *backend
	api      *admin.Server

	running running
}

// running are the started actors, in the groups in which they stop.
type running struct {
	doors    []*actor
	reports  *actor
	feed     *actor
	hub      *actor
	keys     []*actor // keyrings, and the sign-in that waits for them
	watchers []*actor
	pulse    []*actor
}

// newProcess takes the ports, so that a taken one is said before anything else
// happens. The caller runs it.
func newProcess(c Config, w world, logs io.Writer, d *demo) (*process, error) {
	p := &process{
		config: c, demo: d, hurry: w.hurry, log: newLogger(c.Log, logs), registry: prometheus.NewRegistry(),
		notify: newNotifier(w, os.Getpid()), actors: newActors(), board: newBoard(c.Rings), rings: map[string]*ring{},
		publicGate: &gate{}, apiGate: &gate{}, authGate: &gate{},
	}
	var err error
	if p.cloud, err = openCloud(context.Background(), c); err != nil { // it calls nobody
		return nil, withCode(exitUsage, err)
	}
	p.instance = c.Instance
	if p.instance == "" {
		p.instance = newInstance()
	}
	p.health = newHealth(waitList(c)...)
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), p.info(), p.readyMetric())
	if err := p.listen(); err != nil {
		return nil, err
	}
	if d != nil {
		d.log = p.log
		public, _ := p.addresses()
		d.at(&p.config, public)
	}
	return p, nil
}

// waitList names what ready waits for.
func waitList(c Config) []string {
	out := []string{"the log of states"}
	for _, r := range c.Rings {
		out = append(out, keysOf(r.Name), stateOf(r.Name))
	}
	if c.issues() {
		out = append(out, "the session store")
	}
	return out
}

func keysOf(ring string) string  { return "keys of ring " + ring }
func stateOf(ring string) string { return "the state of ring " + ring }

// newInstance names this process: the host, so that people find it, and a
// random part, so that two on one host differ.
func newInstance() string {
	host, err := os.Hostname()
	if err != nil {
		host = "keyturn"
	}
	host = strings.Map(func(r rune) rune {
		if r < 0x80 && plainName.MatchString(string(r)) {
			return r
		}
		return '-'
	}, host)
	b := make([]byte, 3)
	_, _ = rand.Read(b) // documented never to fail
	return host[:min(len(host), 50)] + "-" + hex.EncodeToString(b)
}

// info is a metric that carries the build.
func (p *process) info() prometheus.Collector {
	b := buildInfo()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keyturn_build_info", Help: "Always 1; the labels say which code runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	}, func() float64 { return 1 })
}

func (p *process) readyMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keyturn_ready", Help: "1 while /readyz says so.",
	}, func() float64 {
		if len(p.health.missing()) > 0 {
			return 0
		}
		return 1
	})
}

func (p *process) listen() error {
	publicFlag, adminFlag := "--listen (broadcast.listen)", "--admin (admin.listen)"
	if p.demo != nil {
		publicFlag, adminFlag = "--listen", "--admin"
	}
	var cert *certificate
	if p.config.Broadcast.TLS.Cert != "" {
		var err error
		if cert, err = loadCertificate(p.config.Broadcast.TLS); err != nil {
			return err
		}
	}
	public, err := listen(p.config.Broadcast.Listen, publicFlag)
	if err != nil {
		return err
	}
	inner, err := listen(p.config.Admin.Listen, adminFlag)
	if err != nil {
		_ = public.Close() // nothing was served on it
		return err
	}
	p.public = newDoor(public, http.HandlerFunc(p.servePublic), p.log, cert)
	p.adminDoor = newDoor(inner, p.adminHandler(), p.log, nil)
	return nil
}

// adminHandler serves health from the first moment, the API once there is one.
func (p *process) adminHandler() http.Handler {
	mux := http.NewServeMux()
	p.health.register(mux)
	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{Registry: p.registry}))
	guarded.Handle("/", p.apiGate)
	mux.Handle("/", admin.Guard(p.config.Admin.Hosts, guarded))
	return mux
}

// servePublic adds what every answer of the public listener carries.
func (p *process) servePublic(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	p.publicGate.ServeHTTP(w, r)
}

// newHub makes the hub over all rings that browsers may follow.
func (p *process) newHub() error {
	c := p.config.Broadcast
	var rings []broadcaster.Ring
	for _, name := range p.broadcastRings() {
		r := broadcaster.Ring{Name: name, PerSecond: p.rings[name].config.Refresh.PerSecond}
		if c.Verify == "local" {
			r.Verify = p.rings[name]
		}
		if p.config.Auth.TokenCookie && name == p.config.Auth.Ring {
			r.Cookie = signin.TokenCookie
		}
		rings = append(rings, r)
	}
	hub, err := broadcaster.New(broadcaster.Config{
		Rings: rings, Origins: c.Origins, TrustedProxies: c.TrustedProxies,
		Limits: broadcaster.Limits{
			UpgradesPerSecond: offAtZero(c.Limits.UpgradesPerSecond), PerAddress: offAtZero(c.Limits.PerAddress),
			UnauthenticatedPerAddress: offAtZero(c.Limits.UnauthenticatedPerAddress), ExemptLoopback: p.demo != nil,
		},
		Beacon: c.Beacon, Instance: p.instance, Logger: p.log, Registerer: p.registry,
	})
	p.hub = hub
	return err
}

// offAtZero turns the configuration's 0 (off) into the hub's.
func offAtZero(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// broadcastRings names the rings served to browsers.
func (p *process) broadcastRings() []string {
	if len(p.config.Broadcast.Rings) > 0 {
		return p.config.Broadcast.Rings
	}
	out := make([]string, len(p.config.Rings))
	for i, r := range p.config.Rings {
		out[i] = r.Name
	}
	return out
}

// newAPI makes the admin API.
func (p *process) newAPI() error {
	p.backend = &backend{config: p.config, cloud: p.cloud, rings: p.rings, board: p.board, rows: p.spine.rows, conn: p.spine.conn}
	tokens := make([]admin.Token, 0, len(p.config.Admin.Tokens))
	for _, t := range p.config.Admin.Tokens {
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != 32 {
			return fmt.Errorf("admin token of %s: want 64 hex digits", t.Name)
		}
		tokens = append(tokens, admin.Token{Name: t.Name, SHA256: [32]byte(hash), Can: t.Can})
	}
	if len(tokens) == 0 {
		p.log.Warn("admin_api_closed", zap.String("remedy", "run keyturn admin-token NAME and put its line under admin.tokens"))
	}
	p.api = admin.New(admin.Config{
		Tokens: tokens, Rings: p.backend, Rows: p.spine.rows, States: p.board,
		Rotator: p.backend, Teller: p.backend, Minter: p.backend, Logger: p.log,
	})
	return nil
}

// addresses returns where the doors really are, which matters with port 0.
func (p *process) addresses() (public, inner string) {
	scheme := "http://"
	if p.public.tls {
		scheme = "https://"
	}
	return scheme + p.public.listener.Addr().String(), "http://" + p.adminDoor.listener.Addr().String()
}

// hurried returns a context for one step of a stop: it ends with the patience
// or, once the second signal came, after the rest.
func (p *process) hurried(patience, rest time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	if p.hurry == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-p.hurry:
			pause(ctx, rest)
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
