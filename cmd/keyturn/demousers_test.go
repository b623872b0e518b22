package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

// do calls an API with the token, as a program does: without an Origin but for what header says.
func (b *browser) do(t *testing.T, method, path, body string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.d.public+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := b.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, string(got)}
}

// The way of a role from the admin page to a call that needs it, once for each
// place where the demo may keep roles.
func TestARoleThatIsSavedIsToldAndIsInTheNextToken(t *testing.T) {
	covers.IDs(t, "REF-02")
	for claims, file := range map[string]string{"file": "claims.json", "hook": "roles.json"} {
		t.Run(claims, func(t *testing.T) {
			d := startDev(t, t.TempDir(), "--claims", claims)
			alice, root := signIn(t, d, "alice", "user"), signIn(t, d, "root", "user", "admin")
			if got := alice.call(t, "/reporting/api/reports"); got != http.StatusForbidden {
				t.Fatalf("without the role: got %d", got)
			}
			if got := alice.do(t, "GET", "/demo/api/users", "", nil); got.status != http.StatusForbidden || !strings.Contains(got.body, "role_missing") {
				t.Fatalf("users, without the role: got %d %s", got.status, got.body)
			}
			if got := root.do(t, "GET", "/demo/api/users", "", nil); !strings.Contains(got.body, `{"sub":"alice","roles":["user"],`) {
				t.Fatalf("who has signed in: got %s", got.body)
			}
			c, _, err := alice.socket(t, d.public)
			if err != nil {
				t.Fatal(err)
			}
			await(t, c, "welcome", func(f frame) bool { return f.Type == "welcome" })

			got := root.do(t, "PUT", "/demo/api/users/alice/roles", `{"roles":["user","analyst"],"tell":true}`, nil)
			if got.status != 200 || !strings.Contains(got.body, `"told":true`) || !strings.Contains(got.body, `"before":["user"],"after":["user","analyst"]`) {
				t.Fatalf("save: got %d %s", got.status, got.body)
			}
			await(t, c, "claims", func(f frame) bool { return f.Type == "claims" })
			alice.refresh(t)
			if got := alice.call(t, "/reporting/api/reports"); got != 200 {
				t.Errorf("with the role: got %d", got)
			}
			data, err := os.ReadFile(filepath.Join(d.dir, file))
			if err != nil || !strings.Contains(string(data), "analyst") {
				t.Errorf("%s: %s %v", file, data, err)
			}
			if info, err := os.Stat(filepath.Join(d.dir, file)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", file, info, err)
			}
			if got := root.do(t, "GET", "/demo/api/users", "", nil); !strings.Contains(got.body, `"by":"root","sub":"alice"`) {
				t.Errorf("the audit: got %s", got.body)
			}
			if logged := d.stderr.String(); !strings.Contains(logged, `demo_roles_saved  {"by": "root", "subject": "alice"`) {
				t.Errorf("the log says nothing of it:\n%s", logged)
			}
			if said := d.stderr.String() + d.stdout.String(); strings.Contains(said, alice.token) || strings.Contains(said, "whsec_") {
				t.Error("a token or a secret is shown")
			}

			// Taken away again, the role is gone with the next token.
			if got := root.do(t, "PUT", "/demo/api/users/alice/roles", `{"roles":[]}`, nil); got.status != 200 || !strings.Contains(got.body, `"told":false`) {
				t.Fatalf("save: got %d %s", got.status, got.body)
			}
			alice.refresh(t)
			if got := alice.call(t, "/reporting/api/reports"); got != http.StatusForbidden {
				t.Errorf("without the role: got %d", got)
			}
		})
	}
}

func TestASaveIsRefusedWhereItCanNotBeMeant(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "claims.json"), []byte(`{"alice":{"roles":["user"],"level":9007199254740993},"mallory":null}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDev(t, dir)
	root := signIn(t, d, "root", "admin")
	seen := rolesVersion([]string{"user"})
	for _, c := range []struct {
		name, sub, body string
		header          http.Header
		status          int
		say             string
	}{
		{"not JSON", "alice", `roles=admin`, nil, 400, "want {"},
		{"another form", "alice", `roles=admin`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 400, "application/json"},
		{"nothing", "alice", `{}`, nil, 400, "roles: is missing"},
		{"null", "alice", `{"roles":null}`, nil, 400, "roles: is missing"},
		{"a slip", "alice", `{"roles":["user"],"tel":true}`, nil, 400, "want {"},
		{"two objects", "alice", `{"roles":["user"]}{}`, nil, 400, "nothing after it"},
		{"an empty role", "alice", `{"roles":[""]}`, nil, 400, "1 to 64"},
		{"a long role", "alice", `{"roles":["` + strings.Repeat("r", 65) + `"]}`, nil, 400, "1 to 64"},
		{"a role with a line break", "alice", `{"roles":["user\nadmin"]}`, nil, 400, "1 to 64"},
		{"a role twice", "alice", `{"roles":["user","user"]}`, nil, 400, "each one once"},
		{"many roles", "alice", `{"roles":[` + strings.Repeat(`"r",`, 32) + `"r"]}`, nil, 400, "at most 32"},
		{"too much", "alice", `{"roles":["` + strings.Repeat("r", 9<<10) + `"]}`, nil, 400, "8 KiB"},
		{"a subject with a control character", "ali%0Ace", `{"roles":["user"]}`, nil, 400, "subject"},
		{"a long subject", strings.Repeat("a", 256), `{"roles":["user"]}`, nil, 400, "subject"},
		{"somebody who may not sign in", "mallory", `{"roles":["user"]}`, nil, 409, "subject_blocked"},
		{"roles that have changed", "alice", `{"roles":["admin"]}`, http.Header{"If-Match": {`"old"`}}, 412, "roles_changed"},
		{"roles that were seen", "alice", `{"roles":["user","analyst"]}`, http.Header{"If-Match": {`"` + seen + `"`}}, 200, `"analyst"`},
		{"the same once more", "alice", `{"roles":["user"]}`, http.Header{"If-Match": {`"` + seen + `"`}}, 412, "roles_changed"},
		{"a subject of a provider", "idp%7Cbob%2Fx", `{"roles":["user"]}`, nil, 200, `"sub":"idp|bob/x"`},
	} {
		if got := root.do(t, "PUT", "/demo/api/users/"+c.sub+"/roles", c.body, c.header); got.status != c.status || !strings.Contains(got.body, c.say) {
			t.Errorf("%s: got %d %.200s, want %d %s", c.name, got.status, got.body, c.status, c.say)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "claims.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Roles []string    `json:"roles"`
		Level json.Number `json:"level"`
	}
	if err := json.Unmarshal(data, &all); err != nil || fmt.Sprint(all["alice"]) != "{[user analyst] 9007199254740993}" || !strings.Contains(string(data), `"mallory": null`) {
		t.Errorf("what else the file holds has changed: %s %v", data, err)
	}
	if got := root.do(t, "GET", "/demo/api/users", "", nil); !strings.Contains(got.body, `"blocked":true`) {
		t.Errorf("users: got %s", got.body)
	}

	// A file that a slip of an editor has broken is told, and left alone.
	if err := os.WriteFile(filepath.Join(dir, "claims.json"), []byte(`{"alice":`), 0o600); err != nil {
		t.Fatal(err)
	}
	for method, path := range map[string]string{"GET": "/demo/api/users", "PUT": "/demo/api/users/alice/roles"} {
		body := ""
		if method == "PUT" {
			body = `{"roles":["user"]}`
		}
		if got := root.do(t, method, path, body, nil); got.status != 500 || !strings.Contains(got.body, "mend it in an editor") {
			t.Errorf("%s with a broken file: got %d %s", method, got.status, got.body)
		}
	}
	if data, err = os.ReadFile(filepath.Join(dir, "claims.json")); err != nil || string(data) != `{"alice":` {
		t.Errorf("the broken file was replaced: %s %v", data, err)
	}
}

func TestOfSavesThatComeTogetherNoneIsLost(t *testing.T) {
	f := &roleFile{path: filepath.Join(t.TempDir(), "roles.json")}
	const savers, saves = 8, 5
	var all sync.WaitGroup
	for i := range savers {
		all.Go(func() {
			for j := range saves {
				role := fmt.Sprintf("r%d.%d", i, j)
				err := f.change("alice", func(before grants, _ bool) (grants, error) {
					roles := append(before.roles(), role)
					return grants{"roles": roles}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	// Whoever reads meanwhile finds a whole file.
	for range 50 {
		if _, err := f.all(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	got, err := f.all()
	if err != nil || len(got["alice"].roles()) != savers*saves {
		t.Errorf("got %d roles, %v", len(got["alice"].roles()), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestAFileThatCanNotBeReplacedStaysAndLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "roles.json")
	if err := os.Mkdir(path, 0o700); err != nil { // no file can be renamed over a folder
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("{}")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
	f := &roleFile{path: path}
	if _, err := f.all(); err == nil {
		t.Error("a folder is no file of roles")
	}
}

func TestTheDemoRemembersABoundedNumberOfPeople(t *testing.T) {
	var p people
	for i := range maxPeople + 10 {
		p.see(fmt.Sprintf("u%d", i), []string{"user"})
	}
	if got := p.all(); len(got) != maxPeople {
		t.Errorf("got %d", len(got))
	} else if _, ok := got["u0"]; ok {
		t.Error("the oldest is still there")
	}
	var a audit
	for i := range keepAudit + 5 {
		a.add(change{Sub: fmt.Sprint(i)})
	}
	if got := a.all(); len(got) != keepAudit || got[0].Sub != fmt.Sprint(keepAudit+4) {
		t.Errorf("audit: got %d, first %s", len(got), got[0].Sub)
	}
}

func FuzzRolesBody(f *testing.F) {
	for _, seed := range []string{`{"roles":["user"],"tell":true}`, `{"roles":[]}`, `{}`, `{"roles":["a","a"]}`, `{"roles":["a"]} x`, `[]`, "{\"roles\":[\"\u202e\"]}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPut, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		in, refusal := readRoles(httptest.NewRecorder(), r)
		if refusal != "" {
			return
		}
		if in.Roles == nil || len(in.Roles) > maxRoleList {
			t.Errorf("%q: accepted %q", body, in.Roles)
		}
		seen := map[string]bool{}
		for _, role := range in.Roles {
			if !printableText(role, maxRoleName) || seen[role] {
				t.Errorf("%q: accepted %q", body, in.Roles)
			}
			seen[role] = true
		}
	})
}
