package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/keyturn/keyturn/test/covers"
)

// Row is one requirement, in the order of the file.
type Row struct {
	ID    string
	Says  string `json:"says"`            // one sentence
	Waits string `json:"waits,omitempty"` // name of the work it waits for
	NA    string `json:"n/a,omitempty"`   // why it doesn't apply
}

// ReadRows reads requirements.json: an object of rows by ID, whose order is kept.
// An unknown member, a row without a sentence and an ID told twice are errors.
func ReadRows(body []byte) ([]Row, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("want an object of rows by ID, got %v (%v)", t, err)
	}
	var rows []Row
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		id, _ := key.(string)
		row := Row{}
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		row.ID = id
		if row.Says == "" || seen[id] {
			return nil, fmt.Errorf("%s: want one row an ID, with a sentence in \"says\"", id)
		}
		seen[id] = true
		rows = append(rows, row)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return rows, nil
}

// ReadOutcomes reads each *.jsonl file of a folder. A folder without one is an
// error: a report over nothing would blame the tests.
func ReadOutcomes(folder fs.FS) ([]covers.Outcome, error) {
	files, err := fs.Glob(folder, "*.jsonl")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no outcome file: %w", fs.ErrNotExist)
	}
	var all []covers.Outcome
	for _, name := range files {
		body, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		for n, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
			if line == "" {
				continue
			}
			var o covers.Outcome
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				return nil, fmt.Errorf("%s line %d: %w", name, n+1, err)
			}
			all = append(all, o)
		}
	}
	return all, nil
}
