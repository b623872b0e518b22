package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// maxRoleFile bounds the file of roles: it is read into memory whole.
const maxRoleFile = 4 << 20

// roleFile is where the demo's roles live: a JSON object of subjects and their claims,
//
//	{"alice": {"roles": ["user"]}, "mallory": null}
//
// in which null is somebody who may not sign in. It is read at each use, so
// that an editor may change it too. It is safe for concurrent use; of saves that
// come together none is lost.
type roleFile struct {
	path string

	mu sync.Mutex // held from the read to the rename of a change
}

// grants are the claims of one subject.
type grants map[string]any

// roles are the texts of the claim "roles", each once.
func (g grants) roles() []string {
	out := []string{}
	listed, _ := g["roles"].([]any)
	seen := map[string]bool{}
	for _, r := range listed {
		if role, ok := r.(string); ok && role != "" && !seen[role] {
			seen[role] = true
			out = append(out, role)
		}
	}
	return out
}

// rolesVersion names these roles, so that a save can say what it has seen. Order counts.
func rolesVersion(roles []string) string {
	data, err := json.Marshal(roles)
	if err != nil {
		panic(err) // can't happen: they are texts
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// all returns every entry of the file; without a file there is none.
func (f *roleFile) all() (map[string]grants, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]grants{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(file, maxRoleFile+1))
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	if len(data) > maxRoleFile {
		return nil, fmt.Errorf("read roles: %s is larger than %d bytes", f.path, maxRoleFile)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // other claims go back as they came
	var all map[string]grants
	if err := d.Decode(&all); err != nil || all == nil {
		return nil, fmt.Errorf(`read roles: %s: want a JSON object like {"alice":{"roles":["user"]}}; mend it in an editor`, f.path)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read roles: %s: something follows the JSON object; mend it in an editor", f.path)
	}
	return all, nil
}

// change lets edit say what becomes of a subject's claims, and saves that. named
// tells whether the file has an entry; an error of edit leaves all as it is.
func (f *roleFile) change(subject string, edit func(before grants, named bool) (grants, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.all()
	if err != nil {
		return err
	}
	before, named := all[subject]
	after, err := edit(before, named)
	if err != nil {
		return err
	}
	all[subject] = after
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("save roles: %w", err)
	}
	if len(data) > maxRoleFile {
		return fmt.Errorf("save roles: %s would be larger than %d bytes; take out who is gone", f.path, maxRoleFile)
	}
	return replaceFile(f.path, append(data, '\n'))
}
