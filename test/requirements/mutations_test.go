package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutation breaks the code of a requirement: in one place of one file.
type mutation struct{ File, Search, Replace string }

// mutations are one or several of a requirement.
type mutations []mutation

// UnmarshalJSON takes one mutation for a list of one.
func (m *mutations) UnmarshalJSON(data []byte) error {
	if strings.HasPrefix(string(data), "[") {
		return json.Unmarshal(data, (*[]mutation)(m))
	}
	*m = make(mutations, 1)
	return json.Unmarshal(data, &(*m)[0])
}

// break.mjs is seldom run, and code moves on.
func TestEachMutationStillFitsTheCode(t *testing.T) {
	body, err := os.ReadFile("mutations.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]mutations
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	rows, err := ReadRows(theList(t))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range rows {
		known[row.ID] = true
	}
	for id, list := range all {
		if !known[id] {
			t.Errorf("%s is no requirement", id)
		}
		for _, m := range list {
			code, err := os.ReadFile(filepath.Join("../..", m.File))
			if err != nil {
				t.Errorf("%s: %v", id, err)
				continue
			}
			if n := strings.Count(string(code), m.Search); n != 1 || m.Search == m.Replace {
				t.Errorf("%s: %q stands %d times in %s, want once: renew the mutation", id, m.Search, n, m.File)
			}
		}
	}
}
