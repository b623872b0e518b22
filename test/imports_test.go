package test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/keyturn/keyturn/"

// rule says what the non-test code of the packages under a folder may import
// besides the standard library. The longest folder that matches a package wins.
type rule struct {
	folder string
	ours   []string // packages of this module, exactly
	others []string // prefixes of foreign import paths; nil: any
}

// anywhere lists what every package but watcher/rotation and auth may import.
var anywhere = []string{"go.uber.org/zap", "github.com/prometheus/", "golang.org/x/time", "golang.org/x/sync"}

var none = []string{}

// rules is the import rule of this project: the domain stands alone, adapters
// know their parent, rotation, auth and their SDKs but never each other, and
// cmd wires. One exception is spelled out: auth/natskeys follows the log
// through broadcaster/natsfeed, which for that reason imports no hub.
var rules = []rule{
	{"watcher/rotation", none, none},
	{"auth", none, []string{"github.com/golang-jwt/", "github.com/go-jose/"}},
	{"auth/natskeys", []string{"auth", "watcher/rotation", "broadcaster/natsfeed"}, []string{"github.com/nats-io/nats.go"}},
	{"auth/signin", []string{"auth"}, []string{"github.com/nats-io/nats.go", "github.com/coreos/go-oidc/", "golang.org/x/oauth2"}},
	{"watcher", []string{"watcher/rotation"}, none},
	{"watcher/natslog", []string{"watcher", "watcher/rotation", "auth"}, []string{"github.com/nats-io/", "golang.org/x/sys"}},
	{"watcher/filestore", []string{"watcher", "watcher/rotation", "auth"}, []string{"github.com/fsnotify/", "golang.org/x/sys"}},
	{"watcher/secretsmanager", []string{"watcher", "watcher/rotation", "auth"}, []string{"github.com/aws/"}},
	{"watcher/rollout", []string{"watcher", "watcher/rotation", "auth"}, none},
	{"watcher/admin", []string{"watcher", "watcher/rotation", "watcher/rollout", "auth"}, none},
	{"broadcaster", []string{"watcher/rotation", "auth"}, []string{"github.com/gorilla/websocket", "golang.org/x/sys"}},
	{"broadcaster/natsfeed", []string{"watcher/rotation"}, []string{"github.com/nats-io/nats.go"}},
	{"broadcaster/client", none, none},
	{"cmd/keyturn", nil, nil},
	{"test", nil, nil},
}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestPackagesImportOnlyWhatTheImportRuleAllows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); seen++ {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		check(t, strings.TrimPrefix(p.ImportPath, module), p.Imports)
	}
	if seen < 8 {
		t.Fatalf("go list named %d packages, want the whole module", seen)
	}
}

func check(t *testing.T, pkg string, imports []string) {
	r, ok := ruleFor(pkg)
	if !ok {
		t.Errorf("%s stands in no folder of the layout", pkg)
		return
	}
	for _, imp := range imports {
		own, inModule := strings.CutPrefix(imp, module)
		switch {
		case inModule && strings.HasPrefix(own, "cmd/"):
			t.Errorf("%s imports %s: nobody imports cmd", pkg, own)
		case inModule && r.ours != nil && !allowsOwn(r, own):
			t.Errorf("%s imports %s, may import of ours only %v", pkg, own, r.ours)
		case !inModule && !standard(imp) && r.others != nil && !allowsForeign(r, imp):
			t.Errorf("%s imports %s, may import of others only %v", pkg, imp, r.others)
		}
	}
}

func ruleFor(pkg string) (best rule, ok bool) {
	for _, r := range rules {
		if (pkg == r.folder || strings.HasPrefix(pkg, r.folder+"/")) && len(r.folder) > len(best.folder) {
			best, ok = r, true
		}
	}
	return best, ok
}

func allowsOwn(r rule, own string) bool {
	if own == r.folder || strings.HasPrefix(own, r.folder+"/") {
		return true
	}
	for _, o := range r.ours {
		if own == o {
			return true
		}
	}
	return false
}

func allowsForeign(r rule, imp string) bool {
	allowed := r.others
	if r.folder != "watcher/rotation" && r.folder != "auth" {
		allowed = append(append([]string{}, allowed...), anywhere...)
	}
	for _, a := range allowed {
		if strings.HasPrefix(imp, a) {
			return true
		}
	}
	return false
}

// standard reports whether an import path belongs to the standard library:
// its first element has no dot.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

func TestTheImportRuleRefusesWhatItShould(t *testing.T) {
	for _, c := range []struct {
		pkg, imp string
		allowed  bool
	}{
		{"watcher/rotation", "go.uber.org/zap", false},
		{"auth", module + "watcher/rotation", false},
		{"auth/natskeys", module + "broadcaster", false},
		{"auth/natskeys", module + "broadcaster/natsfeed", true},
		{"watcher/filestore", module + "watcher/natslog", false},
		{"broadcaster", "github.com/gorilla/websocket", true},
		{"broadcaster", "github.com/nats-io/nats.go", false},
		{"watcher", "go.uber.org/zap", true},
	} {
		r, _ := ruleFor(c.pkg)
		own, inModule := strings.CutPrefix(c.imp, module)
		got := inModule && allowsOwn(r, own) || !inModule && allowsForeign(r, c.imp)
		if got != c.allowed {
			t.Errorf("%s importing %s: allowed %v, want %v", c.pkg, c.imp, got, c.allowed)
		}
	}
}
