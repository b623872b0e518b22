package harness

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Entry is one key of a file store, as a person would write it.
type Entry struct {
	KID     string `json:"kid,omitempty"`
	Version string `json:"version,omitempty"`
	Stage   string `json:"stage"`
	Alg     string `json:"alg"`
	Secret  string `json:"secret"` // base64url
}

// KeyFile is a file store that a test changes by hand.
type KeyFile struct {
	Path string
	t    testing.TB

	mu     sync.Mutex
	serial int
	keys   []Entry
}

// NewKeyFile makes a file with these keys, serial 1.
func NewKeyFile(t testing.TB, keys ...Entry) *KeyFile {
	t.Helper()
	f := &KeyFile{Path: filepath.Join(t.TempDir(), "keys.json"), t: t}
	f.Edit(func([]Entry) []Entry { return keys })
	return f
}

// HS256 is a new strong key.
func HS256(kid, stage string) Entry {
	return Entry{KID: kid, Stage: stage, Alg: "HS256", Secret: Secret()}
}

// Secret returns 32 random bytes in base64url.
func Secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Edit changes the keys as an editor does: a new file, renamed over the old one.
func (f *KeyFile) Edit(change func([]Entry) []Entry) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	f.keys = change(append([]Entry(nil), f.keys...))
	body, err := json.MarshalIndent(map[string]any{"serial": f.serial, "keys": f.keys}, "", "  ")
	if err != nil {
		f.t.Fatal(err)
	}
	swap := f.Path + ".swp"
	if err := os.WriteFile(swap, body, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(swap, f.Path); err != nil {
		f.t.Fatal(err)
	}
}

// Reload forgets what the test wrote and reads what keyturn wrote since.
func (f *KeyFile) Reload() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := os.ReadFile(f.Path)
	if err != nil {
		f.t.Fatal(err)
	}
	var file struct {
		Serial int     `json:"serial"`
		Keys   []Entry `json:"keys"`
	}
	if err := json.Unmarshal(body, &file); err != nil {
		f.t.Fatal(err)
	}
	f.serial, f.keys = file.Serial, file.Keys
}

// Turn makes a new HS256 key current, with the old current one as previous,
// unannounced: in one save.
func (f *KeyFile) Turn(kid string) {
	f.t.Helper()
	f.Edit(func(keys []Entry) []Entry {
		next := []Entry{HS256(kid, "current")}
		for _, k := range keys {
			if k.Stage == "current" {
				k.Stage = "previous"
				next = append(next, k)
			}
		}
		return next
	})
}
