package filestore

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// pepperBytes is the length of the key under which prints are made.
const pepperBytes = 32

// printsFile makes prints and keeps them in a file of this machine. Prints are
// keyed hashes; the key lies beside them, so the file wants the same care as
// the secret file: mode 0600, and it never leaves the machine.
type printsFile struct {
	path   string // "": nothing is kept
	pepper []byte
}

// String keeps the pepper out of logs and errors.
func (printsFile) String() string { return "[redacted]" }

// GoString keeps the pepper out of %#v.
func (printsFile) GoString() string { return "[redacted]" }

type storedPrints struct {
	Pepper  []byte        `json:"pepper"`
	Records []storedPrint `json:"records"`
}

type storedPrint struct {
	record
	Value string `json:"print"`
}

// openPrints reads the file at path, or begins without memory.
func openPrints(path string, log *zap.Logger) (printsFile, []record, error) {
	p := printsFile{path: path, pepper: make([]byte, pepperBytes)}
	_, _ = rand.Read(p.pepper) // never fails, see its documentation
	if path == "" {
		return p, nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil, nil
	}
	if err != nil {
		return p, nil, fmt.Errorf("read prints: %w", err)
	}
	var stored storedPrints
	if err := json.Unmarshal(data, &stored); err != nil || len(stored.Pepper) != pepperBytes {
		log.Warn("prints file can't be understood and is started anew: new material under an old kid goes unseen this once", zap.String("prints", path))
		return p, nil, nil
	}
	p.pepper = stored.Pepper
	records := make([]record, 0, len(stored.Records))
	for _, r := range stored.Records {
		r.record.Print, r.record.Looked = rotation.Print(r.Value), 0
		records = append(records, r.record)
	}
	return p, records, nil
}

// save replaces the file.
func (p printsFile) save(records []record) error {
	if p.path == "" {
		return nil
	}
	stored := storedPrints{Pepper: p.pepper, Records: make([]storedPrint, len(records))}
	for i, r := range records {
		stored.Records[i] = storedPrint{r, string(r.Print)}
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	return replace(p.path, data, 0o600, nil, nil)
}

// seen describes an entry to the naming rules.
func (p printsFile) seen(e entry) seen {
	return seen{
		base: e.base(), kid: e.key.KID(), alg: e.key.Algorithm(),
		print: rotation.Print(base64.RawStdEncoding.EncodeToString(e.key.Fingerprint(p.pepper))),
	}
}
