package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The bench starts itself in other roles; in a test that is this binary.
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(context.Background(), os.Stdin, os.Stdout); err != nil {
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

func TestASmallRunFillsTheTable(t *testing.T) {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	o := options{conns: 100, rounds: 1, browsers: 20, rate: 50, quick: true}
	r, err := measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var table, doc bytes.Buffer
	if err := errors.Join(r.writeTable(&table), r.writeJSON(&doc)); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
	found := map[string]row{}
	for _, row := range r.Rows {
		found[row.What] = row
		if row.Verdict == skipped {
			t.Errorf("%s: not measured: %s", row.What, row.Detail)
		}
	}
	for _, what := range []string{
		"memory per idle connection", "processor time per delivery ÷ floor", "append → last client ÷ floor",
		"idle processor time, beacons included", "connect, authenticate, welcome", "file change → append", "SQS message → append",
		"failed requests in a planned rotation", "refreshes admitted in any second", "arrivals of a planned rotation in a second",
		"auth middleware ÷ bare golang-jwt, time", "auth middleware − bare golang-jwt, allocations", "client script, gzip",
	} {
		if _, ok := found[what]; !ok {
			t.Errorf("no row %q", what)
		}
	}
	if n := found["failed requests in a planned rotation"]; n.Measured != 0 {
		t.Errorf("%v requests failed in a planned rotation: %s", n.Measured, n.Detail)
	}
	var back report
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil || len(back.Rows) != len(r.Rows) {
		t.Errorf("the JSON has %d rows, want %d: %v", len(back.Rows), len(r.Rows), err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-conns", "0"}, {"-rounds", "0"}, {"-browsers", "-1"}, {"-rate", "0"}, {"-rate", "NaN"}, {"-conns", "10000000"}, {"extra"}, {"-unknown"},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: accepted", args)
		}
	}
	if o, err := parse([]string{"-quick", "-json"}); err != nil || o.conns != 500 || o.rounds != 3 || !o.json {
		t.Errorf("quick: got %+v, %v", o, err)
	}
}

func TestAVerdictFollowsTheBar(t *testing.T) {
	for _, c := range []struct {
		row  row
		want string
	}{
		{atMost("a", 1, 1, "", ""), met},
		{atMost("a", 1.01, 1, "", ""), notMet},
		{atMost("a", math.NaN(), 1, "", ""), notMet},
		{atLeast("a", 4000, 4000, "", ""), met},
		{atLeast("a", 3999, 4000, "", ""), notMet},
		{atLeast("a", math.NaN(), 1, "", ""), notMet},
		{aside("a", 9, "", ""), reference},
		{unmeasured("a", 9, "", errors.New("why")), skipped},
	} {
		if c.row.Verdict != c.want {
			t.Errorf("%+v: want %s", c.row, c.want)
		}
	}
	r := report{}
	r.add(atMost("a", 2, 1, "", ""), atMost("b", 1, 1, "", ""), unmeasured("c", 1, "", errors.New("why")))
	if r.unmet() != 1 {
		t.Errorf("unmet: got %d, want 1", r.unmet())
	}
}

func TestAnAbsentFigureIsNoFigure(t *testing.T) {
	r := report{}
	r.add(atMost("a", median(nil), 1, "", ""))
	var doc bytes.Buffer
	if err := r.writeJSON(&doc); err != nil {
		t.Fatal(err)
	}
	if r.Rows[0].Verdict != skipped {
		t.Errorf("verdict %s, want %s", r.Rows[0].Verdict, skipped)
	}
}

func TestMedians(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v: got %v, want %v", c.in, got, c.want)
		}
	}
	if got := ratios([]float64{2, 9}, []float64{1, 3, 7}); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("ratios: got %v, want [2 3]", got)
	}
}

func TestTheBusiestSecondIsACalendarSecond(t *testing.T) {
	t0 := time.Unix(1_800_000_000, 0)
	var at []time.Time
	for _, ms := range []int{5000, 900, 1000, 1050, 1899, 1999, 950} { // not in order
		at = append(at, t0.Add(time.Duration(ms)*time.Millisecond))
	}
	if got := busiestSecond(at); got != 4 {
		t.Errorf("got %d, want 4", got)
	}
}

func TestBenchmarksAreRead(t *testing.T) {
	good := `goos: linux
BenchmarkBareGolangJWT/HS256-2   	   10000	      4000 ns/op	    3000 B/op	      50 allocs/op
BenchmarkBareGolangJWT/RS256-2   	   10000	     40000 ns/op	    3000 B/op	      60 allocs/op
BenchmarkMiddleware/HS256-2      	   10000	      4400 ns/op	    3100 B/op	      51 allocs/op
BenchmarkMiddleware/RS256-2      	   10000	     40000 ns/op	    3100 B/op	      60 allocs/op
BenchmarkRatio/HS256-2           	     100	    400000 ns/op	         1.100 ratio
BenchmarkRatio/RS256-2           	     100	    400000 ns/op	         1.010 ratio	   10 B/op	  1 allocs/op
PASS
`
	r, err := parseBenchmarks([]byte(good))
	if err != nil || r != (middlewareResult{time: 1.1, allocs: 1, algorithms: 2}) {
		t.Errorf("got %+v, %v", r, err)
	}
	for name, out := range map[string]string{
		"nothing": "PASS\n", "no reference": strings.ReplaceAll(good, "BareGolangJWT", "Other"), "not a number": "BenchmarkRatio/HS256-2 100 x ns/op\n",
	} {
		if _, err := parseBenchmarks([]byte(out)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestFramesReadBack(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 300, 65535} {
		want := bytes.Repeat([]byte("x"), size)
		b := appendFrame(nil, opText, want, false)
		for cut := range min(len(b), 200) {
			if op, _, rest, err := cutFrame(b[:cut]); op != 0 || err != nil || len(rest) != cut {
				t.Fatalf("size %d cut at %d: op %d, %v", size, cut, op, err)
			}
		}
		op, got, rest, err := cutFrame(append(b, 0x81))
		if err != nil || op != opText || !bytes.Equal(got, want) || len(rest) != 1 {
			t.Errorf("size %d: got op %d, %d bytes, %d left, %v", size, op, len(got), len(rest), err)
		}
		r := bufio.NewReaderSize(byteByByte{bytes.NewReader(append(b, b...))}, 70<<10)
		for range 2 {
			if op, got, err := readFrame(r); err != nil || op != opText || !bytes.Equal(got, want) {
				t.Errorf("size %d, byte by byte: got op %d, %d bytes, %v", size, op, len(got), err)
			}
		}
	}
	if _, _, _, err := cutFrame(appendFrame(nil, opText, []byte("x"), true)); err == nil {
		t.Error("a masked frame from a server was taken")
	}
	if _, _, _, err := cutFrame(appendFrame(nil, opText, make([]byte, 1<<16), false)); err == nil {
		t.Error("a huge frame was taken")
	}
}

type byteByByte struct{ r io.Reader }

func (o byteByByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

// Property: cutting takes a prefix, gives back the rest, and never panics.
func FuzzCutFrame(f *testing.F) {
	f.Add(appendFrame(nil, opText, []byte("hello"), false))
	f.Add([]byte{0x81, 126, 0, 200})
	f.Add([]byte{0x81, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		op, payload, rest, err := cutFrame(b)
		if err != nil || op == 0 {
			if len(rest) != len(b) || payload != nil {
				t.Fatalf("took %d bytes without a frame", len(b)-len(rest))
			}
			return
		}
		if len(payload)+len(rest) >= len(b) || !bytes.HasSuffix(b, rest) {
			t.Fatalf("took a frame of %d and left %d of %d bytes", len(payload), len(rest), len(b))
		}
	})
}
