package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/broadcaster/client"
)

// middlewareResult compares auth's middleware with bare golang-jwt: the worst of the algorithms.
type middlewareResult struct {
	time       float64 // times as long
	allocs     float64 // more
	algorithms int
}

// measureMiddleware runs the benchmarks of package auth, which measure both in turns.
func measureMiddleware(ctx context.Context, benchtime string) (middlewareResult, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "github.com/keyturn/keyturn/auth", "-run", "^$", "-bench", "^Benchmark(Ratio|BareGolangJWT|Middleware)$", "-benchmem", "-benchtime", benchtime)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return middlewareResult{}, fmt.Errorf("benchmarks of auth: %w\n%s", err, out)
	}
	return parseBenchmarks(out)
}

// parseBenchmarks reads lines such as
//
//	BenchmarkMiddleware/HS256-2   10000   2500 ns/op   1200 B/op   31 allocs/op
//	BenchmarkRatio/HS256-2        100     250000 ns/op   1.02 ratio
func parseBenchmarks(out []byte) (middlewareResult, error) {
	metrics := map[string]map[string]float64{} // benchmark/algorithm → unit → value
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(f[0], "Benchmark"), "-")
		metrics[name] = map[string]float64{}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return middlewareResult{}, fmt.Errorf("benchmarks of auth: %q: %w", lines.Text(), err)
			}
			metrics[name][f[i+1]] = v
		}
	}
	var r middlewareResult
	for name, m := range metrics {
		alg, ok := strings.CutPrefix(name, "Ratio/")
		if !ok {
			continue
		}
		bare, ours := metrics["BareGolangJWT/"+alg], metrics["Middleware/"+alg]
		if bare == nil || ours == nil || m["ratio"] == 0 {
			return r, fmt.Errorf("benchmarks of auth: figures of %s are missing", alg)
		}
		r.algorithms++
		r.time = max(r.time, m["ratio"])
		r.allocs = max(r.allocs, ours["allocs/op"]-bare["allocs/op"])
	}
	if r.algorithms == 0 {
		return r, errors.New("benchmarks of auth: no ratio came out")
	}
	return r, nil
}

// scriptSize is the size of the client script as it goes over the wire.
func scriptSize() (float64, error) {
	script := client.Script()
	if len(script) < 1<<10 {
		return 0, fmt.Errorf("the client script has %d bytes: it was not built; run go tool task client", len(script))
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(script); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return float64(b.Len()), nil
}
