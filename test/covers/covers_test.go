package covers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnOutcomeIsOneLineAtTheEndOfTheTest(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TEST_OUTCOMES", folder)
	path := filepath.Join(folder, "go.jsonl")
	t.Run("bound", func(t *testing.T) {
		IDs(t, "SEC-05", "SEC-09")
		if _, err := os.Stat(path); err == nil {
			t.Error("an outcome is written before it is known")
		}
	})
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got Outcome
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if got.File != "test/covers/covers_test.go" || got.Outcome != "pass" || strings.Join(got.IDs, " ") != "SEC-05 SEC-09" ||
		!strings.HasSuffix(got.Test, "/bound") || got.Suite != "go" {
		t.Errorf("wrote %+v", got)
	}
}

// probe stands in for a test that calls IDs wrongly.
type probe struct {
	testing.TB
	fatal bool
}

func (p *probe) Helper()               {}
func (p *probe) Fatalf(string, ...any) { p.fatal = true; panic(p) }

func TestOneToThreeKnownIDsAreBound(t *testing.T) {
	for _, ids := range [][]string{{}, {"NONE-1"}, {"DET-01", "DET-02", "DET-03", "DET-04"}} {
		p := &probe{TB: t}
		func() {
			defer func() { _ = recover() }() // Fatalf of a real test ends its goroutine
			IDs(p, ids...)
		}()
		if !p.fatal {
			t.Errorf("%v is accepted", ids)
		}
	}
}
