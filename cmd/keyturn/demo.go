package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/broadcaster/client"
	"github.com/keyturn/keyturn/watcher/admin"
)

// demo is what `keyturn dev` adds to a process: its pages, APIs to call, and
// the files by which the verbs find it.
type demo struct {
	dir    string
	secret string // path of the key file
	token  string // admin token of this run
	out    io.Writer
	log    *zap.Logger

	signin demoSignin
	roles  *roleFile // with an empty path: roles live elsewhere
	people people
	audit  audit
}

// origins returns the page's origins: its address, and localhost for those who
// type that.
func (d *demo) origins(public string) []string {
	out := []string{public}
	if u, err := url.Parse(public); err == nil {
		out = append(out, "http://"+net.JoinHostPort("localhost", u.Port()))
	}
	return out
}

// at adds to the configuration what is known once the ports are.
func (d *demo) at(c *Config, public string) {
	c.Broadcast.Origins = d.origins(public)
	d.signin.at(&c.Auth, public)
}

// handler routes the public listener of `keyturn dev`. Only pages of its own,
// under an address of this machine, may use it; the guard keeps pages of other
// origins from whatever changes something.
func (d *demo) handler(p *process) (http.Handler, error) {
	keyring := p.rings[demoRing].keys.Load().Keyring()
	public, _ := p.addresses()
	mux := p.publicMux()
	mux.Handle("/keyturn.dev.js", client.DevHandler())
	mux.Handle("GET /{$}", d.file("index.html"))
	for _, name := range []string{"app.js", "style.css", "icon.svg", "ui/common.js", "ui/reports.js", "ui/admin.js", "ui/ui.css"} {
		mux.Handle("GET /"+name, d.file(name))
	}
	for _, name := range []string{"reports", "admin", "callback"} {
		mux.Handle("GET /ui/"+name, d.ui(name, public))
	}
	mux.Handle("GET /ui/{$}", http.RedirectHandler("/ui/reports", http.StatusFound))

	protect := auth.Middleware(keyring, p.cookieOptions())
	api := func(pattern, role string, h http.Handler) {
		if role != "" {
			h = auth.RequireRole(role)(h)
		}
		mux.Handle(pattern, protect(d.met(h)))
	}
	api("GET /api/hello", "", http.HandlerFunc(hello))
	api("GET /api/admin", "admin", http.HandlerFunc(hello))
	reports := newReports(time.Now())
	api("GET /reporting/api/reports", "analyst", http.HandlerFunc(reports.list))
	api("GET /reporting/api/sources", "analyst", http.HandlerFunc(listSources))
	api("GET /reporting/api/threads", "analyst", http.HandlerFunc(listThreads))
	api("POST /reporting/api/reports/{id}/approve", "reviewer", http.HandlerFunc(reports.approve))
	api("GET /demo/api/users", "admin", http.HandlerFunc(d.listUsers))
	api("PUT /demo/api/users/{sub}/roles", "admin", d.saveRoles(func(r *http.Request, subject string) error {
		return p.backend.TellClaims(r.Context(), demoRing, subject)
	}))
	if d.signin.claims == claimsHook {
		secret, err := readHookSecret(p.config.Auth.Claims.Hook.SecretFile)
		if err != nil {
			return nil, err
		}
		mux.Handle("POST "+demoHook, &claimsEndpoint{ring: demoRing, secret: secret, claims: d.hookClaims})
	}
	mux.Handle("POST /dev/rotate", p.api.RotateFor("demo page", demoRing))
	return admin.Guard(nil, mux), nil
}

// hello is the protected API of the demo: it says who called, and under which key.
func hello(w http.ResponseWriter, r *http.Request) {
	t, ok := auth.TokenFrom(r.Context())
	if !ok {
		http.Error(w, "no token", http.StatusInternalServerError) // can't happen behind the middleware
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{ // an error here is a caller that hung up
		"hello": t.Subject, "roles": t.Roles(), "key": t.Key, "kid": t.KID, "stage": t.Stage,
	})
}

// welcome says where to look and what to try, and writes what the verbs need.
func (d *demo) welcome(ctx context.Context, public, inner string) error {
	if err := d.remember(inner); err != nil {
		return err
	}
	flag := ""
	if d.dir != defaultDevData {
		flag = " --data-dir " + d.dir
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\nkeyturn is ready.\n\n  page\t%s\n  app with roles\t%s/ui/\n  admin\t%s\n  key file\t%s\n\n", public, public, inner, d.secret)
	if d.signin.issuer != "" {
		fmt.Fprintf(w, "Register at %s: %s%s, and for after a logout %s/ui/reports\n", d.signin.issuer, public, demoCallback, public)
		if _, err := d.signin.provider().provider().Discover(ctx); err != nil {
			fmt.Fprintf(w, "It does not answer as a provider yet: %v\n", err)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Open the page, sign in by any name, and try:\n\n")
	for _, line := range [][2]string{
		{"keyturn rotate " + demoRing + flag, "turn the key; no request fails"},
		{"keyturn rotate " + demoRing + " --compromise" + flag, "drop it at once, as leaked"},
		{"keyturn status" + flag, "who is on which key"},
		{"edit " + d.secret, "add a key, make it current and the other previous"},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", line[0], line[1])
	}
	fmt.Fprintf(w, "\n  curl -H \"Authorization: Bearer $(keyturn token %s --subject me%s)\" %s/api/hello\n\n", demoRing, flag, public)
	fmt.Fprintf(w, "From a checkout, keyturn is: go run ./cmd/keyturn. Ctrl-C stops it; the data stays in %s.\n", d.dir)
	return w.Flush()
}
