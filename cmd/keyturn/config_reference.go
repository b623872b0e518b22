package main

import (
	"fmt"
	"strings"
)

// configReference returns the Markdown table of all keys, made from the tags of Config.
func configReference() string {
	var b strings.Builder
	b.WriteString("| key | variable | default | meaning |\n|---|---|---|---|\n")
	referenceRows(&b, rootSchema, "", envPrefix)
	return b.String()
}

func referenceRows(b *strings.Builder, s *schema, path, env string) {
	for _, f := range s.fields {
		here, name := joinPath(path, f.key), env+envName(f.key)
		switch {
		case f.kind == kindSection:
			fmt.Fprintf(b, "| `%s` | | | %s |\n", showPath(here), cell(f.doc))
			referenceRows(b, f, here, name+"_")
		case f.kind == kindList && f.element.kind == kindSection:
			fmt.Fprintf(b, "| `%s[]` | | | %s |\n", showPath(here), cell(f.doc))
			referenceRows(b, f.element, joinPath(here, "*"), name+"_0_")
		default:
			fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", showPath(here), name, defaultCell(f), cell(meaning(f)))
		}
	}
}

func meaning(f *schema) string {
	if len(f.want) == 0 {
		return f.doc
	}
	words := make([]string, len(f.want))
	for i, w := range f.want {
		words[i] = "`" + w + "`"
	}
	return strings.Join(words, ", ") + ": " + f.doc
}

func defaultCell(f *schema) string {
	if f.def == "" {
		return ""
	}
	return "`" + f.def + "`"
}

// cell keeps a text inside its column.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
