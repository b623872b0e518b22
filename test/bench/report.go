package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// row is one line of the table.
type row struct {
	What     string  `json:"what"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Bar      float64 `json:"bar,omitempty"`
	Least    bool    `json:"least,omitempty"` // the bar is a least value, not a greatest
	Verdict  string  `json:"verdict"`         // "met", "not met", "reference", or "not measured"
	Detail   string  `json:"detail,omitempty"`
}

const (
	met       = "met"
	notMet    = "not met"
	reference = "reference"
	skipped   = "not measured"
)

// atMost is a row whose figure may not be greater than its bar.
func atMost(what string, measured, bar float64, unit, detail string) row {
	return judged(row{What: what, Measured: measured, Bar: bar, Unit: unit, Detail: detail})
}

// atLeast is a row whose figure may not be less than its bar.
func atLeast(what string, measured, bar float64, unit, detail string) row {
	return judged(row{What: what, Measured: measured, Bar: bar, Unit: unit, Detail: detail, Least: true})
}

func judged(r row) row {
	ok := r.Measured <= r.Bar
	if r.Least {
		ok = r.Measured >= r.Bar
	}
	r.Verdict = notMet // also where nothing came out: a comparison with NaN is false
	if ok {
		r.Verdict = met
	}
	return r
}

func aside(what string, measured float64, unit, detail string) row {
	return row{What: what, Measured: measured, Unit: unit, Detail: detail, Verdict: reference}
}

// unmeasured says why a bar has no figure. It never counts as met.
func unmeasured(what string, bar float64, unit string, why error) row {
	return row{What: what, Bar: bar, Unit: unit, Verdict: skipped, Detail: why.Error()}
}

// report is all that one run found out.
type report struct {
	Machine string   `json:"machine"`
	Conns   int      `json:"conns"`
	Rounds  int      `json:"rounds"`
	Quick   bool     `json:"quick"`
	Rows    []row    `json:"rows"`
	Method  []string `json:"method"`
}

func (r *report) add(rows ...row) { r.Rows = append(r.Rows, rows...) }

func (r *report) note(format string, args ...any) {
	r.Method = append(r.Method, fmt.Sprintf(format, args...))
}

// unmet counts the bars that were measured and missed.
func (r *report) unmet() int {
	n := 0
	for _, row := range r.Rows {
		if row.Verdict == notMet {
			n++
		}
	}
	return n
}

func (r *report) writeJSON(w io.Writer) error {
	for i := range r.Rows {
		if math.IsNaN(r.Rows[i].Measured) || math.IsInf(r.Rows[i].Measured, 0) {
			r.Rows[i].Measured = 0
			r.Rows[i].Verdict, r.Rows[i].Detail = skipped, strings.TrimSpace(r.Rows[i].Detail+" no figure came out")
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s; %d connections, medians of %d rounds\n\n", r.Machine, r.Conns, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tMEASURED\tBAR\tVERDICT\tDETAIL")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.What, row.figure(), row.bar(), row.Verdict, row.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nMethod")
	for _, m := range r.Method {
		fmt.Fprintln(w, "- "+m)
	}
	return nil
}

func (r row) figure() string {
	if r.Verdict == skipped {
		return "–"
	}
	return number(r.Measured) + unitOf(r.Unit)
}

func (r row) bar() string {
	if r.Verdict == reference {
		return "–"
	}
	sign := "≤ "
	if r.Least {
		sign = "≥ "
	}
	return sign + number(r.Bar) + unitOf(r.Unit)
}

func unitOf(unit string) string {
	if unit == "" || unit == "×" {
		return unit
	}
	return " " + unit
}

func number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e6:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
