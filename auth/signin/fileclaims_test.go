package signin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileClaimsFollowTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.json")
	c := FileClaims(path)
	given := map[string]any{"roles": []any{"given"}}
	role := func(who string) any {
		t.Helper()
		got, err := c.Claims(t.Context(), Subject{ID: who, Last: given})
		if err != nil {
			t.Fatal(err)
		}
		return got["roles"].([]any)[0]
	}
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := role("alice"); got != "given" {
		t.Errorf("without a file: got %v, want what was given", got)
	}
	write(`{"alice":{"roles":["user"]}}`)
	if got := role("alice"); got != "user" {
		t.Errorf("got %v, want the file's", got)
	}
	if got := role("bob"); got != "given" {
		t.Errorf("a subject that is not named: got %v, want what was given", got)
	}
	write(`{"alice":{"roles":["boss"]}}`) // same size, and perhaps the same time
	if got := role("alice"); got != "boss" {
		t.Errorf("after a change: got %v, want the new role", got)
	}
	write(`{"alice":null}`)
	if _, err := c.Claims(t.Context(), Subject{ID: "alice", Last: given}); !errors.Is(err, ErrGone) {
		t.Errorf("null: got %v, want ErrGone", err)
	}
	write("{\n  \"alice\": {,\n}")
	if _, err := c.Claims(t.Context(), Subject{ID: "alice"}); err == nil || errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "line 2, column") || !strings.Contains(err.Error(), path) {
		t.Errorf("broken file: got %v, want an error with file, line and column", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := role("alice"); got != "given" {
		t.Errorf("file removed: got %v, want what was given", got)
	}
}

func TestABrokenClaimsFileSaysWhere(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"empty", ``, "line 1, column 1: the file ends too early"},
		{"cut short", "{\n\"alice\": {", "line 2, column 11: the file ends too early"},
		{"a list", `["alice"]`, "found a JSON array"},
		{"null", `null`, "found null"},
		{"claims are a list", "{\n \"alice\": [\"user\"]}", "line 2"},
		{"two values", `{} {}`, "nothing after it"},
		{"rubbish after", `{}}`, "line 1, column"},
		{"not JSON", `alice: user`, "line 1, column"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseClaims([]byte(c.data))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want … %s …", err, c.want)
			}
		})
	}
}

func TestAClaimsFileBeyondItsCapIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.json")
	if err := os.WriteFile(path, make([]byte, maxClaimsFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FileClaims(path).Claims(t.Context(), Subject{ID: "a"}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v, want a word on its size", err)
	}
}

// Property: bytes either are an object of objects and nulls, or an error that says where.
func FuzzFileClaims(f *testing.F) {
	f.Add([]byte(`{"alice":{"roles":["user"]},"mallory":null}`))
	f.Add([]byte(`{"a":`))
	f.Add([]byte("\n\n[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseClaims(b)
		if (all == nil) == (err == nil) {
			t.Fatalf("got claims %v and error %v, want one of them", all, err)
		}
	})
}
