package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// envPrefix begins the name of every variable that keyturn reads.
const envPrefix = "KEYTURN_"

// envAdminToken is read by the verbs that talk to a daemon; it configures nothing.
const envAdminToken = envPrefix + "ADMIN_TOKEN"

// serviceLink matches the variables that Kubernetes sets in every pod beside a
// service named keyturn or keyturn-something. They are not configuration.
var serviceLink = regexp.MustCompile(`^KEYTURN(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// maxListIndex bounds an index in a variable's name, so that RINGS_999999999
// makes no list of that length.
const maxListIndex = 63

// readEnv reads KEYTURN_* variables ("NAME=value") over the tree below it:
// KEYTURN_NATS_URL, KEYTURN_RINGS_0_POLL, lists of words with commas. Unknown
// ones are errors, since a misspelt variable is otherwise silent.
func readEnv(environ []string, below map[string]any) (layer, []error) {
	l := layer{tree: map[string]any{}, at: origins{}}
	var errs []error
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || name == envAdminToken || serviceLink.MatchString(name) {
			continue
		}
		path, s := envPath(rest, rootSchema, "")
		if s == nil {
			errs = append(errs, unknownEnv(name))
			continue
		}
		if err := l.set(path, envValue(s, value), below); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		l.at[path] = name
	}
	return l, errs
}

// envPath resolves the rest of a variable's name to a path and its schema; nil
// where nothing answers to it.
func envPath(rest string, s *schema, path string) (string, *schema) {
	for _, f := range s.fields {
		after, ok := strings.CutPrefix(rest, envName(f.key))
		if !ok {
			continue
		}
		here := joinPath(path, f.key)
		scalars := f.kind == kindList && f.element.kind != kindSection
		switch {
		case after == "" && (scalars || f.kind < kindSection):
			return here, f
		case f.kind == kindSection && strings.HasPrefix(after, "_"):
			if p, found := envPath(after[1:], f, here); found != nil {
				return p, found
			}
		case f.kind == kindList && !scalars && strings.HasPrefix(after, "_"):
			index, last, ok := strings.Cut(after[1:], "_")
			n, err := strconv.Atoi(index)
			if ok && err == nil && n >= 0 && n <= maxListIndex && strconv.Itoa(n) == index {
				if p, found := envPath(last, f.element, joinPath(here, index)); found != nil {
					return p, found
				}
			}
		}
	}
	return "", nil
}

func envValue(s *schema, value string) any {
	if s.kind != kindList {
		return value
	}
	out := []any{}
	for word := range strings.SplitSeq(value, ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// unknownEnv says what a variable may have meant.
func unknownEnv(name string) error {
	if near, ok := nearest(strings.TrimPrefix(name, envPrefix), envNames(rootSchema, "")); ok {
		return fmt.Errorf("%s: no such setting; did you mean %s?", safe(name), envPrefix+near)
	}
	return fmt.Errorf("%s: no such setting; `keyturn config-reference` lists all", safe(name))
}

// envNames lists the variables of a section; members of lists as number 0.
func envNames(s *schema, prefix string) []string {
	var out []string
	for _, f := range s.fields {
		name := prefix + envName(f.key)
		switch {
		case f.kind == kindSection:
			out = append(out, envNames(f, name+"_")...)
		case f.kind == kindList && f.element.kind == kindSection:
			out = append(out, envNames(f.element, name+"_0_")...)
		default:
			out = append(out, name)
		}
	}
	return out
}

// set puts a value into the layer's tree. A list of sections starts as a copy
// of the one below, since a layer replaces whole lists.
func (l layer) set(path string, value any, below map[string]any) error {
	parts := strings.Split(path, ".")
	at := l.tree
	for i := 0; i < len(parts)-1; i++ {
		key := parts[i]
		if n, err := strconv.Atoi(parts[min(i+1, len(parts)-1)]); err == nil {
			list, ok := at[key].([]any)
			if !ok {
				list = copyList(below[key])
			}
			if n > len(list) {
				return fmt.Errorf("%s[%d] would leave a hole; there are %d", key, n, len(list))
			}
			if n == len(list) {
				list = append(list, map[string]any{})
			}
			at[key] = list
			at = list[n].(map[string]any)
			below = nil // lists of sections stand at depth one or below a plain section; no list lies in a list
			i++
			continue
		}
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
		below, _ = below[key].(map[string]any)
	}
	at[parts[len(parts)-1]] = value
	return nil
}

func copyList(v any) []any {
	list, _ := v.([]any)
	out := make([]any, 0, len(list))
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, copyMap(m))
		} else {
			out = append(out, item)
		}
	}
	return out
}

func copyMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case map[string]any:
			out[k] = copyMap(v)
		case []any:
			out[k] = copyList(v)
		default:
			out[k] = v
		}
	}
	return out
}
