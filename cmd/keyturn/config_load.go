package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
)

// loadConfig reads the file, then the environment, then the flags (path →
// text), each over the one before, and checks the outcome. All that is wrong
// is reported at once, each with the place where it was written.
func loadConfig(file string, environ []string, flags map[string]string) (Config, error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Config{}, fmt.Errorf("configuration %s: no such file; name it with --config FILE", file)
	case err != nil:
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return parseConfig(filepath.Base(file), data, environ, flags)
}

// parseConfig is loadConfig without the file system: name stands in errors.
func parseConfig(name string, data []byte, environ []string, flags map[string]string) (Config, error) {
	k := koanf.New(".")
	at := origins{}
	load := func(l layer, errs []error) []error {
		maps.Copy(at, l.at)
		if err := k.Load(l, nil); err != nil {
			return append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return errs
	}
	errs := load(readYAML(name, data))
	errs = append(errs, load(readEnv(environ, k.Raw()))...)
	errs = append(errs, load(readFlags(flags))...)

	var c Config
	d := decoder{at: at}
	d.section(k.Raw(), rootSchema, "", reflect.ValueOf(&c).Elem())
	errs = append(errs, d.errs...)
	c.at = at
	if len(errs) == 0 {
		errs = checkConfig(c)
	}
	return c, joinErrors(errs)
}

// readFlags makes a layer of the flags that were given: path → text.
func readFlags(flags map[string]string) (layer, []error) {
	l := layer{tree: map[string]any{}, at: origins{}}
	var errs []error
	for path, text := range flags {
		if err := l.set(path, text, nil); err != nil {
			errs = append(errs, err)
		}
		l.at[path] = "the flag for " + showPath(path)
	}
	return l, errs
}

// joinErrors makes one error of many, a line each, in a fixed order.
func joinErrors(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	const most = 20 // more would scroll the first one away
	if len(errs) > most {
		errs = append(errs[:most:most], fmt.Errorf("… and %d more", len(errs)-most))
	}
	return errors.Join(errs...)
}

// decoder fills Config from a tree of text, and gathers what does not fit.
type decoder struct {
	at   origins
	errs []error
}

func (d *decoder) wrong(path, format string, args ...any) {
	text := showPath(path) + ": " + fmt.Sprintf(format, args...)
	if place := d.at.of(path); place != "" {
		text = place + ": " + text
	}
	d.errs = append(d.errs, errors.New(text))
}

func (d *decoder) section(tree map[string]any, s *schema, path string, into reflect.Value) {
	for _, f := range s.fields {
		here, target := joinPath(path, f.key), into.Field(f.index)
		raw, given := tree[f.key]
		switch {
		case f.kind == kindSection:
			sub, _ := raw.(map[string]any)
			d.section(sub, f, here, target)
		case f.kind == kindList:
			list, _ := raw.([]any)
			d.list(list, f, here, target)
		case given:
			text, _ := raw.(string)
			d.scalar(text, f, here, target)
		case f.def != "":
			d.scalar(f.def, f, here, target)
		}
	}
}

func (d *decoder) list(list []any, s *schema, path string, into reflect.Value) {
	if len(list) == 0 {
		return
	}
	out := reflect.MakeSlice(into.Type(), len(list), len(list))
	for i, raw := range list {
		here := joinPath(path, strconv.Itoa(i))
		if s.element.kind == kindSection {
			sub, _ := raw.(map[string]any)
			d.section(sub, s.element, here, out.Index(i))
			continue
		}
		text, _ := raw.(string)
		d.scalar(text, s.element, here, out.Index(i))
	}
	into.Set(out)
}

func (d *decoder) scalar(text string, s *schema, path string, into reflect.Value) {
	shown := safe(text)
	if s.secret {
		shown = "what is written" // a secret must not end in a log
	}
	switch s.kind {
	case kindText:
		if len(s.want) > 0 && !slices.Contains(s.want, text) {
			d.word(shown, text, s, path)
			return
		}
		into.SetString(text)
	case kindBool:
		switch text {
		case "true", "false":
			into.SetBool(text == "true")
		default:
			d.wrong(path, "want true or false, got %s", shown)
		}
	case kindInt:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			d.wrong(path, "want a whole number, got %s", shown)
			return
		}
		into.SetInt(n)
	case kindFloat:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			d.wrong(path, "want a number, got %s", shown)
			return
		}
		into.SetFloat(f)
	case kindDuration:
		d.duration(text, shown, path, into)
	case kindPrefix:
		p, err := netip.ParsePrefix(text)
		if err != nil {
			if a, aerr := netip.ParseAddr(text); aerr == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil {
			d.wrong(path, "want a network like 10.0.0.0/8, got %s", shown)
			return
		}
		into.Set(reflect.ValueOf(p))
	}
}

func (d *decoder) duration(text, shown, path string, into reflect.Value) {
	v, err := time.ParseDuration(text)
	if err == nil && (text == "0" || text == "+0" || text == "-0") {
		into.SetInt(0)
		return
	}
	if err == nil {
		into.SetInt(int64(v))
		return
	}
	if _, bare := strconv.ParseFloat(text, 64); bare == nil {
		d.wrong(path, "want a duration with its unit, got %s; write %ss, %sm or %sms", shown, text, text, text)
		return
	}
	if strings.HasSuffix(text, "d") {
		d.wrong(path, "want a duration in h, m, s or ms, got %s; a day is 24h", shown)
		return
	}
	d.wrong(path, "want a duration like 30s, 15m or 12h, got %s", shown)
}

func (d *decoder) word(shown, text string, s *schema, path string) {
	if near, ok := nearest(text, s.want); ok && !s.secret {
		d.wrong(path, "%s is none of %s; did you mean %s?", shown, strings.Join(s.want, ", "), near)
		return
	}
	d.wrong(path, "%s is none of %s", shown, strings.Join(s.want, ", "))
}
