package main

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"strings"

	"github.com/keyturn/keyturn/test/covers"
)

// mostNA bounds how many rows may be waved through with a clause.
const mostNA = 10

// Verdict of one row.
type Verdict string

const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Missing Verdict = "missing"
	Waits   Verdict = "waits"
	NA      Verdict = "n/a"
)

// Result is a row with what the run says about it.
type Result struct {
	Row
	Verdict Verdict
	Tests   []covers.Outcome // bound to it, in the order of their files and names
}

// Report is a run seen from the requirements.
type Report struct{ Results []Result }

// NewReport judges each row by the outcomes of the tests bound to it. An
// outcome that names an unknown row and too many rows that don't apply are errors.
func NewReport(rows []Row, outcomes []covers.Outcome) (*Report, error) {
	bound := map[string][]covers.Outcome{}
	for _, o := range outcomes {
		for _, id := range o.IDs {
			bound[id] = append(bound[id], o)
		}
	}
	r := &Report{}
	na := 0
	for _, row := range rows {
		tests := bound[row.ID]
		delete(bound, row.ID)
		sort.Slice(tests, func(i, j int) bool {
			return tests[i].File+"\x00"+tests[i].Test < tests[j].File+"\x00"+tests[j].Test
		})
		if row.NA != "" {
			na++
		}
		r.Results = append(r.Results, Result{row, judge(row, tests), tests})
	}
	for id := range bound {
		return nil, fmt.Errorf("a test covers %q, which is no row: was the file changed after the run?", id)
	}
	if na > mostNA {
		return nil, fmt.Errorf("%d rows are n/a, at most %d may be", na, mostNA)
	}
	return r, nil
}

func judge(row Row, tests []covers.Outcome) Verdict {
	passed := false
	for _, t := range tests {
		switch t.Outcome {
		case "pass":
			passed = true
		case "skip": // proves nothing, and is no failure
		default:
			return Fail
		}
	}
	switch {
	case passed:
		return Pass
	case row.NA != "":
		return NA
	case row.Waits != "":
		return Waits
	}
	return Missing
}

// Red reports whether a row is failed or missing.
func (r *Report) Red() bool { return r.count(Fail)+r.count(Missing) > 0 }

func (r *Report) count(v Verdict) (n int) {
	for _, res := range r.Results {
		if res.Verdict == v {
			n++
		}
	}
	return n
}

// Summary is a line of counts, and one line a row that is red.
func (r *Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requirements: %d pass, %d fail, %d missing, %d wait, %d n/a\n", len(r.Results),
		r.count(Pass), r.count(Fail), r.count(Missing), r.count(Waits), r.count(NA))
	for _, res := range r.Results {
		if res.Verdict == Fail || res.Verdict == Missing {
			fmt.Fprintf(&b, "%s %s: %s\n", res.Verdict, res.ID, res.Says)
		}
	}
	return b.String()
}

// Markdown is the whole report: the counts, then a table with the tests of each row.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("# Requirements\n\n" + strings.SplitN(r.Summary(), "\n", 2)[0] + "\n\n| ID | verdict | says | shown by |\n|---|---|---|---|\n")
	for _, res := range r.Results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", res.ID, verdict(res), cell(res.Says), shown(res.Tests))
	}
	return b.String()
}

func verdict(res Result) string {
	switch res.Verdict {
	case NA:
		return "n/a: " + cell(res.NA)
	case Waits:
		return "waits: " + cell(res.Waits)
	case Fail, Missing:
		return "**" + string(res.Verdict) + "**"
	}
	return string(res.Verdict)
}

func shown(tests []covers.Outcome) string {
	lines := make([]string, len(tests))
	for i, t := range tests {
		lines[i] = cell(t.File + ": " + t.Test)
		if t.Outcome != "pass" {
			lines[i] += " (" + t.Outcome + ")"
		}
	}
	return strings.Join(lines, "<br>")
}

// cell makes a text fit into a table of Markdown, as text.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(s)
}

// Choose picks n of the rows that passed, by the SHA-256 of their IDs, so that
// nobody chooses them; then in the order of the file. Rows of ACC, DOC, FUT and
// T sum others up or are about pages, and are left out.
func (r *Report) Choose(n int) []string {
	var ids []string
	place := map[string]int{}
	for i, res := range r.Results {
		place[res.ID] = i
		if res.Verdict == Pass && !sums(res.ID) {
			ids = append(ids, res.ID)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return rank(ids[i]) < rank(ids[j]) })
	ids = ids[:min(n, len(ids))]
	sort.Slice(ids, func(i, j int) bool { return place[ids[i]] < place[ids[j]] })
	return ids
}

func sums(id string) bool {
	for _, kind := range []string{"ACC-", "DOC-", "FUT-", "T"} {
		if strings.HasPrefix(id, kind) {
			return true
		}
	}
	return false
}

func rank(id string) string {
	sum := sha256.Sum256([]byte(id))
	return string(sum[:])
}
