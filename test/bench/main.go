package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	conns    int
	rounds   int
	browsers int
	rate     float64
	quick    bool
	json     bool
	strict   bool
}

// idleFor is how long the connections rest while idle processor time is
// measured: two beacons of each, or in a quick run a moment.
func (o options) idleFor() time.Duration {
	if o.quick {
		return 3 * time.Second
	}
	return 50 * time.Second
}

// roles are the child processes that this binary can be.
var roles = map[string]func(context.Context, io.Reader, io.Writer) error{
	"floor": runFloor, "naive": runNaive, "swarm": runSwarm,
}

// parallel is how many handshakes a swarm has under way.
const parallel = 128

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if role, ok := roles[args[0]]; ok {
			return role(ctx, os.Stdin, os.Stdout)
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if o.json {
		err = r.writeJSON(os.Stdout)
	} else {
		err = r.writeTable(os.Stdout)
	}
	if err == nil && o.strict && r.unmet() > 0 {
		err = fmt.Errorf("%d bars are not met", r.unmet())
	}
	return err
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.conns, "conns", 15_000, "connections")
	f.IntVar(&o.rounds, "rounds", 9, "deliveries measured; the medians count")
	f.IntVar(&o.browsers, "browsers", 1_000, "browsers that call an API while the key turns")
	f.Float64Var(&o.rate, "rate", 100, "refreshes a second that the issuer admits them")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of under a minute: 500 connections, 3 rounds, 100 browsers")
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.BoolVar(&o.strict, "strict", false, "exit 1 where a bar is not met")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.conns, o.rounds, o.browsers = 500, 3, 100
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.conns < 1 || o.rounds < 1 || o.browsers < 1 || !(o.rate >= 1):
		return o, errors.New("-conns, -rounds, -browsers and -rate want at least 1")
	case o.conns > 8*perAddress:
		return o, fmt.Errorf("-conns: at most %d, for want of loopback addresses", 8*perAddress)
	case uint64(o.conns)+200 > files.Max:
		return o, fmt.Errorf("%d connections do not fit into %d open files: raise the hard limit (ulimit -Hn) or lower -conns", o.conns, files.Max)
	}
	return o, nil
}

// measure does the whole run.
func measure(ctx context.Context, o options) (r *report, err error) {
	dir, err := os.MkdirTemp("", "keyturn-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say("building keyturn")
	binary, err := build(ctx, dir)
	if err != nil {
		return nil, err
	}
	r = &report{Machine: fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()), Conns: o.conns, Rounds: o.rounds, Quick: o.quick}
	if err := measureConnections(ctx, o, binary, dir, r); err != nil {
		return nil, err
	}
	if err := measureCloud(ctx, o, binary, dir, r); err != nil {
		return nil, err
	}
	if err := measureRotation(ctx, o, binary, dir, r); err != nil {
		return nil, err
	}
	measureParts(ctx, o, r)
	if o.quick {
		r.note("A quick run: what the daemon costs by itself is spread over few connections, so memory and processor time say little.")
	}
	return r, nil
}

// measureConnections measures the daemon and both references, interleaved.
func measureConnections(ctx context.Context, o options, binary, dir string, r *report) (err error) {
	say("starting keyturn serve")
	d, err := serve(ctx, binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(30*time.Second)) }()
	ours := &target{name: "keyturn", server: d.process, conns: o.conns}
	if ours.swarm, err = self(ctx, "swarm"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.swarm.stop(10*time.Second)) }()
	<-time.After(time.Second) // start-up is over
	bare, err := d.resident()
	if err != nil {
		return err
	}
	say("%d clients connect", o.conns)
	a, err := ours.connect(connectCommand{Address: d.public, Path: "/v1/stream?ring=" + ring, Parallel: parallel, Secret: d.secret, KID: currentKID})
	if err != nil {
		return err
	}
	say("they idle for %s", o.idleFor())
	idle, full, err := rest(ctx, d.process, o.idleFor())
	if err != nil {
		return err
	}
	var refs []*target
	for _, role := range []string{"floor", "naive"} {
		say("%d clients connect to the %s server", o.conns, role)
		t, err := startReference(ctx, role, o.conns, parallel)
		if t != nil {
			defer func() { err = errors.Join(err, t.close()) }()
		}
		if err != nil {
			return err
		}
		refs = append(refs, t)
	}
	floor, naive := refs[0], refs[1]
	var appends []float64
	for round := range o.rounds + 1 {
		say("delivery %d of %d", round, o.rounds)
		took, err := ours.deliverKeyturn(ctx, d, round)
		if err != nil {
			return err
		}
		for _, t := range refs {
			if err := t.deliverRef(round, ours.size); err != nil {
				return err
			}
		}
		if round == 0 { // the first one warms all three up
			for _, t := range append(refs, ours) {
				t.cpu, t.latency = nil, nil
			}
			continue
		}
		appends = append(appends, float64(took.Microseconds())/1e3)
	}
	naiveSize, err := naive.server.resident()
	if err != nil {
		return err
	}

	perSecond := float64(a.Connected) / a.Took.Seconds()
	if a.Failed > 0 {
		perSecond = 0
	}
	r.add(
		atMost("memory per idle connection", (full-bare)/float64(o.conns)/1024, 9, "KiB", fmt.Sprintf("%.0f MiB, %.0f before; naive hub %.1f KiB", full/(1<<20), bare/(1<<20), naiveSize/float64(o.conns)/1024)),
		atMost("processor time per delivery ÷ floor", median(ratios(ours.cpu, floor.cpu)), 1.35, "×", fmt.Sprintf("%.1f µs, floor %.1f µs", median(ours.cpu), median(floor.cpu))),
		aside("  the naive hub ÷ floor", median(ratios(naive.cpu, floor.cpu)), "×", fmt.Sprintf("%.1f µs", median(naive.cpu))),
		atMost("append → last client ÷ floor", median(ratios(ours.latency, floor.latency)), 1.5, "×", fmt.Sprintf("%.0f ms, floor %.0f ms", median(ours.latency), median(floor.latency))),
		aside("  the naive hub ÷ floor", median(ratios(naive.latency, floor.latency)), "×", fmt.Sprintf("%.0f ms", median(naive.latency))),
		atMost("idle processor time, beacons included", idle*100, 3, "% of a core", ""),
		atLeast("connect, authenticate, welcome", perSecond, 4000, "a second", fmt.Sprintf("%d in %s, %d errors %s", a.Connected, a.Took.Round(time.Millisecond), a.Failed, a.Error)),
		atMost("file change → append", median(appends), 50, "ms", ""),
	)
	r.note("keyturn serve, file store, embedded NATS, limits off; each server and each swarm a process of its own, all on this machine.")
	r.note("Memory: VmRSS of the server after %s of idling, less that before the first connection. Processor time: /proc schedstat of all its threads.", o.idleFor())
	r.note("A delivery is a pending key that appears in the file: one event, one frame of %d bytes on each connection. It counts all that the daemon does from the look at the file on. Floor and naive hub send as many bytes to as many sockets, in turns with it.", ours.size)
	r.note("Append: the state's rev, which is the log's clock before the write is synced, in ms. Last client: its read of the whole frame.")
	return nil
}

// rest measures a server that nobody asks anything: the share of a core, and
// the median of its memory over the second half.
func rest(ctx context.Context, p *process, span time.Duration) (share, resident float64, err error) {
	begin := time.Now()
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	const samples = 10
	var sizes []float64
	for i := range samples {
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(span / samples):
		}
		size, err := p.resident()
		if err != nil {
			return 0, 0, err
		}
		if i >= samples/2 {
			sizes = append(sizes, size)
		}
	}
	after, err := p.cpu()
	return (after - before).Seconds() / time.Since(begin).Seconds(), median(sizes), err
}

// measureRotation turns keys under load.
func measureRotation(ctx context.Context, o options, binary, dir string, r *report) error {
	say("%d browsers call an API while the key turns, twice", o.browsers)
	c, err := turnUnderLoad(ctx, binary, dir, o.browsers, o.rate, time.Second)
	if err != nil {
		return err
	}
	planned, compromise := busiestSecond(c.planned.admitted), busiestSecond(c.compromise.admitted)
	r.add(
		atMost("failed requests in a planned rotation", float64(c.failed), 0, "", fmt.Sprintf("of %d calls by %d browsers %s", c.calls, c.browsers, c.firstFailure)),
		atMost("refreshes admitted in any second", float64(max(planned, compromise)), 1.1*o.rate, "", fmt.Sprintf("at %.0f a second; planned %d, compromise %d", o.rate, planned, compromise)),
		atMost("arrivals of a planned rotation in a second", float64(busiestSecond(c.planned.asked)), 1.3*o.rate, "", fmt.Sprintf("%d in all", len(c.planned.asked))),
		aside("  compromise: calls refused once and recovered", float64(c.recovered), "", fmt.Sprintf("%d lost, %d calls of /auth/refresh", c.lost, len(c.compromise.asked))),
	)
	r.note("Rotation: keyturn dev --rate %.0f and keyturn rotate, with browsers in Go that follow the page script's rules; each calls once a second. By calendar second: admitted by the iat of the tokens, arrivals by when the browser asked, retries included.", o.rate)
	return nil
}

// measureParts measures what needs no server.
func measureParts(ctx context.Context, o options, r *report) {
	say("benchmarks of auth")
	span := "2s"
	if o.quick {
		span = "50x"
	}
	const slower, more = "auth middleware ÷ bare golang-jwt, time", "auth middleware − bare golang-jwt, allocations"
	if m, err := measureMiddleware(ctx, span); err != nil {
		r.add(unmeasured(slower, 1.15, "×", err), unmeasured(more, 2, "", err))
	} else {
		r.add(atMost(slower, m.time, 1.15, "×", fmt.Sprintf("worst of %d algorithms", m.algorithms)), atMost(more, m.allocs, 2, "", ""))
	}
	const script = "client script, gzip"
	if size, err := scriptSize(); err != nil {
		r.add(unmeasured(script, 12, "KiB", err))
	} else {
		r.add(atMost(script, size/1024, 12, "KiB", "all in: core, patches, console, sign-in, notice in three languages"))
	}
	r.note("Client script: its parts, the core among them (bar 6 KiB), are weighed by npm test in broadcaster/client, which prints them.")
}

func (t *target) close() error {
	var errs []error
	for _, p := range []*process{t.swarm, t.server} {
		if p != nil {
			errs = append(errs, p.stop(10*time.Second))
		}
	}
	return errors.Join(errs...)
}

// say tells on standard error how far it is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "· "+format+"\n", args...)
}
