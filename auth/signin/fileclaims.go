package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// maxClaimsFile bounds the file of claims: it is read into memory whole.
const maxClaimsFile = 4 << 20

// FileClaims reads claims from a JSON file of subjects, for development:
//
//	{"alice": {"roles": ["user"], "email": "alice@example.com"}, "mallory": null}
//
// The file is read again whenever it has changed. A subject with null is gone
// ([ErrGone]); one that the file does not name keeps its last claims, and
// without a file nobody is named. A file that can't be read or understood is
// an error, which names line and column, until it is mended.
func FileClaims(path string) Claims { return &fileClaims{path: path} }

type fileClaims struct {
	path string

	mu      sync.Mutex
	changed time.Time
	size    int64
	err     error
	all     map[string]map[string]any // subject → claims; nil claims: gone
}

// Claims implements [Claims].
func (f *fileClaims) Claims(_ context.Context, who Subject) (map[string]any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.loadLocked(); err != nil {
		return nil, err
	}
	claims, named := f.all[who.ID]
	switch {
	case !named:
		return who.Last, nil
	case claims == nil:
		return nil, fmt.Errorf("%s says null: %w", f.path, ErrGone)
	}
	return claims, nil
}

// loadLocked reads the file if it is another one than last time.
func (f *fileClaims) loadLocked() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.all, f.err, f.changed, f.size = nil, nil, time.Time{}, 0
		return nil
	}
	if err != nil {
		return fmt.Errorf("claims file: %w", err)
	}
	// A file written within the clock's grain of the last look may have changed
	// without showing it, so young files are always read.
	young := time.Since(info.ModTime()) < 2*time.Second
	if !young && info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return f.err
	}
	f.changed, f.size = info.ModTime(), info.Size()
	f.all, f.err = readClaims(f.path)
	return f.err
}

func readClaims(path string) (map[string]map[string]any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("claims file: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(file, maxClaimsFile+1))
	if err != nil {
		return nil, fmt.Errorf("claims file %s: %w", path, err)
	}
	if len(data) > maxClaimsFile {
		return nil, fmt.Errorf("claims file %s: larger than %d bytes", path, maxClaimsFile)
	}
	all, err := parseClaims(data)
	if err != nil {
		return nil, fmt.Errorf("claims file %s: %w", path, err)
	}
	return all, nil
}

// parseClaims reads {"subject": {claims} or null}.
func parseClaims(data []byte) (map[string]map[string]any, error) {
	var all map[string]map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&all)
	at := d.InputOffset()
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			if all == nil {
				return nil, errors.New(`want {"subject": {"roles": ["role"]}}, found null`)
			}
			return all, nil
		}
		err = errors.New("want one JSON object and nothing after it")
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
		err = fmt.Errorf(`want {"subject": {"roles": ["role"]}}, found a JSON %s`, kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at = int64(len(data))
		err = errors.New("the file ends too early")
	}
	before := data[:min(max(at, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return nil, fmt.Errorf("line %d, column %d: %w", line, column, err)
}
