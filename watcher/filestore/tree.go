package filestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the recursion of a hostile file; the format needs five levels.
const maxDepth = 8

// place is a position in the file, both counted from one, columns in characters.
type place struct{ line, column int }

func (p place) String() string { return fmt.Sprintf("line %d, column %d", p.line, p.column) }

// flaw is an error at a place of the file. Its text never quotes a value, since
// any value of a secret file may be the secret.
type flaw struct {
	at   place
	text string
}

func (f *flaw) Error() string { return f.at.String() + ": " + f.text }

// kind is the JSON type of a node.
type kind string

const (
	kindObject kind = "an object"
	kindArray  kind = "an array"
	kindString kind = "a string"
	kindNumber kind = "a number"
	kindOther  kind = "true, false or null"
)

// node is one JSON value that knows where it stands. The standard decoder
// neither reports places nor refuses doubled members.
type node struct {
	kind    kind
	at      place
	text    string          // string: its value; number: its digits
	raw     json.RawMessage // the value as written
	members []member        // object, in order
	items   []node          // array, in order
}

type member struct {
	name  string
	at    place
	value node
}

// member returns the value under name, nil if there is none.
func (n node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}

// parseTree reads exactly one JSON value. All its errors are flaws.
func parseTree(data []byte) (node, error) {
	t := &treeReader{data: data}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return node{}, t.flaw(0, "starts with a byte order mark: save the file as UTF-8 without one")
	}
	if i := invalidUTF8(data); i >= 0 {
		return node{}, t.flaw(i, "is not UTF-8: save the file as UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return node{}, t.flaw(0, `is empty: want {"serial":1,"keys":[…]}`)
	}
	// The decoder's token stream is laxer than the grammar, so the grammar first.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		at := len(data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = max(int(syntax.Offset)-1, 0)
		}
		if at >= len(data)-1 && !bytes.ContainsAny(bytes.TrimSpace(data)[len(bytes.TrimSpace(data))-1:], "}]") {
			return node{}, t.flaw(len(data), "the JSON ends in the middle: finish the file")
		}
		return node{}, t.flaw(at, "is not JSON from here on: look for a missing comma, quote or brace")
	}
	t.dec = json.NewDecoder(bytes.NewReader(data))
	t.dec.UseNumber()
	return t.value(0)
}

type treeReader struct {
	data []byte
	dec  *json.Decoder
}

// next returns the next token and the offset at which it starts.
func (t *treeReader) next() (json.Token, int, error) {
	start := int(t.dec.InputOffset())
	for start < len(t.data) && bytes.IndexByte([]byte(" \t\r\n,:"), t.data[start]) >= 0 {
		start++
	}
	token, err := t.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, start, t.flaw(len(t.data), "the JSON ends in the middle: finish the file")
		}
		return nil, start, t.flaw(start, "is not JSON from here on")
	}
	return token, start, nil
}

func (t *treeReader) value(depth int) (node, error) {
	token, start, err := t.next()
	if err != nil {
		return node{}, err
	}
	if depth > maxDepth {
		return node{}, t.flaw(start, "is nested too deeply")
	}
	n := node{at: t.place(start)}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			n.kind = kindObject
			n.members, err = t.object(depth)
		} else {
			n.kind = kindArray
			n.items, err = t.array(depth)
		}
	case string:
		n.kind, n.text = kindString, v
	case json.Number:
		n.kind, n.text = kindNumber, v.String()
	default:
		n.kind = kindOther
	}
	if err != nil {
		return node{}, err
	}
	n.raw = t.data[start:t.dec.InputOffset()]
	return n, nil
}

func (t *treeReader) object(depth int) ([]member, error) {
	var members []member
	seen := map[string]place{} // name → where it stood first
	for t.dec.More() {
		token, start, err := t.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		at := t.place(start)
		if first, twice := seen[name]; twice {
			return nil, &flaw{at, fmt.Sprintf("member %q stands twice, first at %v: remove one", short(name), first)}
		}
		seen[name] = at
		v, err := t.value(depth + 1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, at, v})
	}
	_, _, err := t.next()
	return members, err
}

func (t *treeReader) array(depth int) ([]node, error) {
	var items []node
	for t.dec.More() {
		v, err := t.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, _, err := t.next()
	return items, err
}

func (t *treeReader) flaw(offset int, text string) error { return &flaw{t.place(offset), text} }

func (t *treeReader) place(offset int) place {
	before := t.data[:min(offset, len(t.data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	return place{line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])}
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, -1 if all are.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// short keeps a name that a mistake may have made long out of an error.
func short(name string) string {
	if len(name) > 40 {
		return name[:40] + "…"
	}
	return name
}
