package broadcaster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// rawFrame is a client's frame with any first byte, masked with zeros.
func rawFrame(first byte, payload string) []byte {
	frame := maskedText(payload)
	frame[0] = first
	return frame
}

// TestAHostileMessageEndsItsOwnConnectionOnly sends one bad frame each, before
// and after authentication, and sees that the next client is served.
func TestAHostileMessageEndsItsOwnConnectionOnly(t *testing.T) {
	long := strings.Repeat("x", maxMessage)
	text := func(s string) []byte { return maskedText(s) }
	unmasked := []byte("\x81\x0f{\"type\":\"ping\"}")
	huge := binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<62)
	negative := binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63)
	ho := open(t, payments(newVerifier("k1")))
	for name, frame := range map[string][]byte{
		"empty":                        text(``),
		"space":                        text(`  `),
		"word":                         text(`ping`),
		"null":                         text(`null`),
		"number":                       text(`42`),
		"string":                       text(`"ping"`),
		"array":                        text(`[{"type":"ping"}]`),
		"empty object":                 text(`{}`),
		"open object":                  text(`{"type":"ping"`),
		"two objects":                  text(`{"type":"ping"}{"type":"ping"}`),
		"trailing word":                text(`{"type":"ping"} x`),
		"trailing comma":               text(`{"type":"ping",}`),
		"single quotes":                text(`{'type':'ping'}`),
		"comment":                      text(`{"type":"ping"/**/}`),
		"byte order mark":              text("\xef\xbb\xbf" + `{"type":"ping"}`),
		"control character":            text("{\"type\":\"pi\nng\"}"),
		"NaN":                          text(`{"type":"ping","x":NaN}`),
		"type is a number":             text(`{"type":1}`),
		"type is null":                 text(`{"type":null}`),
		"type is an object":            text(`{"type":{"type":"ping"}}`),
		"type twice":                   text(`{"type":"ping","type":"ping"}`),
		"type twice, escaped":          text(`{"type":"ping","\u0074ype":"auth"}`),
		"type in other letters":        text(`{"Type":"ping"}`),
		"auth without token":           text(`{"type":"auth"}`),
		"token is a number":            text(`{"type":"auth","token":7}`),
		"token is null":                text(`{"type":"auth","token":null}`),
		"token is a list":              text(`{"type":"auth","token":["k1.a.600"]}`),
		"token twice":                  text(`{"type":"auth","token":"k1.a.600","token":"k1.b.600"}`),
		"failed without code":          text(`{"type":"failed"}`),
		"failed with empty code":       text(`{"type":"failed","code":""}`),
		"failed with a number":         text(`{"type":"failed","code":500}`),
		"failed with a long code":      text(`{"type":"failed","code":"` + long[:maxFailedCode+1] + `"}`),
		"failed with code twice":       text(`{"type":"failed","code":"a","code":"a"}`),
		"not UTF-8":                    text("{\"type\":\"ping\",\"x\":\"\xff\xfe\"}"),
		"half a surrogate in UTF-8":    text("{\"type\":\"ping\",\"x\":\"\xed\xa0\x80\"}"),
		"overlong UTF-8":               text("{\"type\":\"ping\",\"x\":\"\xc0\xaf\"}"),
		"deeply nested":                text(`{"type":"ping","x":` + long[:0] + strings.Repeat("[", 3000) + strings.Repeat("]", 2999) + `}`),
		"one byte too long":            text(`{"type":"ping","x":"` + long[:maxMessage-21] + `"}`),
		"64 KiB":                       text(`{"type":"ping","x":"` + strings.Repeat("x", 60000) + `"}`),
		"binary":                       rawFrame(0x82, `{"type":"ping"}`),
		"too long in fragments":        append(rawFrame(0x01, long[:6000]), rawFrame(0x80, long[:6000])...),
		"unmasked":                     unmasked,
		"length of exabytes":           append(huge, 0, 0, 0, 0),
		"negative length":              append(negative, 0, 0, 0, 0),
		"reserved bit 1 (compression)": rawFrame(0xC1, `{"type":"ping"}`),
		"reserved bit 2":               rawFrame(0xA1, `{"type":"ping"}`),
		"reserved bit 3":               rawFrame(0x91, `{"type":"ping"}`),
		"reserved data opcode":         rawFrame(0x83, `x`),
		"reserved control opcode":      rawFrame(0x8B, `x`),
		"continuation of nothing":      rawFrame(0x80, `{"type":"ping"}`),
		"text inside a fragment":       append(rawFrame(0x01, `{"type":`), rawFrame(0x81, `"ping"}`)...),
		"long protocol ping":           rawFrame(0x89, long[:126]),
		"protocol ping in fragments":   rawFrame(0x09, `x`),
		"close with a bad code":        rawFrame(0x88, "\x03\xed"), // 1005
		"close with a code of 0":       rawFrame(0x88, "\x00\x00x"),
		"close reason not UTF-8":       rawFrame(0x88, "\x03\xe8\xff"),
	} {
		for _, when := range []string{"before auth", "after auth"} {
			t.Run(name+", "+when, func(t *testing.T) {
				c := ho.connect()
				if when == "after auth" {
					c.enter("k1.alice.600")
				}
				if _, err := c.raw.Write(frame); err != nil {
					t.Fatal(err)
				}
				c.end(closeBadRequest)
			})
		}
		if t.Failed() {
			break
		}
		ho.connect().enter("k1.alice.600")
	}
}

// TestTheCloseFrameArrivesThoughMoreWasSent: bytes that nobody read would turn
// the end of the connection into a reset, which can take the close frame with it.
func TestTheCloseFrameArrivesThoughMoreWasSent(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	conn, br, resp := ho.handshake(wsLines()...)
	if resp.StatusCode != 101 {
		t.Fatalf("got %v", resp)
	}
	conn.Write(append(rawFrame(0xC1, `{}`), make([]byte, 50_000)...))
	rest, err := io.ReadAll(br)
	if err != nil || !bytes.Equal(rest, closeFrame(closeBadRequest, "bad_request")) {
		t.Errorf("got %q, %v, want a close frame and the end", rest, err)
	}
}

func TestAHandshakeThatIsNoneIsAProblemDocument(t *testing.T) {
	ho := open(t, payments(newVerifier("k1")))
	for name, c := range map[string]struct {
		lines []string
		code  string
	}{
		"plain GET": {[]string{"GET /v1/stream HTTP/1.1", "Host: h"}, "upgrade_required"},
		"POST":      {[]string{"POST /v1/stream HTTP/1.1", "Host: h", "Content-Length: 0"}, "method_not_allowed"},
		"old version": {[]string{"GET /v1/stream HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, "handshake_invalid"},
		"short key": {[]string{"GET /v1/stream HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="}, "handshake_invalid"},
		"no key": {[]string{"GET /v1/stream HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13"}, "handshake_invalid"},
		"HTTP/1.0":                 {append([]string{"GET /v1/stream HTTP/1.0"}, wsLines("X: y")[1:3]...), "upgrade_required"},
		"another subprotocol":      {wsLines("Sec-WebSocket-Protocol: keyturn.v2, mqtt"), "subprotocol_unsupported"},
		"frames with the request":  {wsLines("X: y", "", "\x81\x80\x00\x00\x00\x00"), ""},
		"foreign origin":           {wsLines("Origin: https://evil.example"), "origin_refused"},
		"two origins, one of them": {wsLines("Origin: "+testOrigin, "Origin: https://evil.example"), "origin_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.code == "" { // the hub hangs up
				raw, err := ho.dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				raw.Write([]byte(strings.Join(c.lines, "\r\n") + "\r\n\r\n"))
				if resp, err := io.ReadAll(raw); bytes.Contains(resp, []byte("101 Switching")) {
					t.Errorf("got %q, %v, want no upgrade", resp, err)
				}
				return
			}
			_, _, resp := ho.handshake(c.lines...)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(body), `"code":"`+c.code+`"`) || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %s %s, want a problem with code %s", resp.Header.Get("Content-Type"), body, c.code)
			}
		})
	}
	eventually(t, "nothing is left", func() bool { return ho.connections() == 0 })
	ho.connect().enter("k1.alice.600")
}

func TestAClientWithoutSubprotocolIsServed(t *testing.T) {
	ho := open(t, payments(nil))
	ho.Apply(state(nowRev(), "k1"))
	_, br, resp := ho.handshake(wsLines()...)
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Protocol") != "" {
		t.Fatalf("got %v", resp)
	}
	first, err := br.ReadByte()
	if err != nil || first != finalBit|opText {
		t.Errorf("got %x, %v, want a text frame", first, err)
	}
}

// FuzzDecode: decode never panics, and takes exactly what encoding/json reads
// as one object with the members it wants, with the same values.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"type":"auth","token":"a.b.c"}`, `{"type":"auth"}`, `{"type":"failed","code":"x"}`, `{"type":"ping"}`, `{"type":"\u0070ing"}`,
		`{"token":"x","type":"auth","x":[1,{"type":"y"}],"n":-1.5e3,"t":true}`, `{"type":"a","type":"b"}`, `{}`, `[]`, "\xff",
		` { "type" : "ping" , "x" : "}\\\"" } `, `{"type":"auth","token":"\ud83d\ude00\ud83d"}`, `{"a":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := bytes.Clone(data)
		m, err := decode(data)
		want, wantErr := decodeByStandardLibrary(kept)
		if (err == nil) != (wantErr == nil) || m != want {
			t.Errorf("decode(%q): got %+v, %v, want %+v, %v", data, m, err, want, wantErr)
		}
		if err == nil && len(data) > 0 {
			data[len(data)/2] ^= 0xff // what decode keeps must not alias the buffer
			if m != want {
				t.Errorf("decode(%q) keeps a reference to its input", kept)
			}
		}
	})
}

// FuzzFrames: whatever bytes a peer sends, the hub does not panic, and the
// connection ends when the peer's side does.
func FuzzFrames(f *testing.F) {
	f.Add(maskedText(`{"type":"ping"}`))
	f.Add(rawFrame(0x88, "\x03\xe8"))
	f.Add(rawFrame(0x01, `{"type":`))
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		hub, err := New(payments(newVerifier("k1")))
		if err != nil {
			t.Fatal(err)
		}
		ho := run(t, hub, "")
		conn := &scripted{in: bytes.NewReader(data)}
		if p := hub.admit(false); p != nil {
			t.Fatal(p.code)
		}
		s := &session{Conn: conn, ring: hub.rings["payments"], id: newID()}
		ws := gorillaServer(s)
		hub.start(s)
		go hub.read(s, ws)
		ho.stop()
		if n := hub.Connections("payments"); n != 0 {
			t.Errorf("got %d connections after the end, want 0", n)
		}
		checkFrames(t, conn.written())
	})
}

// checkFrames sees that what the hub wrote is a row of unmasked frames.
func checkFrames(t *testing.T, data []byte) {
	br := bufio.NewReader(bytes.NewReader(data))
	for {
		first, err := br.ReadByte()
		if err != nil {
			return
		}
		n, err := br.ReadByte()
		if err != nil || n > 126 || first&0x70 != 0 || first&finalBit == 0 {
			t.Fatalf("got a bad frame in %x", data)
		}
		length := int(n)
		if n == 126 {
			var two [2]byte
			if _, err := io.ReadFull(br, two[:]); err != nil {
				t.Fatalf("got a cut frame in %x", data)
			}
			length = int(binary.BigEndian.Uint16(two[:]))
		}
		if k, _ := br.Discard(length); k != length {
			t.Fatalf("got a cut frame in %x", data)
		}
	}
}

var _ socket = (*websocket.Conn)(nil)
