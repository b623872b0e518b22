package rotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ClaimsChange tells that what a subject may do has changed. It is sent once
// and kept nowhere: whoever missed it finds out by the next refused request. It
// says who, not what: the claims come from their source at the next refresh.
type ClaimsChange struct {
	Subject string `json:"subject"` // the sub of tokens, 1 to 512 bytes of UTF-8
}

// maxSubject bounds a subject, as issuers bound it.
const maxSubject = 512

// maxClaimsChange bounds an encoded change; a subject of the longest kind fits, however it is escaped.
const maxClaimsChange = 4 << 10

// Check returns an error unless c can be sent.
func (c ClaimsChange) Check() error {
	switch {
	case c.Subject == "":
		return errors.New("changed claims: no subject: name the sub of the tokens")
	case len(c.Subject) > maxSubject || !utf8.ValidString(c.Subject):
		return fmt.Errorf("changed claims: subject: want at most %d bytes of UTF-8", maxSubject)
	}
	return nil
}

// EncodeClaimsChange encodes c for NATS.
func EncodeClaimsChange(c ClaimsChange) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// DecodeClaimsChange decodes what came over NATS. Errors quote nothing of it: a
// subject may be a person's address. Unknown members are ignored.
func DecodeClaimsChange(data []byte) (ClaimsChange, error) {
	if len(data) > maxClaimsChange {
		return ClaimsChange{}, fmt.Errorf("changed claims: more than %d bytes", maxClaimsChange)
	}
	var c ClaimsChange
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&c); err != nil {
		return ClaimsChange{}, errors.New(`changed claims: want JSON like {"subject":"alice"}`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ClaimsChange{}, errors.New("changed claims: want one JSON object and nothing after it")
	}
	return c, c.Check()
}
