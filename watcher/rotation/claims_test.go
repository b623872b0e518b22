package rotation_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAChangeOfClaimsNamesASubject(t *testing.T) {
	for _, c := range []struct {
		name, data, subject string // subject "": refused
	}{
		{"a name", `{"subject":"alice"}`, "alice"},
		{"an address", `{"subject":"google|alice@example.com"}`, "google|alice@example.com"},
		{"more than is known", `{"subject":"alice","roles":["admin"]}`, "alice"},
		{"the longest", `{"subject":"` + strings.Repeat("a", 512) + `"}`, strings.Repeat("a", 512)},
		{"too long", `{"subject":"` + strings.Repeat("a", 513) + `"}`, ""},
		{"nobody", `{"subject":""}`, ""},
		{"nothing", `{}`, ""},
		{"no object", `"alice"`, ""},
		{"a number", `{"subject":7}`, ""},
		{"two objects", `{"subject":"alice"}{"subject":"bob"}`, ""},
		{"not closed", `{"subject":"alice"`, ""},
		{"empty", ``, ""},
		{"huge", `{"subject":"alice","x":"` + strings.Repeat("x", 5000) + `"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rotation.DecodeClaimsChange([]byte(c.data))
			if (err == nil) != (c.subject != "") || err == nil && got.Subject != c.subject {
				t.Errorf("got %q, %v, want %q", got.Subject, err, c.subject)
			}
			if err != nil && strings.Contains(err.Error(), "aaaa") {
				t.Errorf("the error quotes the subject: %v", err)
			}
		})
	}
}

// What was encoded decodes to the same, and whatever decodes can be encoded.
func FuzzDecodeClaimsChange(f *testing.F) {
	f.Add([]byte(`{"subject":"alice"}`))
	f.Add([]byte(`{"subject":"\u0000\ud800"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := rotation.DecodeClaimsChange(data)
		if err != nil {
			return
		}
		if !utf8.ValidString(c.Subject) || c.Subject == "" {
			t.Fatalf("decoded %q", c.Subject)
		}
		again, err := rotation.EncodeClaimsChange(c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := rotation.DecodeClaimsChange(again); err != nil || d != c {
			t.Fatalf("got %v, %v after encoding %v", d, err, c)
		}
	})
}
