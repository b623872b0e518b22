package aws

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/keyturn/keyturn/test/awsfake"
)

// given are module variables, and the grants that stand for the same.
func given(secrets, keys, lambdas []string) (map[string]cty.Value, awsfake.Grants, string) {
	const queue = "arn:aws:sqs:eu-central-1:123456789012:keyturn-hints"
	variables := map[string]cty.Value{"secret_arns": strs(secrets...), "kms_key_arns": strs(keys...), "rotation_lambda_arns": strs(lambdas...)}
	return variables, awsfake.Grants{Secrets: secrets, Queues: []string{queue}, Keys: keys, Lambdas: lambdas}, queue
}

const secretPattern = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/jwt-??????"

// The fake refuses what the policies don't allow, so that every other test
// shows that they are enough. This one shows that they are the ones deployed.
func TestTerraformRendersThePoliciesThatCallsAreCheckedAgainst(t *testing.T) {
	m := readModule(t)
	for _, c := range []struct {
		name          string
		keys, lambdas []string
		statements    int
	}{
		{"secrets alone", []string{}, []string{}, 5},
		{"with a customer key", []string{"arn:aws:kms:eu-central-1:123456789012:key/k1"}, []string{}, 7},
		{"with everything", []string{"arn:aws:kms:eu-central-1:123456789012:key/k1"}, []string{"arn:aws:lambda:eu-central-1:123456789012:function:rotate"}, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			variables, grants, queue := given([]string{secretPattern}, c.keys, c.lambdas)
			rendered := m.eval(t, "policies", variables, queue).AsValueMap()
			var deployed []awsfake.Statement
			for _, name := range []string{"watch", "rotate"} {
				var doc struct {
					Version   string
					Statement []awsfake.Statement
				}
				text := rendered[name].AsString()
				if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Version != "2012-10-17" {
					t.Fatalf("%s: %v: %s", name, err, text)
				}
				if len(text) > 6144 {
					t.Errorf("%s has %d characters, IAM takes 6144", name, len(text))
				}
				deployed = append(deployed, doc.Statement...)
			}
			f := awsfake.New(t)
			f.Grant(grants)
			if diff := cmp.Diff(deployed, f.Policies(awsfake.Rotate)); diff != "" {
				t.Errorf("deployed (-) and checked against (+) differ:\n%s", diff)
			}
			if len(deployed) != c.statements {
				t.Errorf("got %d statements, want %d", len(deployed), c.statements)
			}
		})
	}
}

func TestThePatternsMatchEveryChangeAndNoFailure(t *testing.T) {
	m := readModule(t)
	f := awsfake.New(t)
	arn := f.Create("prod/jwt", awsfake.String("one"))
	other := f.Queue("other")
	q := f.Queue("hints")
	f.Subscribe(q, awsfake.Rule{Native: true, Trail: true})
	f.Put("prod/jwt", awsfake.String("two"), awsfake.Pending, "keyturn-turn")
	f.Move("prod/jwt", awsfake.Current, f.Holder("prod/jwt", awsfake.Pending))
	f.Update("prod/jwt", awsfake.String("three"))
	f.Delete("prod/jwt", 7)
	f.Restore("prod/jwt")
	f.Lambda("prod/jwt", awsfake.Failing("testSecret"))
	f.Rotate("prod/jwt")
	waitFor(t, func() bool { return strings.Contains(strings.Join(q.Bodies(), ""), "RotationFailed") })
	f.CancelRotation("prod/jwt")
	f.Tag("prod/jwt", "a", "b")

	for _, secret := range []string{secretPattern, arn} {
		variables, _, queue := given([]string{secret}, nil, nil)
		variables["cloudtrail"] = cty.True
		patterns := m.eval(t, "patterns", variables, queue)
		hit := map[string]int{}
		for _, body := range q.Bodies() {
			if name := matched(t, patterns, body); name != "" {
				hit[name]++
			} else if !strings.Contains(body, `"eventName":"TagResource"`) {
				t.Errorf("no pattern matches %s", body)
			}
		}
		if want := map[string]int{"label": 3, "call": 7, "service": 2}; !reflect.DeepEqual(hit, want) {
			t.Errorf("for %s: matched %v, want %v", secret, hit, want)
		}
	}

	f.Create("other", awsfake.String("one"))
	f.Subscribe(q, awsfake.Rule{})
	f.Subscribe(other, awsfake.Rule{Native: true, Trail: true, Failed: true})
	f.Put("other", awsfake.String("two"))
	variables, _, queue := given([]string{secretPattern}, nil, nil)
	for _, body := range other.Bodies() {
		if name := matched(t, m.eval(t, "patterns", variables, queue), body); name != "" {
			t.Errorf("pattern %s matches an event of another secret", name)
		}
	}
	if failed := strings.Replace(q.Bodies()[1], `"eventName"`, `"errorCode":"AccessDenied","eventName"`, 1); !strings.Contains(failed, "errorCode") {
		t.Fatal("no API call to fail among the events")
	} else {
		variables["cloudtrail"] = cty.True
		if name := matched(t, m.eval(t, "patterns", variables, queue), failed); name != "" {
			t.Errorf("pattern %s matches a call that failed", name)
		}
	}
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("waited ten seconds in vain")
		}
		<-time.After(time.Millisecond)
	}
}

// matched returns the first pattern that an event matches.
func matched(t *testing.T, patterns cty.Value, body string) string {
	t.Helper()
	var event any
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		t.Fatal(err)
	}
	for name, p := range patterns.AsValueMap() {
		raw, err := ctyjson.Marshal(p, p.Type())
		if err != nil {
			t.Fatal(err)
		}
		var pattern map[string]any
		if err := json.Unmarshal(raw, &pattern); err != nil {
			t.Fatal(err)
		}
		if matches(pattern, event) {
			return name
		}
	}
	return ""
}

// matches is EventBridge's rule for the three kinds of filter that the patterns
// use: a string, {"prefix": …} and {"exists": false}.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
func matches(pattern map[string]any, event any) bool {
	object, _ := event.(map[string]any)
	for name, want := range pattern {
		got, there := object[name]
		switch want := want.(type) {
		case map[string]any:
			if !matches(want, got) {
				return false
			}
		case []any:
			if !anyMatches(want, got, there) {
				return false
			}
		}
	}
	return true
}

func anyMatches(filters []any, got any, there bool) bool {
	values, isList := got.([]any)
	if !isList {
		values = []any{got}
	}
	for _, filter := range filters {
		f, isObject := filter.(map[string]any)
		if exists, ok := f["exists"].(bool); ok && exists == there {
			return true
		}
		for _, v := range values {
			s, _ := v.(string)
			prefix, _ := f["prefix"].(string)
			if !isObject && v == filter || isObject && prefix != "" && strings.HasPrefix(s, prefix) {
				return true
			}
		}
	}
	return false
}

// Where the tool is there it judges too: the format, and what the expressions
// come to. It validates the whole module, resources included, where
// TF_PLUGIN_CACHE_DIR names a folder for the provider, which is large.
func TestTerraformItselfAgrees(t *testing.T) {
	tool, err := exec.LookPath("terraform")
	if err != nil {
		t.Log("terraform is not installed: syntax, references and expressions were checked by HCL's own parser alone")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	run := func(stdin string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(ctx, tool, args...)
		c.Dir, c.Stdin = dir, strings.NewReader(stdin)
		c.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null")
		out, err := c.Output()
		if err != nil {
			stderr := ""
			if exit, ok := err.(*exec.ExitError); ok {
				stderr = string(exit.Stderr)
			}
			t.Fatalf("terraform %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
		}
		return strings.TrimSpace(string(out))
	}
	copyFiles(t, dir, "*.tf", "policies/*.json")
	run("", "fmt", "-no-color", "-check", "-diff", dir)
	if os.Getenv("TF_PLUGIN_CACHE_DIR") != "" {
		run("", "init", "-no-color", "-backend=false", "-input=false")
		run("", "validate", "-no-color")
	}

	// The expressions alone, without the resources that need the provider.
	dir = t.TempDir()
	copyFiles(t, dir, "variables.tf", "policies.tf", "events.tf", "policies/*.json")
	variables, _, queue := given([]string{secretPattern}, []string{"arn:aws:kms:eu-central-1:123456789012:key/k1"}, []string{})
	variables["cloudtrail"] = cty.True
	main, err := os.ReadFile(filepath.Join(deployed, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	locals, _, _ := strings.Cut(string(main), "\nresource ")
	write(t, filepath.Join(dir, "locals.tf"), strings.ReplaceAll(locals, "aws_sqs_queue.hints.arn", `"`+queue+`"`))
	values, err := ctyjson.Marshal(cty.ObjectVal(variables), cty.ObjectVal(variables).Type())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "terraform.tfvars.json"), string(values))
	m := readModule(t)
	for _, local := range []string{"policies", "patterns"} {
		var text string
		var theirs, ours any
		if err := json.Unmarshal([]byte(run("jsonencode(local."+local+")\n", "console", "-no-color")), &text); err != nil {
			t.Fatal(err)
		}
		value := m.eval(t, local, variables, queue)
		raw, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			t.Fatal(err)
		}
		for into, from := range map[*any]string{&theirs: text, &ours: string(raw)} {
			if err := json.Unmarshal([]byte(from), into); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(ours, theirs); diff != "" {
			t.Errorf("local.%s: this test (-) and terraform (+) differ:\n%s", local, diff)
		}
	}
}

func copyFiles(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(deployed, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s in %s: %v", pattern, deployed, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, err := filepath.Rel(deployed, path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, rel), string(raw))
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
