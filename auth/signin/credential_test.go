package signin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestACredentialReadsBackAsItself(t *testing.T) {
	c := newCredential()
	got, err := parseCredential(c.encode())
	if err != nil {
		t.Fatal(err)
	}
	if got != c {
		t.Error("read back another credential than was written")
	}
	if len(c.encode()) != credentialLength {
		t.Errorf("length: got %d, want %d", len(c.encode()), credentialLength)
	}
}

func TestAForeignCredentialIsRefused(t *testing.T) {
	good := newCredential().encode()
	for name, value := range map[string]string{
		"empty":             "",
		"short":             good[:63],
		"long":              good + "A",
		"padded":            good[:62] + "==",
		"standard alphabet": "+" + good[1:],
		"slash":             "/" + good[1:],
		"newline":           good[:63] + "\n",
		"newlines inside":   good[:32] + "\n" + good[33:],
		"null":              "\x00" + good[1:],
		"not ASCII":         "é" + good[2:],
		"a token":           "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"very long":         strings.Repeat("A", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseCredential(value)
			if err == nil {
				t.Fatalf("accepted %.80q", value)
			}
			if value != "" && strings.Contains(err.Error(), value) {
				t.Error("the error quotes the value")
			}
		})
	}
}

func TestSuccessorsDependOnKeySessionAndSecret(t *testing.T) {
	key, other := newServerKey(), newServerKey()
	c := newCredential()
	if replicaA, replicaB := c.successor(key), c.successor(key); replicaA != replicaB {
		t.Error("two replicas derive different successors")
	}
	if c.successor(key).id != c.id {
		t.Error("the successor belongs to another session")
	}
	twin := c
	twin.id[0]++
	for name, next := range map[string]credential{
		"itself": c, "under another key": c.successor(other), "of another session": twin.successor(key), "of the successor": c.successor(key).successor(key),
	} {
		if next.secret == c.successor(key).secret {
			t.Errorf("the successor equals that %s", name)
		}
	}
}

func TestSecretsNeverShow(t *testing.T) {
	c, k := newCredential(), newServerKey()
	secret := fmt.Sprintf("%x", c.secret[:])
	for _, v := range []any{c, &c, k, &k, struct {
		C credential
		K serverKey
	}{c, k}} {
		shown := fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
		if b, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		} else {
			shown += string(b)
		}
		for _, bad := range []string{secret, c.encode(), fmt.Sprint(c.secret[:]), fmt.Sprintf("%#v", c.secret), fmt.Sprint([32]byte(k)), fmt.Sprintf("%x", [32]byte(k))} {
			if strings.Contains(shown, bad) {
				t.Errorf("%T shows a secret: %s", v, shown)
			}
		}
	}
}

// Property: whatever is accepted is spelled in one way only, and names the
// session that it would open.
func FuzzCredential(f *testing.F) {
	f.Add(newCredential().encode())
	f.Add("")
	f.Add(strings.Repeat("A", credentialLength))
	f.Add(strings.Repeat("_", credentialLength))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCredential(s)
		if err != nil {
			if c != (credential{}) {
				t.Error("a refused value left a credential behind")
			}
			return
		}
		if c.encode() != s {
			t.Errorf("%q is accepted but written as %q", s, c.encode())
		}
		if len(c.session()) != 2*idSize {
			t.Errorf("session name %q", c.session())
		}
	})
}
