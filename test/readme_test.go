package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

func readme(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// section returns what stands between two markers of the README.
func section(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, begun := strings.Cut(text, "<!-- "+name+":begin -->\n")
	inside, _, ended := strings.Cut(rest, "<!-- "+name+":end -->")
	if !begun || !ended {
		t.Fatalf("the README has no section between the markers %s:begin and %s:end", name, name)
	}
	return strings.TrimSpace(inside)
}

func TestTheREADMEHoldsTheGeneratedConfigurationTable(t *testing.T) {
	want, err := os.ReadFile(filepath.Join(root, "cmd/keyturn/testdata/config-reference.md"))
	if err != nil {
		t.Fatal(err)
	}
	if got := section(t, readme(t), "configuration"); got != strings.TrimSpace(string(want)) {
		t.Error("the README's configuration table is not the one that keyturn config-reference prints: paste that between the markers")
	}
}

func TestTheREADMEHoldsMeasuredNumbers(t *testing.T) {
	if got := section(t, readme(t), "bench"); !strings.Contains(got, "|") || !strings.Contains(got, "floor") {
		t.Errorf("the README's measured section has no table with its reference rows: %q", got)
	}
}

func TestEveryTestAndFileThatTheREADMENamesExists(t *testing.T) {
	text := readme(t)
	out, err := exec.Command("git", "-C", root, "grep", "-ohE", `^func (Test|Fuzz)\w+`, "--", "*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)(…?)`").FindAllStringSubmatch(text, -1)
	if len(names) < 3 {
		t.Fatalf("the README names %d tests, want its promises to name theirs", len(names))
	}
	for _, n := range names {
		want := "func " + n[1]
		if n[2] == "" {
			want += "\n"
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("the README names %s, which no test file has", n[1])
		}
	}
	links := regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(text, -1)
	for _, l := range links {
		if _, err := os.Stat(filepath.Join(root, l[1])); err != nil {
			t.Errorf("the README links to %s: %v", l[1], err)
		}
	}
}
