package broadcaster

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

type frameFixture struct {
	Name      string          `json:"name"`
	Direction string          `json:"direction"`
	Frame     json.RawMessage `json:"frame"`
}

type closeFixture struct {
	Code    int    `json:"code"`
	Name    string `json:"name"`
	Action  string `json:"action"`
	Meaning string `json:"meaning"`
}

func fixtures[T any](t *testing.T, file string) []T {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var all []T
	if err := dec.Decode(&all); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d entries, %v", file, len(all), err)
	}
	return all
}

// serverFrames are the types behind the frames that this server sends.
var serverFrames = map[string]func() any{
	"pong":    func() any { return new(pongFrame) },
	"welcome": func() any { return new(welcomeFrame) },
	"state":   func() any { return new(stateFrame) },
	"drain":   func() any { return new(drainFrame) },
	"error":   func() any { return new(errorFrame) },
}

func TestTheServersFramesAreThoseOfTheFixtures(t *testing.T) {
	covers.IDs(t, "SEC-09")
	seen := map[string]bool{}
	for _, f := range fixtures[frameFixture](t, "frames.json") {
		var kind struct{ Type string }
		if err := json.Unmarshal(f.Frame, &kind); err != nil {
			t.Fatal(err)
		}
		seen[kind.Type] = true
		if f.Direction == "client" {
			if m, err := decode(f.Frame); err != nil || m.kind != kind.Type {
				t.Errorf("%s: decode got %+v, %v", f.Name, m, err)
			}
			continue
		}
		if kind.Type == "claims" { // a server's tools send it, not this package
			continue
		}
		v := serverFrames[kind.Type]()
		dec := json.NewDecoder(bytes.NewReader(f.Frame))
		dec.DisallowUnknownFields()
		if err := dec.Decode(v); err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		frame, err := textFrame(v)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		json.Unmarshal(f.Frame, &want)
		json.Unmarshal(text(frame), &got)
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: got %s, want %s", f.Name, text(frame), f.Frame)
		}
	}
	for kind := range serverFrames {
		if !seen[kind] {
			t.Errorf("no fixture for %s", kind)
		}
	}
}

func TestTheCloseCodesAreThoseOfTheFixtures(t *testing.T) {
	all := map[int]string{}
	for _, c := range fixtures[closeFixture](t, "closecodes.json") {
		all[c.Code] = c.Name
	}
	for code, name := range closeNames {
		if all[code] != name {
			t.Errorf("close code %d: fixture says %q, want %q", code, all[code], name)
		}
	}
	for code, name := range all {
		if closeNames[code] == "" && code != 1001 { // of proxies, not of this server
			t.Errorf("close code %d %s is in the fixture and never sent", code, name)
		}
	}
}

// rows returns the cells of the table under a heading of PROTOCOL.md.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	data, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(data), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("PROTOCOL.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var out [][]string
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		out = append(out, cells)
	}
	if len(out) < 3 {
		t.Fatalf("section %q has no table", heading)
	}
	return out[1:]
}

var quoted = regexp.MustCompile("`([^`]+)`")

func names(cell string) (out []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestTheProtocolPageNamesEveryFrameAndField(t *testing.T) {
	want := map[string][]string{}
	direction := map[string]string{}
	bare := map[string]bool{} // has an example without its fields, too
	for _, f := range fixtures[frameFixture](t, "frames.json") {
		var members map[string]any
		if err := json.Unmarshal(f.Frame, &members); err != nil {
			t.Fatal(err)
		}
		kind := members["type"].(string)
		direction[kind] = map[string]string{"client": "client → server", "server": "server → client"}[f.Direction]
		fields := []string{}
		for name := range members {
			if name != "type" {
				fields = append(fields, name)
			}
		}
		slices.Sort(fields)
		if len(fields) == 0 && len(want[kind]) > 0 {
			bare[kind] = true
			continue
		}
		if had, ok := want[kind]; ok && !slices.Equal(had, fields) {
			t.Errorf("fixtures of %s differ in fields: %v, %v", kind, had, fields)
		}
		want[kind] = fields
	}
	page := map[string]bool{}
	for _, row := range rows(t, "Frames") {
		kind := names(row[0])[0]
		page[kind] = true
		fields := names(row[2])
		slices.Sort(fields)
		if strings.HasSuffix(row[2], "(or none)") != bare[kind] {
			t.Errorf("PROTOCOL.md says %s: %s; an example without: %v", kind, row[2], bare[kind])
		}
		if !slices.Equal(fields, want[kind]) || row[1] != direction[kind] {
			t.Errorf("PROTOCOL.md says %s: %s, %v; the fixtures %s, %v", kind, row[1], fields, direction[kind], want[kind])
		}
	}
	for kind := range want {
		if !page[kind] {
			t.Errorf("PROTOCOL.md does not name frame %s", kind)
		}
	}
}

func TestTheProtocolPageNamesEveryCloseCode(t *testing.T) {
	var got, want []closeFixture
	for _, row := range rows(t, "Close codes") {
		code, err := strconv.Atoi(row[0])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, closeFixture{Code: code, Name: names(row[1])[0], Action: row[2]})
	}
	for _, c := range fixtures[closeFixture](t, "closecodes.json") {
		c.Meaning = ""
		want = append(want, c)
	}
	if !slices.Equal(got, want) {
		t.Errorf("PROTOCOL.md has %v, the fixtures %v", got, want)
	}
}

func TestTheProtocolPageNamesEveryErrorCode(t *testing.T) {
	data, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for code := range errorTexts {
		if !strings.Contains(string(data), "`"+code+"`") {
			t.Errorf("PROTOCOL.md does not name %s", code)
		}
	}
}

func TestAFramesLengthIsEncodedAsRFC6455Wants(t *testing.T) {
	for _, n := range []int{0, 1, 119, 123, 124, 125, 126, 127, 300, 60000, 65000} {
		v := drainFrame{Type: strings.Repeat("x", n)}
		frame, err := textFrame(v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text(frame), want) {
			t.Errorf("%d: the frame holds other text", n)
		}
		checkFrames(t, frame)
	}
	if _, err := textFrame(drainFrame{Type: strings.Repeat("x", 70000)}); err == nil {
		t.Error("got a frame of 70000 bytes, want an error")
	}
}
