// Package covers binds a Go test to the IDs of test/requirements.json, as
// covers.ts does for the TypeScript ones.
//
// With TEST_OUTCOMES in the environment each bound test appends one line of
// JSON to go.jsonl in that folder when it ends, which is what the report reads;
// without it nothing is written. Nothing here starts a goroutine.
package covers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Most is how many IDs one test may cover: a test that proves everything
// proves nothing in particular.
const Most = 3

// Outcome is one line of an outcome file. The TypeScript reporter writes the same.
type Outcome struct {
	Suite   string   `json:"suite"`   // go, client or browser
	File    string   `json:"file"`    // of the test, relative to the repository, with slashes
	Test    string   `json:"test"`    // its full name
	IDs     []string `json:"ids"`     // of test/requirements.json, one to Most
	Outcome string   `json:"outcome"` // pass, fail or skip
}

var known = sync.OnceValues(func() (map[string]json.RawMessage, error) {
	var ids map[string]json.RawMessage
	body, err := os.ReadFile(filepath.Join(root(), "test", "requirements.json"))
	if err != nil {
		return nil, err
	}
	return ids, json.Unmarshal(body, &ids)
})

// IDs says that the calling test or subtest proves these requirements. It is
// its first statement, so that its outcome is known after every other cleanup.
// An unknown ID, none, or more than Most fail the test.
func IDs(t testing.TB, ids ...string) {
	t.Helper()
	all, err := known()
	if err != nil {
		t.Fatalf("test/requirements.json: %v", err)
	}
	if len(ids) == 0 || len(ids) > Most {
		t.Fatalf("covers %d IDs, want 1 to %d: split the test", len(ids), Most)
	}
	for _, id := range ids {
		if _, ok := all[id]; !ok {
			t.Fatalf("covers %q, which test/requirements.json does not list", id)
		}
	}
	folder := os.Getenv("TEST_OUTCOMES")
	if folder == "" {
		return
	}
	_, file, _, _ := runtime.Caller(1)
	t.Cleanup(func() {
		o := Outcome{Suite: "go", File: relative(file), Test: t.Name(), IDs: ids, Outcome: "pass"}
		switch {
		case t.Failed():
			o.Outcome = "fail"
		case t.Skipped():
			o.Outcome = "skip"
		}
		if err := add(filepath.Join(folder, "go.jsonl"), o); err != nil {
			t.Errorf("write the outcome: %v", err)
		}
	})
}

// add appends one line in one write, which is whole also when packages are
// tested side by side: O_APPEND.
func add(path string, o Outcome) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		_ = f.Close() // the write's error is the one to tell
		return err
	}
	return f.Close()
}

// root is where the repository lies: two folders above this file.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(filepath.ToSlash(here), "test/covers/covers.go")
}

func relative(file string) string { return strings.TrimPrefix(filepath.ToSlash(file), root()) }
