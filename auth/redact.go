package auth

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// What may be known of the values that hold material, credentials or claims,
// whatever prints, logs or encodes them. Format answers for every verb of
// package fmt (but %p, which go vet refuses for a struct).

const redacted = `"[redacted]"`

// String shows kid and algorithm, never material.
func (k Key) String() string {
	if k.IsZero() {
		return "key(empty)"
	}
	return "key(kid=" + k.KID() + " alg=" + k.Algorithm() + " [redacted])"
}

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// Format writes String for every verb.
func (k Key) Format(f fmt.State, _ rune) { writeText(f, k.String()) }

// MarshalJSON encodes the string "[redacted]": a Key that strays into an
// answer, a row or a log shows nothing. To write one to a store, see
// [Key.MarshalPrivateJWK].
func (k Key) MarshalJSON() ([]byte, error) { return []byte(redacted), nil }

// MarshalText is for encoders of other formats: "[redacted]".
func (k Key) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// LogValue is String, for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String shows the key that signed, never the token.
func (s Signed) String() string { return "signed(key=" + s.Key + " kid=" + s.KID + " [redacted])" }

// GoString is String, for %#v.
func (s Signed) GoString() string { return s.String() }

// Format writes String for every verb.
func (s Signed) Format(f fmt.State, _ rune) { writeText(f, s.String()) }

// MarshalJSON encodes the string "[redacted]": an answer that hands out the
// token writes the field itself.
func (s Signed) MarshalJSON() ([]byte, error) { return []byte(redacted), nil }

// LogValue is String, for slog.
func (s Signed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String shows the key that verified the token and no claim: claims are
// personal.
func (t Token) String() string {
	return fmt.Sprintf("token(key=%s stage=%s exp=%s [redacted])", t.Key, t.Stage, t.Expiry.UTC().Format(time.RFC3339))
}

// GoString is String, for %#v.
func (t Token) GoString() string { return t.String() }

// Format writes String for every verb.
func (t Token) Format(f fmt.State, _ rune) { writeText(f, t.String()) }

// MarshalJSON encodes the string "[redacted]". What an answer may tell of a
// token, its handler picks by name.
func (t Token) MarshalJSON() ([]byte, error) { return []byte(redacted), nil }

// LogValue is String, for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// writeText writes to a printer, which takes everything.
func writeText(f fmt.State, text string) { _, _ = io.WriteString(f, text) }
