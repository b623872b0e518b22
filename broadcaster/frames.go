package broadcaster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Frames that the server sends: one JSON object in one WebSocket text message
// each. All durations are in milliseconds and relative to the moment of
// sending, so that clients need no right clock.

type pongFrame struct {
	Type string `json:"type"` // "pong"
}

type welcomeFrame struct {
	Type     string `json:"type"`     // "welcome"
	Session  string `json:"session"`  // names this connection, for logs; not a secret
	Key      string `json:"key"`      // public name of the key that verified the token
	KID      string `json:"kid"`      // that key's kid
	Stale    bool   `json:"stale"`    // refresh soon: the key is retiring or the token has expired
	TTLMs    int64  `json:"ttlMs"`    // until the token expires or its key stops verifying; 0 within the grace
	BeaconMs int64  `json:"beaconMs"` // interval of state frames
	NowMs    int64  `json:"nowMs"`    // the server's clock, Unix milliseconds
}

type stateFrame struct {
	Type     string        `json:"type"` // "state"
	Ring     string        `json:"ring"`
	Rev      int64         `json:"rev"`
	Key      string        `json:"key"`     // the current key; empty where there is none
	KID      string        `json:"kid"`     // its kid
	SinceMs  int64         `json:"sinceMs"` // how long it has been current
	Pending  []framedKey   `json:"pending"`
	Retiring []retiringKey `json:"retiring"`
	Refresh  refreshPlan   `json:"refresh"`
	Urgency  string        `json:"urgency"` // "planned" or "compromise"
	Live     bool          `json:"live"`    // false: this may not be the newest state
}

type framedKey struct {
	Key string `json:"key"`
	KID string `json:"kid"`
}

type retiringKey struct {
	Key   string `json:"key"`
	KID   string `json:"kid"`
	ForMs int64  `json:"forMs"` // how long it still verifies
}

// refreshPlan spreads refreshes: at receipt + AfterMs + u × WindowMs, u in [0,1).
type refreshPlan struct {
	AfterMs  int64 `json:"afterMs"`
	WindowMs int64 `json:"windowMs"`
}

// claimsFrame says that the permissions of the connection's subject changed.
type claimsFrame struct {
	Type string `json:"type"` // "claims"
	refreshPlan
}

type drainFrame struct {
	Type     string `json:"type"` // "drain"
	WithinMs int64  `json:"withinMs"`
}

type errorFrame struct {
	Type         string `json:"type"` // "error"
	Code         string `json:"code"`
	Message      string `json:"message"`
	RetryAfterMs int64  `json:"retryAfterMs"`
}

// Opcodes and bits of RFC 6455 §5.2.
const (
	opText    = 0x1
	opClose   = 0x8
	opPong    = 0xA
	opMask    = 0x0F
	finalBit  = 0x80
	maxHeader = 4 // of an unmasked frame below 64 KiB
)

// maxText bounds the JSON of one frame: a ring with some hundred live keys
// still fits, and the length still fits two bytes.
const maxText = 0xFFFF

// textFrame encodes v as JSON in one unmasked text frame. The frame is never
// changed afterwards, so that all connections can share it.
func textFrame(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("encode %T: %d bytes, want at most %d", v, len(text), maxText)
	}
	frame := make([]byte, 0, maxHeader+len(text))
	frame = append(frame, finalBit|opText)
	if len(text) < 126 {
		frame = append(frame, byte(len(text)))
	} else {
		frame = append(frame, 126)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(text)))
	}
	return append(frame, text...), nil
}

// mustTextFrame is textFrame for frames of which the size is bounded by construction.
func mustTextFrame(v any) []byte {
	frame, err := textFrame(v)
	if err != nil {
		panic("broadcaster: " + err.Error())
	}
	return frame
}

// text returns the JSON inside a frame made by textFrame.
func text(frame []byte) []byte {
	if frame[1] == 126 {
		return frame[4:]
	}
	return frame[2:]
}

// closeFrame encodes a close frame with that code and reason, or without
// either where code is 0 (RFC 6455 §5.5.1).
func closeFrame(code int, reason string) []byte {
	if code == 0 {
		return []byte{finalBit | opClose, 0}
	}
	frame := make([]byte, 0, 4+len(reason))
	frame = append(frame, finalBit|opClose, byte(2+len(reason)))
	frame = binary.BigEndian.AppendUint16(frame, uint16(code))
	return append(frame, reason...)
}

var pong = mustTextFrame(pongFrame{Type: "pong"})
