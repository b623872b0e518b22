package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARoleGrantedWhileAPageIdlesReachesItsSocket(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	b := signIn(t, d, "alice", "user")
	if got := b.call(t, "/api/admin"); got != 403 {
		t.Fatalf("an API of another role: got %d, want 403", got)
	}
	c, _, err := b.socket(t, d.public)
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, "welcome", func(f frame) bool { return f.Type == "welcome" })

	if err := os.WriteFile(filepath.Join(dir, "claims.json"), []byte(`{"alice":{"roles":["user","admin"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := d.verb("claims", "demo", "alice")
	if code != exitOK || !strings.Contains(out, "refresh within seconds") {
		t.Fatalf("claims: got code %d\n%s%s", code, out, errs)
	}
	await(t, c, "the news", func(f frame) bool { return f.Type == "claims" })
	b.refresh(t)
	if got := b.call(t, "/api/admin"); got != 200 {
		t.Errorf("after the refresh: got %d, want 200", got)
	}
	if code, _, errs := d.verb("claims", "demo"); code != exitUsage || !strings.Contains(errs, "name the ring and the subject") {
		t.Errorf("without a subject: got code %d %s", code, errs)
	}
}
