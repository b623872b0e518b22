package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func docsPage(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, "broadcaster/client/docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// parts returns what stands below each heading "## …" of a page.
func parts(text string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		out[title] = body
	}
	return out
}

func TestTheTestingGuideHasTheSevenScenariosAndTheirResults(t *testing.T) {
	covers.IDs(t, "DOC-07", "T-form")
	guide := parts(docsPage(t, "testing.md"))
	var titles []string
	for title, body := range guide {
		name, isTest := strings.CutPrefix(title, "Test ")
		if !isTest {
			continue
		}
		titles = append(titles, name)
		if !strings.Contains(body, "\n1. ") || !strings.Contains(body, "**Passed when**") {
			t.Errorf("%s: want steps, and when it has passed", title)
		}
	}
	if len(titles) != 7 {
		t.Fatalf("got %d scenarios %q, want 7", len(titles), titles)
	}
	form := guide["Results"]
	for _, title := range titles {
		number, name, _ := strings.Cut(title, ": ")
		if line := regexp.MustCompile(`(?m)^` + number + `  ` + name + ` .*$`).FindString(form); !strings.Contains(line, "PASS / FAIL") {
			t.Errorf("the form has no line for %s", title)
		}
	}
	for _, want := range []string{"Date:", "Tester:", "Environment", "Notes", "All passed: YES / NO", "Critical issues:", "Recommendations:"} {
		if !strings.Contains(form, want) {
			t.Errorf("the form has no %s", want)
		}
	}
}

func TestTheDebuggingChecklistHasAQuestionForEachTrouble(t *testing.T) {
	covers.IDs(t, "T-dbg")
	list := parts(docsPage(t, "testing.md"))["Debugging checklist"]
	for trouble, wants := range map[string][]string{
		"No lines in the console":   {"open", "Preserve log", "Verbose"},
		"A sign-in fails":           {"base path", "redirect URI", "server answers"},
		"The token does not change": {"really granted", "`iat`"},
		"It goes round in circles":  {"`refresh=true`", "still 403 - user lacks permission"},
		"The address is lost":       {"postLoginUrl", "empties"},
	} {
		_, rest, found := strings.Cut(list, "**"+trouble+"**")
		body, _, _ := strings.Cut(rest, "\n**")
		if !found || strings.Count(body, "\n- [ ] ") < 3 {
			t.Errorf("%s: want at least three points", trouble)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: nothing about %s", trouble, want)
			}
		}
	}
}

// The table of what may be wrong names every code by which a sign-in is
// refused, and none that there is not.
func TestTheSignInPageExplainsEveryCodeOfARefusal(t *testing.T) {
	covers.IDs(t, "DOC-07")
	table := parts(docsPage(t, "sign-in.md"))["When it does not work"]
	codes := map[string]bool{}
	for _, file := range []string{"refusal.go", "origins.go"} {
		source, err := os.ReadFile(filepath.Join(root, "auth/signin", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range regexp.MustCompile(`(?m)^\s*Code\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
			codes[c[1]] = true
		}
	}
	if len(codes) < 15 {
		t.Fatalf("got %d codes of the package", len(codes))
	}
	// Those of a refresh, and of a request that can't be read, are no trouble of a sign-in.
	for _, code := range []string{"session_ended", "refresh_busy", "bad_request"} {
		delete(codes, code)
	}
	for code := range codes {
		if !strings.Contains(table, "`"+code+"`") {
			t.Errorf("nothing about %s", code)
		}
	}
	// Names of the log and of the provider's own page (RFC 6749 §5.2) are none of ours.
	others := []string{"signin_refused", "signin_failed", "redirect_uri", "invalid_client"}
	for _, found := range regexp.MustCompile("`([a-z]+_[a-z_]+)`").FindAllStringSubmatch(table, -1) {
		if !codes[found[1]] && !slices.Contains(others, found[1]) {
			t.Errorf("the table names %s, which is no code", found[1])
		}
	}
}

// What the pages promise is there: who looks for one finds the others.
func TestTheDocumentationIsWholeAndLinked(t *testing.T) {
	covers.IDs(t, "DOC-07", "SEC-08")
	for _, page := range []string{"user-guide.md", "quick-reference.md", "technical.md", "troubleshooting.md", "testing.md", "sign-in.md"} {
		docsPage(t, page)
		client, err := os.ReadFile(filepath.Join(root, "broadcaster/client/README.md"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(client), "](docs/"+page+")") {
			t.Errorf("the client's README does not link to %s", page)
		}
	}
	if !strings.Contains(readme(t), "](broadcaster/client/docs/sign-in.md)") || !strings.Contains(readme(t), "](broadcaster/client/docs/testing.md)") {
		t.Error("the README does not link to the pages about sign-in and testing")
	}
	if guide := docsPage(t, "user-guide.md"); !strings.Contains(guide, "](testing.md)") {
		t.Error("the user guide does not link to the testing guide")
	}
	quick := parts(docsPage(t, "quick-reference.md"))
	for _, want := range []string{"Before and after", "What happens, step by step", "Where it is in the code", "Lines in the console", "A quick test", "Common issues", "Debug tips"} {
		if quick[want] == "" {
			t.Errorf("the quick reference has no %s", want)
		}
	}
	for _, want := range []string{"src/signin.ts", "src/silentframe.ts", "src/redirect.ts", "src/callback.ts", "src/returnpath.ts"} {
		if !strings.Contains(quick["Where it is in the code"], want) {
			t.Errorf("the quick reference does not say where %s is", want)
		}
	}
	if text := docsPage(t, "testing.md"); !strings.Contains(text, "Never paste a token into a web site") || !strings.Contains(text, "keyturn decode") || strings.Contains(text, "jwt.io") {
		t.Error("the testing guide lets people read tokens elsewhere than on their own machine")
	}
}
