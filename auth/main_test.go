package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var generated sync.Map // alg/kid → Key; RSA takes its time

// mustGenerate returns a fresh key, the same for the same kid and alg all through a run.
func mustGenerate(tb testing.TB, kid, alg string) Key {
	tb.Helper()
	if k, ok := generated.Load(alg + "/" + kid); ok {
		return k.(Key)
	}
	k, err := Generate(kid, alg)
	if err != nil {
		tb.Fatal(err)
	}
	generated.Store(alg+"/"+kid, k)
	return k
}

func mustHMAC(tb testing.TB, kid, secret string) Key {
	tb.Helper()
	k, err := NewHMAC(kid, HS256, []byte(secret))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// keyringOf returns a keyring with these keys installed.
func keyringOf(tb testing.TB, c Config, held ...Held) *Keyring {
	tb.Helper()
	k := NewKeyring(c)
	if err := k.Install(Set{Rev: 1, Held: held}); err != nil {
		tb.Fatal(err)
	}
	return k
}

// valid are claims of a token that is good for an hour.
func valid() map[string]any {
	return map[string]any{"sub": "alice", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
}

// tokenOf signs any header and payload with a key, whatever they say.
func tokenOf(tb testing.TB, key Key, header, payload string) string {
	tb.Helper()
	signed := segment(header) + "." + segment(payload)
	var material any = key.m().secret
	if key.m().signer != nil {
		material = key.m().signer
	}
	signature, err := key.m().algorithm.method.Sign(signed, material)
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// jsonOf encodes a value that can be.
func jsonOf(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// codeOf is the code of a verification's error; empty for none.
func codeOf(tb testing.TB, err error) string {
	tb.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		tb.Fatalf("got error %v of type %T, want *Error", err, err)
	}
	return e.Code
}
