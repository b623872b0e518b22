package main

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func TestTheScriptForTestersIsServedByDevAlone(t *testing.T) {
	covers.IDs(t, "API-18")
	d := startDev(t, t.TempDir())
	if got := d.get(d.public + "/keyturn.dev.js"); got.status != 200 || !strings.Contains(got.body, "keyturnDev") {
		t.Errorf("dev: got %d %.80s, want the script with helpers", got.status, got.body)
	}
	if got := d.get(d.public + "/keyturn.js"); got.status != 200 || strings.Contains(got.body, "keyturnDev") {
		t.Errorf("dev: got %d for the script of users, want it without helpers", got.status)
	}
}
