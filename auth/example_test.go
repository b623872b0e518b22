package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// A service protects its handlers, and one of them asks for a role.
func ExampleMiddleware() {
	ring := auth.NewKeyring(auth.Config{Issuer: "https://auth.example.com", Audience: "api", Skew: 30 * time.Second})
	key, err := auth.Generate("2026-11-b", auth.ES256)
	if err != nil {
		panic(err)
	}
	if err := ring.Install(auth.Set{Held: []auth.Held{{Name: "3f1c", Key: key, Stage: auth.Current}}}); err != nil {
		panic(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := auth.TokenFrom(r.Context())
		fmt.Fprintf(w, "hello %s", token.Subject)
	})
	protect := auth.Middleware(ring, auth.Options{})
	mux := http.NewServeMux()
	mux.Handle("GET /hello", protect(hello))
	mux.Handle("GET /admin", protect(auth.RequireRole("admin")(hello)))

	signed, err := ring.Sign(map[string]any{
		"iss": "https://auth.example.com", "aud": "api", "sub": "alice", "roles": []string{"user"}, "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		panic(err)
	}
	for _, path := range []string{"/hello", "/admin"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+signed.Token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Printf("%s %d %q\n", path, w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// /hello 200 ""
	// /admin 403 "Bearer error=\"insufficient_scope\", error_description=\"the token lacks a required role\", kid=\"2026-11-b\""
}

// A key is turned: both keys verify, the new one signs.
func ExampleKeyring_Install() {
	old, err := auth.Generate("2026-10-a", auth.HS256)
	if err != nil {
		panic(err)
	}
	fresh, err := auth.Generate("2026-11-b", auth.HS256)
	if err != nil {
		panic(err)
	}
	ring := auth.NewKeyring(auth.Config{})
	claims := map[string]any{"sub": "alice", "exp": time.Now().Add(time.Minute).Unix()}

	if err := ring.Install(auth.Set{Rev: 1, Held: []auth.Held{{Name: "old", Key: old, Stage: auth.Current}}}); err != nil {
		panic(err)
	}
	before, err := ring.Sign(claims)
	if err != nil {
		panic(err)
	}
	if err := ring.Install(auth.Set{Rev: 2, Held: []auth.Held{
		{Name: "new", Key: fresh, Stage: auth.Current},
		{Name: "old", Key: old, Stage: auth.Retiring, VerifyUntil: time.Now().Add(time.Hour)},
	}}); err != nil {
		panic(err)
	}
	after, err := ring.Sign(claims)
	if err != nil {
		panic(err)
	}
	for _, signed := range []auth.Signed{before, after} {
		token, err := ring.Verify(context.Background(), signed.Token)
		if err != nil {
			panic(err)
		}
		fmt.Println(token.Subject, token.KID, token.Stage)
	}
	// Output:
	// alice 2026-10-a retiring
	// alice 2026-11-b current
}

// What a store holds is read whatever its form, and says what is wrong with it.
func ExampleParseKeys() {
	parsed, err := auth.ParseKeys([]byte(`{"kid":"2026-11-b","secret":"QuiltMCPJWTSecret2025ProductionV1"}`), auth.ParseOptions{})
	if err != nil {
		panic(err)
	}
	key := parsed.Keys[parsed.Active]
	fmt.Println(parsed.Form, key)
	fmt.Println(key.Weak())
	// Output:
	// json key(kid=2026-11-b alg=HS256 [redacted])
	// the secret is published as an example or a default, so that anybody can forge tokens: replace it
}
