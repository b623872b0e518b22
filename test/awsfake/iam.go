package awsfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The identities of the account.
const (
	Admin  = "admin"  // may do everything
	Watch  = "watch"  // has deploy/aws/policies/watch.json
	Rotate = "rotate" // has watch.json and rotate.json
)

// role is an identity: what its access key names.
type role struct {
	name  string
	files []string // of deploy/aws/policies; nil: everything is allowed
}

func roles() map[string]*role {
	out := map[string]*role{}
	for _, r := range []*role{{name: Admin}, {name: Watch, files: []string{"watch.json"}}, {name: Rotate, files: []string{"watch.json", "rotate.json"}}} {
		out[accessKey(r.name)] = r
	}
	return out
}

func accessKey(role string) string { return "AKIAFAKE" + strings.ToUpper(role) }

func (r *role) principal() string {
	if r == nil {
		return ""
	}
	return "arn:aws:sts::" + Account + ":assumed-role/keyturn-" + r.name + "/session"
}

// identify reads who calls and where from the signature's credential scope,
// <access key>/<date>/<Region>/<service>/aws4_request.
func (f *Fake) identify(req *request, authorization string) {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	if len(parts) != 5 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	req.who, req.region = f.roles[parts[0]], parts[2]
}

// Grants fills the placeholders of the policy files. A nil list stands for what
// deploy/aws would be told: all secrets by name with "-??????" for the random
// characters, all queues, keys and rotation functions of the account. A
// statement whose list is empty is left out, as the deployment leaves it out.
type Grants struct {
	Secrets, Queues, Keys, Lambdas []string
}

// Grant replaces the grants.
func (f *Fake) Grant(g Grants) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants = g
}

// Without takes statements out of every policy, by their Sid, as somebody does
// who forgets one. A second call replaces the first.
func (f *Fake) Without(sids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.without = sids
}

// Used returns the actions that a role was allowed and used so far, sorted:
// those of its calls, and of what Secrets Manager asked on its behalf
// (kms:Decrypt, kms:GenerateDataKey, lambda:InvokeFunction).
func (f *Fake) Used(role string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.used[role]))
}

// Statement is one allow of a policy file, rendered.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string
}

// Policies returns the statements that a role has now.
func (f *Fake) Policies(name string) []Statement {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.roles[accessKey(name)]
	return f.statements(r)
}

// PolicyFolder is deploy/aws/policies.
func PolicyFolder() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "deploy", "aws", "policies")
}

func (f *Fake) statements(r *role) (out []Statement) {
	for _, name := range r.files {
		raw, err := os.ReadFile(filepath.Join(PolicyFolder(), name))
		if err != nil {
			panic("awsfake: " + err.Error())
		}
		out = append(out, render(name, raw, f.placeholders())...)
	}
	return slices.DeleteFunc(out, func(s Statement) bool { return slices.Contains(f.without, s.Sid) })
}

// placeholders are the names that Terraform's templatefile is given too.
func (f *Fake) placeholders() map[string][]string {
	g := f.grants
	if g.Secrets == nil {
		for _, s := range f.secrets {
			for _, region := range append([]string{Region}, s.replicas...) {
				arn := s.arnIn(region)
				g.Secrets = append(g.Secrets, arn[:len(arn)-6]+"??????")
			}
		}
	}
	if g.Queues == nil {
		for _, q := range f.queues {
			if q.DLQ != nil {
				g.Queues = append(g.Queues, q.ARN)
			}
		}
	}
	if g.Keys == nil {
		for _, s := range f.secrets {
			if s.kmsKey != "" {
				g.Keys = append(g.Keys, keyARN(s.kmsKey))
			}
		}
	}
	if g.Lambdas == nil {
		for _, s := range f.secrets {
			if s.rotation != nil {
				g.Lambdas = append(g.Lambdas, s.rotation.lambda)
			}
		}
	}
	rotated := g.Secrets
	if len(g.Lambdas) == 0 {
		rotated = nil
	}
	return map[string][]string{
		"secret_arns": g.Secrets, "rotated_secret_arns": rotated, "queue_arns": g.Queues,
		"kms_key_arns": g.Keys, "rotation_lambda_arns": g.Lambdas,
	}
}

// render fills a policy file's placeholders and drops statements about nothing.
// What this evaluator does not know is an error, never an allow.
func render(name string, raw []byte, lists map[string][]string) []Statement {
	text := string(raw)
	for placeholder, list := range lists {
		if list == nil {
			list = []string{}
		}
		text = strings.ReplaceAll(text, "${"+placeholder+"}", mustJSON(list))
	}
	var doc struct {
		Version   string
		Statement []Statement
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		panic(fmt.Sprintf("awsfake: policy %s: %v", name, err))
	}
	return slices.DeleteFunc(doc.Statement, func(s Statement) bool { return len(s.Resource) == 0 })
}

// authorize checks a call against the policies of its role. Called with mu held.
func (f *Fake) authorize(req *request, action, resource string, context map[string][]string) *apiError {
	if req.who == nil || req.who.files == nil {
		return nil
	}
	for _, s := range f.statements(req.who) {
		if s.allows(action, resource, context) {
			if f.used[req.who.name] == nil {
				f.used[req.who.name] = map[string]bool{}
			}
			f.used[req.who.name][action] = true
			return nil
		}
	}
	return accessDenied("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action", req.who.principal(), action, resource, action)
}

func (s Statement) allows(action, resource string, context map[string][]string) bool {
	matches := func(patterns []string, value string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, value) })
	}
	lower := make([]string, len(s.Action))
	for i, a := range s.Action {
		lower[i] = strings.ToLower(a)
	}
	if s.Effect != "Allow" || !matches(lower, strings.ToLower(action)) || !matches(s.Resource, resource) {
		return false
	}
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			if !holds(operator, wanted, context[key]) {
				return false
			}
		}
	}
	return true
}

// holds evaluates one condition; a key that the call does not have is false,
// and so is an operator that is not known here.
func holds(operator string, wanted, got []string) bool {
	anyValue := strings.HasPrefix(operator, "ForAnyValue:")
	var same func(pattern, value string) bool
	switch strings.TrimPrefix(operator, "ForAnyValue:") {
	case "StringEquals":
		same = func(p, v string) bool { return p == v }
	case "StringLike", "ArnLike", "ArnEquals": // ArnEquals takes wildcards as ArnLike does
		same = glob
	default:
		return false
	}
	if len(got) == 0 || len(got) > 1 && !anyValue {
		return false
	}
	return slices.ContainsFunc(got, func(v string) bool {
		return slices.ContainsFunc(wanted, func(p string) bool { return same(p, v) })
	})
}

// glob matches with * for any run and ? for one character.
func glob(pattern, s string) bool {
	for len(pattern) > 0 {
		if pattern[0] == '*' {
			for i := 0; i <= len(s); i++ {
				if glob(pattern[1:], s[i:]) {
					return true
				}
			}
			return false
		}
		if s == "" || pattern[0] != '?' && pattern[0] != s[0] {
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}
