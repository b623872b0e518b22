package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

// Whoever copies a configuration from the pages about the client gets one that
// is understood and that checks out.
func TestTheConfigurationsOfThePagesAreUnderstood(t *testing.T) {
	covers.IDs(t, "DOC-07")
	pages, err := filepath.Glob(filepath.Join("..", "..", "broadcaster", "client", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	block, signin := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$"), []string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllSubmatch(text, -1) {
			file := filepath.Join(t.TempDir(), "keyturn.yaml")
			if err := os.WriteFile(file, found[1], 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := loadConfig(file, nil, nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, found[1])
				continue
			}
			if c.issues() && len(c.Auth.Providers) == 1 {
				signin = append(signin, c.Auth.Claims.From)
			}
		}
	}
	if !slices.Equal(signin, []string{claimsIDP, claimsHook}) {
		t.Errorf("got sign-in with claims from %q, want idp, then hook", signin)
	}
}
