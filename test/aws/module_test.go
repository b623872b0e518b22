package aws

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

const deployed = "../../deploy/aws"

// module is deploy/aws as Terraform reads it, as far as it can be evaluated
// without AWS.
type module struct {
	files     map[string]*hclsyntax.Body
	variables map[string]*hclsyntax.Block
	resources map[string]*hclsyntax.Block // "type.name"
	outputs   map[string]*hclsyntax.Block
	locals    map[string]hclsyntax.Expression
}

func readModule(t *testing.T) *module {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(deployed, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Terraform files in %s: %v", deployed, err)
	}
	m := &module{
		files: map[string]*hclsyntax.Body{}, variables: map[string]*hclsyntax.Block{}, resources: map[string]*hclsyntax.Block{},
		outputs: map[string]*hclsyntax.Block{}, locals: map[string]hclsyntax.Expression{},
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, problems := hclsyntax.ParseConfig(src, filepath.Base(path), hcl.InitialPos)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		body := file.Body.(*hclsyntax.Body)
		m.files[filepath.Base(path)] = body
		for _, b := range body.Blocks {
			m.add(t, b)
		}
	}
	return m
}

func (m *module) add(t *testing.T, b *hclsyntax.Block) {
	t.Helper()
	switch b.Type {
	case "variable":
		m.variables[b.Labels[0]] = b
	case "resource":
		m.resources[b.Labels[0]+"."+b.Labels[1]] = b
	case "output":
		m.outputs[b.Labels[0]] = b
	case "locals":
		for name, a := range b.Body.Attributes {
			m.locals[name] = a.Expr
		}
	case "terraform":
	default:
		t.Fatalf("%s: a %s block, which this test does not know", b.Range(), b.Type)
	}
}

// eval evaluates a local value, with the variables given and the defaults of
// the others. The queue's ARN is the one given.
func (m *module) eval(t *testing.T, local string, variables map[string]cty.Value, queueARN string) cty.Value {
	t.Helper()
	values := map[string]cty.Value{}
	for name, b := range m.variables {
		if def, ok := b.Body.Attributes["default"]; ok {
			v, problems := def.Expr.Value(nil)
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			values[name] = v
		}
	}
	maps.Copy(values, variables)
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var":           cty.ObjectVal(values),
			"path":          cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(deployed)}),
			"aws_sqs_queue": cty.ObjectVal(map[string]cty.Value{"hints": cty.ObjectVal(map[string]cty.Value{"arn": cty.StringVal(queueARN)})}),
		},
		Functions: map[string]function.Function{
			"jsonencode": stdlib.JSONEncodeFunc, "jsondecode": stdlib.JSONDecodeFunc, "trimsuffix": stdlib.TrimSuffixFunc,
			"length": stdlib.LengthFunc, "templatefile": templateFile,
		},
	}
	done := map[string]cty.Value{}
	var value func(name string) cty.Value
	value = func(name string) cty.Value {
		expr, ok := m.locals[name]
		if !ok {
			t.Fatalf("there is no local.%s", name)
		}
		for _, ref := range expr.Variables() {
			if other := refName(ref); ref.RootName() == "local" {
				if _, ok := done[other]; !ok {
					done[other] = value(other)
				}
			}
		}
		child := ctx.NewChild()
		child.Variables = map[string]cty.Value{"local": cty.ObjectVal(done)}
		v, problems := expr.Value(child)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		return v
	}
	return value(local)
}

// templateFile is Terraform's function: a file's text with its ${…} filled in.
var templateFile = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		src, err := os.ReadFile(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		expr, problems := hclsyntax.ParseTemplate(src, args[0].AsString(), hcl.InitialPos)
		if problems.HasErrors() {
			return cty.NilVal, problems
		}
		v, problems := expr.Value(&hcl.EvalContext{Variables: args[1].AsValueMap()})
		if problems.HasErrors() {
			return cty.NilVal, problems
		}
		return v, nil
	},
})

// refName is the attribute right after a reference's root: x of var.x.
func refName(ref hcl.Traversal) string {
	if len(ref) < 2 {
		return ""
	}
	a, _ := ref[1].(hcl.TraverseAttr)
	return a.Name
}

// references calls do with every reference in a body, whatever its depth.
func references(b *hclsyntax.Body, do func(hcl.Traversal)) {
	for name, a := range b.Attributes {
		if name == "type" {
			continue // of a variable: string, not a reference
		}
		for _, ref := range a.Expr.Variables() {
			do(ref)
		}
	}
	for _, inner := range b.Blocks {
		references(inner.Body, do)
	}
}

func strs(list ...string) cty.Value {
	values := make([]cty.Value, len(list))
	for i, s := range list {
		values[i] = cty.StringVal(s)
	}
	if len(values) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	return cty.ListVal(values)
}

func TestEveryReferenceOfTheModuleIsDeclared(t *testing.T) {
	m := readModule(t)
	used := map[string]bool{}
	for file, body := range m.files {
		references(body, func(ref hcl.Traversal) {
			name := refName(ref)
			var known bool
			switch root := ref.RootName(); root {
			case "var":
				_, known = m.variables[name]
				used[name] = true
			case "local":
				_, known = m.locals[name]
			case "each":
				known = name == "key" || name == "value"
			case "path":
				known = name == "module"
			default:
				_, known = m.resources[root+"."+name]
			}
			if !known {
				t.Errorf("%s: %s.%s is declared nowhere (%s)", file, ref.RootName(), name, ref.SourceRange())
			}
		})
	}
	for name, b := range m.variables {
		if !used[name] {
			t.Errorf("variable %s is used nowhere", name)
		}
		for _, needed := range []string{"description", "type"} {
			if b.Body.Attributes[needed] == nil {
				t.Errorf("variable %s has no %s", name, needed)
			}
		}
	}
	for name, b := range m.outputs {
		if b.Body.Attributes["description"] == nil || b.Body.Attributes["value"] == nil {
			t.Errorf("output %s needs description and value", name)
		}
	}
	if len(m.variables) < 5 || len(m.resources) < 8 || len(m.outputs) < 3 {
		t.Errorf("read %d variables, %d resources, %d outputs: not the whole module", len(m.variables), len(m.resources), len(m.outputs))
	}
}

// What must be there for hints to arrive at all, and not to be lost in silence.
func TestTheModuleHoldsWhatDeliveryNeeds(t *testing.T) {
	m := readModule(t)
	has := func(resource, attribute string) {
		t.Helper()
		b := m.resources[resource]
		if b == nil {
			t.Errorf("no %s", resource)
			return
		}
		body, rest := b.Body, strings.Split(attribute, ".")
		for len(rest) > 1 {
			i := slices.IndexFunc(body.Blocks, func(x *hclsyntax.Block) bool { return x.Type == rest[0] })
			if i < 0 {
				t.Errorf("%s has no block %s", resource, rest[0])
				return
			}
			body, rest = body.Blocks[i].Body, rest[1:]
		}
		if body.Attributes[rest[0]] == nil {
			t.Errorf("%s has no %s", resource, attribute)
		}
	}
	for _, r := range [][2]string{
		{"aws_sqs_queue.hints", "redrive_policy"}, {"aws_sqs_queue.hints", "sqs_managed_sse_enabled"}, {"aws_sqs_queue.hints", "receive_wait_time_seconds"},
		{"aws_sqs_queue.dead", "message_retention_seconds"}, {"aws_sqs_queue_policy.events", "policy"},
		{"aws_cloudwatch_event_target.hints", "dead_letter_config.arn"}, {"aws_cloudwatch_event_rule.changed", "event_pattern"},
		{"aws_cloudwatch_metric_alarm.dead", "alarm_actions"}, {"aws_cloudwatch_metric_alarm.waiting", "alarm_actions"},
		{"aws_cloudwatch_metric_alarm.undelivered", "alarm_actions"}, {"aws_iam_policy.keyturn", "policy"},
	} {
		has(r[0], r[1])
	}
	policy := m.resources["aws_sqs_queue_policy.events"]
	if policy == nil {
		t.FailNow()
	}
	queues := map[string]bool{}
	for _, ref := range policy.Body.Attributes["for_each"].Expr.Variables() {
		queues[fmt.Sprint(ref.RootName(), ".", refName(ref))] = true
	}
	if !queues["aws_sqs_queue.hints"] || !queues["aws_sqs_queue.dead"] {
		t.Errorf("EventBridge may write to %v, want both queues", queues)
	}
}
