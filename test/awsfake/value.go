package awsfake

import (
	"bytes"
	"fmt"
	"io"
)

// Value is what a version of a secret holds: text or bytes, never both. The
// zero value is a secret without a version. It redacts itself; read it with
// [Value.Reveal].
type Value struct {
	text   string
	binary []byte
	kind   byte // 0 none, 's' SecretString, 'b' SecretBinary
}

// String is a SecretString.
func String(text string) Value { return Value{text: text, kind: 's'} }

// Binary is a SecretBinary.
func Binary(b []byte) Value { return Value{binary: bytes.Clone(b), kind: 'b'} }

// Reveal returns the bytes, and whether they are a SecretBinary.
func (v Value) Reveal() (b []byte, binary bool) {
	if v.kind == 'b' {
		return bytes.Clone(v.binary), true
	}
	return []byte(v.text), false
}

func (v Value) none() bool { return v.kind == 0 }

func (v Value) equal(o Value) bool {
	return v.kind == o.kind && v.text == o.text && bytes.Equal(v.binary, o.binary)
}

func (v Value) size() int { return len(v.text) + len(v.binary) }

// Format says what it is, never what it holds, whatever the verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, v.redacted()) }

// MarshalJSON says what it is, never what it holds.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + v.redacted() + `"`), nil }

func (v Value) redacted() string {
	if v.none() {
		return "[no value]"
	}
	return "[redacted]"
}
