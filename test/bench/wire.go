package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The least of RFC 6455 that a client and the floor need: a handshake, masked
// frames out, unmasked frames in.

const (
	opText = 0x1
	opPing = 0x9
	opPong = 0xA
	opEnd  = 0x8
	final  = 0x80
	masked = 0x80
)

// request is a client's handshake. The key is fixed: nobody here needs proof that the server understood it.
func request(host, path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: keyturn.v1\r\n\r\n"
}

// response is the floor's answer to it (RFC 6455 §1.3 gives this key's).
const response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: keyturn.v1\r\n\r\n"

// skipHead reads a message's head and returns its first line.
func skipHead(r *bufio.Reader) (string, error) {
	first := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimRight(line, "\r\n")
		if first == "" {
			first = line
		}
		if line == "" {
			return first, nil
		}
	}
}

// appendFrame appends one frame. A client's frames are masked, here with one fixed mask.
func appendFrame(b []byte, op byte, payload []byte, client bool) []byte {
	flag := byte(0)
	if client {
		flag = masked
	}
	b = append(b, final|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, flag|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, flag|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, flag|127), uint64(n))
	}
	if !client {
		return append(b, payload...)
	}
	mask := [4]byte{0x5a, 0xa5, 0x3c, 0xc3}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// maxPayload is more than any frame measured here. A length beyond it means that the reader lost its place.
const maxPayload = 64 << 10

// cutFrame takes one whole unmasked frame off the front of b. Without a whole one it returns op 0.
func cutFrame(b []byte) (op byte, payload, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, b, nil
	}
	n, head := int(b[1]&0x7f), 2
	switch {
	case b[0]&0x0f == 0 || b[0]&final == 0:
		return 0, nil, b, fmt.Errorf("a frame in pieces")
	case b[1]&masked != 0:
		return 0, nil, b, fmt.Errorf("a masked frame from a server")
	case n == 127:
		return 0, nil, b, fmt.Errorf("a frame beyond %d bytes", maxPayload)
	case n == 126:
		if len(b) < 4 {
			return 0, nil, b, nil
		}
		n, head = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if len(b) < head+n {
		return 0, nil, b, nil
	}
	return b[0] & 0x0f, b[head : head+n], b[head+n:], nil
}

// readFrame reads one unmasked frame.
func readFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	for size := 2; ; size++ {
		b, err := r.Peek(size)
		if err != nil {
			return 0, nil, err
		}
		op, payload, rest, err := cutFrame(b)
		if err != nil {
			return 0, nil, err
		}
		if op != 0 {
			payload = bytes.Clone(payload)
			_, err := r.Discard(len(b) - len(rest))
			return op, payload, err
		}
		if n := r.Buffered(); n > size {
			size = n - 1 // look at all there is before waiting for more
		}
		if size > maxPayload+4 {
			return 0, nil, io.ErrShortBuffer
		}
	}
}
