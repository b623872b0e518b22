package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds the memory that a wrong file (a log, an image) can cost.
const maxConfig = 1 << 20

// origins tells where the value of each path was written: "keyturn.yaml:7",
// "KEYTURN_RINGS_0_POLL", "--listen".
type origins map[string]string

// of returns the place of the path, or of the nearest section around it.
func (o origins) of(path string) string {
	for {
		if at, ok := o[path]; ok {
			return at
		}
		if path == "" {
			return ""
		}
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			path = path[:i]
		} else {
			path = ""
		}
	}
}

// layer is one source of configuration: a tree of map[string]any, []any and
// string, and where each of its values was written.
type layer struct {
	tree map[string]any
	at   origins
}

// Read and ReadBytes make a layer a koanf provider.
func (l layer) Read() (map[string]any, error) { return l.tree, nil }

// ReadBytes is never called: a layer is loaded without a parser.
func (layer) ReadBytes() ([]byte, error) { return nil, errors.New("a layer has no bytes") }

// readYAML reads a configuration file. It accepts plain YAML only: one
// document, no anchors, aliases, tags or merge keys, each key once; so what is
// written in a line is what holds, and nothing expands.
func readYAML(name string, data []byte) (layer, []error) {
	l := layer{tree: map[string]any{}, at: origins{"": name}}
	if len(data) > maxConfig {
		return l, []error{fmt.Errorf("%s: larger than %d bytes; is this the configuration?", name, maxConfig)}
	}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return l, nil
	} else if err != nil {
		return l, []error{yamlError(name, err)}
	}
	var rest yaml.Node
	if err := dec.Decode(&rest); err == nil {
		return l, []error{fmt.Errorf("%s:%d: a second YAML document; want one", name, rest.Line)}
	} else if !errors.Is(err, io.EOF) {
		return l, []error{yamlError(name, err)}
	}
	r := yamlReader{name: name, at: l.at}
	if tree, ok := r.section(doc.Content[0], rootSchema, ""); ok {
		l.tree = tree
	}
	return l, r.errs
}

// yamlError turns "yaml: line 3: …" into "name:3: …".
func yamlError(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if after, ok := strings.CutPrefix(text, "line "); ok {
		if line, what, ok := strings.Cut(after, ": "); ok {
			return fmt.Errorf("%s:%s: not YAML: %s", name, line, what)
		}
	}
	return fmt.Errorf("%s: not YAML: %s", name, text)
}

// yamlReader walks the nodes of one file along the schema and gathers all
// that is wrong, so that one run shows every slip.
type yamlReader struct {
	name string
	at   origins
	errs []error
}

func (r *yamlReader) wrong(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.name, n.Line, fmt.Sprintf(format, args...)))
}

// plain refuses what would make a value say more than its line.
func (r *yamlReader) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.wrong(n, "%s: anchors and aliases are not read; write the value out", showPath(path))
	case n.Style&yaml.TaggedStyle != 0:
		r.wrong(n, "%s: tags like %.40s are not read; leave it out", showPath(path), n.Tag)
	default:
		return true
	}
	return false
}

func (r *yamlReader) section(n *yaml.Node, s *schema, path string) (map[string]any, bool) {
	if !r.plain(n, path) {
		return nil, false
	}
	if isNull(n) { // "auth:" with nothing below it
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s: want keys and values, got %s", showPath(path), nodeWord(n))
		return nil, false
	}
	r.at[path] = fmt.Sprintf("%s:%d", r.name, n.Line)
	out := map[string]any{}
	seen := map[string]int{} // key → line
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !r.plain(k, path) {
			continue
		}
		if k.Kind != yaml.ScalarNode {
			r.wrong(k, "%s: a key must be a word", showPath(path))
			continue
		}
		if first, twice := seen[k.Value]; twice {
			r.wrong(k, "%s is written twice, first in line %d", showPath(joinPath(path, safe(k.Value))), first)
			continue
		}
		seen[k.Value] = k.Line
		f := s.field(k.Value)
		if f == nil {
			r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.name, k.Line, unknownKey(k.Value, path, s)))
			continue
		}
		if value, ok := r.value(v, f, joinPath(path, f.key)); ok {
			out[f.key] = value
			r.at[joinPath(path, f.key)] = fmt.Sprintf("%s:%d", r.name, k.Line)
		}
	}
	return out, true
}

func (r *yamlReader) value(n *yaml.Node, s *schema, path string) (any, bool) {
	switch s.kind {
	case kindSection:
		m, ok := r.section(n, s, path)
		return m, ok
	case kindList:
		return r.list(n, s, path)
	}
	if !r.plain(n, path) || isNull(n) {
		return nil, false
	}
	if n.Kind != yaml.ScalarNode {
		r.wrong(n, "%s: want one value, got %s", showPath(path), nodeWord(n))
		return nil, false
	}
	return n.Value, true
}

func (r *yamlReader) list(n *yaml.Node, s *schema, path string) (any, bool) {
	if !r.plain(n, path) || isNull(n) {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "%s: want a list, got %s; write it as [a, b] or with one \"- \" a line", showPath(path), nodeWord(n))
		return nil, false
	}
	out := []any{}
	for _, item := range n.Content {
		here := joinPath(path, strconv.Itoa(len(out)))
		if isNull(item) {
			r.wrong(item, "%s: an empty member", showPath(here))
			continue
		}
		if value, ok := r.value(item, s.element, here); ok {
			out = append(out, value)
			r.at[here] = fmt.Sprintf("%s:%d", r.name, item.Line)
		}
	}
	return out, true
}

// unknownKey says that the section does not know the key, and what may have been meant.
func unknownKey(key, path string, s *schema) string {
	text := "unknown key " + safe(key)
	if path != "" {
		text += " in " + showPath(path)
	}
	if near, ok := nearest(key, s.keys()); ok {
		return text + "; did you mean " + near + "?"
	}
	if homes := rootSchema.homes(key, ""); len(homes) > 0 && len(homes) <= 3 {
		return text + "; it belongs to " + strings.Join(homes, " or ")
	}
	return text + "; known here: " + strings.Join(s.keys(), ", ")
}

// safe shortens and quotes foreign text where it is not a plain word, so that
// an error stays one line whatever the file holds.
func safe(s string) string {
	plain := s != "" && len(s) <= 60
	for _, r := range s {
		if r <= ' ' || r > '~' {
			plain = false
		}
	}
	if plain {
		return s
	}
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.Quote(s)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0
}

func nodeWord(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}
