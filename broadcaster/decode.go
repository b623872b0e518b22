package broadcaster

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxMessage bounds a client's message: a token with many claims fits, and a
// stranger can make the hub hold no more than this per connection.
const maxMessage = 8 << 10

// maxFailedCode bounds the code of a failed frame.
const maxFailedCode = 64

// message is a client's frame. Members that belong to other types are not
// looked at, nor are unknown ones.
type message struct {
	kind   string // value of "type"
	token  string // of auth
	cookie bool   // of auth: it has no token, the handshake's cookie is meant
	code   string // of failed
}

// Types of client frames. Any other type is ignored.
const (
	kindAuth   = "auth"
	kindFailed = "failed"
	kindPing   = "ping"
)

// What can be wrong with a message; each closes the connection with 4400.
var (
	errNotText   = errors.New("the message is not a text message")
	errTooBig    = errors.New("the message is longer than 8 KiB")
	errNotUTF8   = errors.New("the message is not UTF-8")
	errNotJSON   = errors.New("the message is not one JSON object")
	errNoType    = errors.New("the message has no type")
	errNotString = errors.New("type, token or code is not a string")
	errTwice     = errors.New("type, token or code is there twice")
	errNoCode    = errors.New("the failed frame has no code, or one longer than 64 bytes")
)

// decode reads a client's message. It copies what it keeps, so that the caller
// may use data again.
func decode(data []byte) (message, error) {
	if len(data) > maxMessage {
		return message{}, errTooBig
	}
	if !utf8.Valid(data) {
		return message{}, errNotUTF8
	}
	if !json.Valid(data) {
		return message{}, errNotJSON
	}
	members := scanner{data: data}
	if !members.object() {
		return message{}, errNotJSON
	}
	var kind, token, code member
	for {
		name, value, ok := members.next()
		if !ok {
			break
		}
		switch name {
		case "type":
			kind.set(value)
		case "token":
			token.set(value)
		case "code":
			code.set(value)
		}
	}
	if !kind.there {
		return message{}, errNoType
	}
	if kind.err != nil {
		return message{}, kind.err
	}
	m := message{kind: kind.text}
	switch m.kind {
	case kindAuth:
		if token.err != nil {
			return message{}, token.err
		}
		m.token, m.cookie = token.text, !token.there
	case kindFailed:
		switch {
		case code.err != nil:
			return message{}, code.err
		case code.text == "" || len(code.text) > maxFailedCode:
			return message{}, errNoCode
		}
		m.code = code.text
	}
	return m, nil
}

// member is what was found of a member that has to be one string.
type member struct {
	text  string
	there bool
	err   error
}

func (m *member) set(value []byte) {
	switch {
	case m.there:
		m.err = errTwice
	case value[0] != '"':
		m.err = errNotString
	default:
		m.text = unquote(value)
	}
	m.there = true
}

// scanner walks over the members of one object in valid JSON, without
// recursion and without allocating.
type scanner struct {
	data []byte
	pos  int
}

// object enters the top-level object; false if there is another value instead.
func (s *scanner) object() bool {
	s.space()
	if s.data[s.pos] != '{' {
		return false
	}
	s.pos++
	return true
}

// next returns the next member's decoded name and raw value; ok is false after
// the last one.
func (s *scanner) next() (name string, value []byte, ok bool) {
	s.space()
	if s.data[s.pos] == ',' {
		s.pos++
		s.space()
	}
	if s.data[s.pos] == '}' {
		return "", nil, false
	}
	name = unquote(s.value())
	s.space()
	s.pos++ // the colon
	s.space()
	return name, s.value(), true
}

// value skips one value and returns its bytes.
func (s *scanner) value() []byte {
	start := s.pos
	depth := 0
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '"':
			s.str()
			if depth == 0 {
				return s.data[start:s.pos]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of the object around a number, true, false or null
				return s.data[start:s.pos]
			}
			if depth--; depth == 0 {
				s.pos++
				return s.data[start:s.pos]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.data[start:s.pos]
			}
		}
		s.pos++
	}
	return s.data[start:s.pos]
}

// str skips a string, which begins at pos.
func (s *scanner) str() {
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// unquote decodes a valid JSON string, quotes included.
func unquote(raw []byte) string {
	for _, b := range raw {
		if b == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return "" // can't be: the string has been validated
			}
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}
