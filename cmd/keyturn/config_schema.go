package main

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// schema describes one key of the configuration, read from the tags of Config.
type schema struct {
	key     string   // as written in the file; "" at the root and for members of a list
	index   int      // field number in the parent struct
	doc     string   // meaning
	def     string   // default, as it would be written
	want    []string // accepted words; empty: any
	secret  bool     // its value must not be quoted in an error
	kind    kind
	fields  []*schema // kindSection: the keys of the section
	element *schema   // kindList: what the list holds
}

// kind is the shape of a value.
type kind int

const (
	kindText kind = iota
	kindBool
	kindInt
	kindFloat
	kindDuration
	kindPrefix
	kindSection
	kindList
)

// rootSchema is the schema of Config.
var rootSchema = schemaOf(reflect.TypeFor[Config]())

func schemaOf(t reflect.Type) *schema {
	s := &schema{}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		s.kind = kindDuration
	case t == reflect.TypeFor[netip.Prefix]():
		s.kind = kindPrefix
	case t.Kind() == reflect.String:
		s.kind = kindText
	case t.Kind() == reflect.Bool:
		s.kind = kindBool
	case t.Kind() == reflect.Int:
		s.kind = kindInt
	case t.Kind() == reflect.Float64:
		s.kind = kindFloat
	case t.Kind() == reflect.Slice:
		s.kind = kindList
		s.element = schemaOf(t.Elem())
	case t.Kind() == reflect.Struct:
		s.kind = kindSection
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			sub := schemaOf(f.Type)
			sub.key, sub.index = f.Tag.Get("cfg"), i
			sub.doc, sub.def = f.Tag.Get("doc"), f.Tag.Get("default")
			sub.want = strings.Fields(f.Tag.Get("want"))
			sub.secret = f.Tag.Get("secret") == "true"
			if sub.element != nil {
				sub.element.want, sub.element.secret = sub.want, sub.secret
			}
			s.fields = append(s.fields, sub)
		}
	default:
		panic("configuration field of type " + t.String() + ": no such kind")
	}
	return s
}

// field returns the schema of a key of the section.
func (s *schema) field(key string) *schema {
	for _, f := range s.fields {
		if f.key == key {
			return f
		}
	}
	return nil
}

// keys returns the names of the section's keys.
func (s *schema) keys() []string {
	out := make([]string, len(s.fields))
	for i, f := range s.fields {
		out[i] = f.key
	}
	return out
}

// homes returns the sections, as shown to people, that know the key.
func (s *schema) homes(key, path string) []string {
	var out []string
	for _, f := range s.fields {
		here := joinPath(path, f.key)
		if f.key == key {
			out = append(out, showPath(path))
		}
		section := f
		if f.kind == kindList {
			section, here = f.element, joinPath(here, "*")
		}
		out = append(out, section.homes(key, here)...)
	}
	return out
}

// envName turns a key into the form it has in environment variables:
// tokenLifetime → TOKEN_LIFETIME, publicURL → PUBLIC_URL, sha256 → SHA256.
func envName(key string) string {
	var b strings.Builder
	after := rune(0)
	for i, r := range key {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(after) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
		after = r
	}
	return b.String()
}

// joinPath appends a key or an index to a path: rings.0.poll.
func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// showPath turns a path into what people read: rings.0.poll → rings[0].poll,
// rings.*.poll → rings[].poll, the root → the top level.
func showPath(path string) string {
	if path == "" {
		return "the top level"
	}
	var b strings.Builder
	for i, part := range strings.Split(path, ".") {
		_, err := strconv.Atoi(part)
		switch {
		case err == nil:
			b.WriteString("[" + part + "]")
		case part == "*":
			b.WriteString("[]")
		case i > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}
