package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/keyturn/keyturn/test/covers"
)

const list = "../requirements.json"

func theList(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func outcome(verdict string, ids ...string) covers.Outcome {
	return covers.Outcome{Suite: "go", File: "a_test.go", Test: "TestA|B", IDs: ids, Outcome: verdict}
}

func TestARowIsJudgedByTheTestsBoundToIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		row   Row
		tests []covers.Outcome
		want  Verdict
	}{
		{"a passed test proves it", Row{}, []covers.Outcome{outcome("pass", "X-1")}, Pass},
		{"one failed test is enough", Row{}, []covers.Outcome{outcome("pass", "X-1"), outcome("fail", "X-1")}, Fail},
		{"a skipped test proves nothing", Row{}, []covers.Outcome{outcome("skip", "X-1")}, Missing},
		{"without a test it is missing", Row{}, nil, Missing},
		{"it may wait", Row{Waits: "sign-in"}, nil, Waits},
		{"what fails doesn't wait", Row{Waits: "sign-in"}, []covers.Outcome{outcome("fail", "X-1")}, Fail},
		{"what passes waits no more", Row{Waits: "sign-in"}, []covers.Outcome{outcome("pass", "X-1")}, Pass},
		{"it may not apply", Row{NA: "no such thing"}, nil, NA},
		{"an unknown outcome is a failure", Row{}, []covers.Outcome{outcome("", "X-1")}, Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.row.ID, c.row.Says = "X-1", "it works."
			r, err := NewReport([]Row{c.row}, c.tests)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Results[0].Verdict; got != c.want {
				t.Errorf("judged %s, want %s", got, c.want)
			}
			if red := c.want == Fail || c.want == Missing; r.Red() != red {
				t.Errorf("red is %v, want %v", r.Red(), red)
			}
			if want := string(c.want); !strings.Contains(r.Markdown(), want) || strings.Contains(r.Markdown(), "A|B") {
				t.Errorf("the report lacks %q or breaks its table:\n%s", want, r.Markdown())
			}
		})
	}
}

func TestAReportIsRefused(t *testing.T) {
	if _, err := NewReport([]Row{{ID: "X-1"}}, []covers.Outcome{outcome("pass", "X-2")}); err == nil {
		t.Error("a test of an unknown row is taken")
	}
	rows := make([]Row, 11)
	for i := range rows {
		rows[i] = Row{ID: string(rune('A' + i)), NA: "why"}
	}
	if _, err := NewReport(rows, nil); err == nil {
		t.Error("eleven rows that don't apply are taken")
	}
	if _, err := ReadOutcomes(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no outcomes at all: %v, want not exist", err)
	}
}

func TestRowsAreReadStrictly(t *testing.T) {
	for _, body := range []string{``, `[]`, `{"A":{}}`, `{"A":{"says":"x","open":1}}`, `{"A":{"says":"x"},"A":{"says":"y"}}`, `{"A":{"says":"x"}`} {
		if rows, err := ReadRows([]byte(body)); err == nil {
			t.Errorf("%s is read as %v", body, rows)
		}
	}
	rows, err := ReadRows(theList(t))
	if err != nil || len(rows) != 251 || rows[0].ID != "DET-01" || rows[250].ID != "FUT-9" {
		t.Errorf("read %d rows of the real file: %v", len(rows), err)
	}
}

func TestTheChoiceIsTheSameForTheSameRun(t *testing.T) {
	rows, err := ReadRows(theList(t))
	if err != nil {
		t.Fatal(err)
	}
	var all []covers.Outcome
	for _, row := range rows {
		all = append(all, outcome("pass", row.ID))
	}
	r, err := NewReport(rows, all)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	again, err := NewReport(rows, all)
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.Choose(20), again.Choose(20)
	if len(first) != 20 || !slices.Equal(first, second) {
		t.Errorf("chose %v, then %v", first, second)
	}
	for _, id := range first {
		if sums(id) {
			t.Errorf("chose %s, which sums others up", id)
		}
	}
}

func TestTheCommandWritesTheReportAndEndsRed(t *testing.T) {
	folder := t.TempDir()
	line := `{"suite":"client","file":"a.test.ts","test":"works","ids":["DET-01"],"outcome":"pass"}` + "\n"
	if err := os.WriteFile(filepath.Join(folder, "client.jsonl"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "report.md")
	var out bytes.Buffer
	if err := run([]string{"-list", list, "-outcomes", folder, "-write", path}, &out); !errors.Is(err, errRed) {
		t.Errorf("run: %v, want red", err)
	}
	report, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "missing DET-02") || !strings.Contains(string(report), "| DET-01 | pass |") {
		t.Errorf("printed\n%s", out.String())
	}
	if err := run([]string{"-list", list, "-outcomes", filepath.Join(folder, "none")}, &out); err == nil {
		t.Error("a folder that is not there is a report")
	}
}
