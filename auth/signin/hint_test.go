package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/test/covers"
)

func segment(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func fakeToken(payload string) string {
	return segment(`{"alg":"HS256"}`) + "." + segment(payload) + "." + segment("signature")
}

func TestAHintIsCheckedInOrder(t *testing.T) {
	covers.IDs(t, "OAU-15")
	const form, broken, object, sub = "Invalid token format", "Malformed token", "Invalid token payload", "Missing or invalid 'sub' claim in token"
	for _, c := range []struct{ name, token, want string }{
		{"good", fakeToken(`{"sub":"alice"}`), ""},
		{"sub with a provider", fakeToken(`{"sub":"google|1"}`), ""},
		{"one segment", "abc", form},
		{"two segments", "a.b", form},
		{"four segments", "a.b.c.d", form},
		{"huge", strings.Repeat("a", maxHint) + ".b.c", form},
		{"not base64url", "a.!!!.c", broken},
		{"not JSON", "a." + segment("{") + ".c", broken},
		{"empty payload", "a..c", broken},
		{"two values", "a." + segment(`{} {}`) + ".c", broken},
		{"a list", fakeToken(`["sub"]`), object},
		{"a string", fakeToken(`"sub"`), object},
		{"null", fakeToken(`null`), object},
		{"no sub", fakeToken(`{"iss":"x"}`), sub},
		{"empty sub", fakeToken(`{"sub":""}`), sub},
		{"sub is a number", fakeToken(`{"sub":7}`), sub},
		{"sub is null", fakeToken(`{"sub":null}`), sub},
		{"sub is a list", fakeToken(`{"sub":["alice"]}`), sub},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checkHint(c.token); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheHeaderComesBeforeTheCookie(t *testing.T) {
	covers.IDs(t, "OAU-16")
	for _, c := range []struct{ name, header, cookie, want string }{
		{"neither", "", "", ""},
		{"header", "Bearer one", "", "one"},
		{"cookie", "", "two", "two"},
		{"both", "Bearer one", "two", "one"},
		{"lower case scheme", "bearer one", "", "one"},
		{"another scheme", "Basic abc", "two", "two"},
		{"scheme alone", "Bearer ", "two", "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/auth/refresh", nil)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if c.cookie != "" {
				r.Header.Set("Cookie", TokenCookie+"="+c.cookie)
			}
			if got := hintToken(r); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Property: a token passes exactly if its payload is one JSON object with a
// sub that is a string of some length; otherwise the text is one of four.
func FuzzHint(f *testing.F) {
	f.Add(fakeToken(`{"sub":"alice"}`))
	f.Add("a.b.c")
	f.Add("..")
	f.Add("a." + segment(`{"sub":"a","sub":7}`) + ".c")
	f.Add("a." + segment(`{"SUB":"a"}`) + ".c")
	f.Fuzz(func(t *testing.T, token string) {
		switch refusal := checkHint(token); refusal {
		case "Invalid token format", "Malformed token", "Invalid token payload", "Missing or invalid 'sub' claim in token":
		case "":
			payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.Split(token, ".")[1], "="))
			if err != nil {
				t.Fatal(err)
			}
			var claims map[string]any
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			if s, ok := claims["sub"].(string); !ok || s == "" {
				t.Errorf("passed without a subject: %q", payload)
			}
		default:
			t.Errorf("unknown text %q", refusal)
		}
	})
}
