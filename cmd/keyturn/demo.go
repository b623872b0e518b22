package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/broadcaster/client"
	"github.com/keyturn/keyturn/watcher/admin"
)

// page holds the demo page: a handful of files and no dependency.
//
//go:embed page
var page embed.FS

// demo is what `keyturn dev` adds to a process: the page, an API to call, and
// the files by which the verbs find it.
type demo struct {
	dir    string
	secret string // path of the key file
	token  string // admin token of this run
	out    io.Writer
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

// handler routes the public listener of `keyturn dev`. Only pages of its own,
// under an address of this machine, may use it.
func (d *demo) handler(p *process) http.Handler {
	keyring := p.rings[demoRing].keys.Load().Keyring()
	mux := p.publicMux()
	mux.Handle("/keyturn.dev.js", client.DevHandler())
	mux.Handle("GET /{$}", d.file("index.html", "text/html; charset=utf-8"))
	mux.Handle("GET /app.js", d.file("app.js", "text/javascript; charset=utf-8"))
	mux.Handle("GET /style.css", d.file("style.css", "text/css; charset=utf-8"))
	mux.Handle("GET /icon.svg", d.file("icon.svg", "image/svg+xml"))
	protect := auth.Middleware(keyring, auth.Options{})
	mux.Handle("GET /api/hello", protect(http.HandlerFunc(hello)))
	mux.Handle("GET /api/admin", protect(auth.RequireRole("admin")(http.HandlerFunc(hello))))
	mux.Handle("POST /dev/rotate", p.api.RotateFor("demo page", demoRing))
	return admin.Guard(nil, mux)
}

// file serves one file of the page. The policy admits nothing but this origin.
func (d *demo) file(name, media string) http.Handler {
	data, err := fs.ReadFile(page, "page/"+name)
	if err != nil {
		panic(err) // can't happen: it is embedded
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", media)
		h.Set("Cache-Control", "no-cache")
		// Not every browser counts ws: of the same host as 'self'. The host is
		// safe to repeat: the guard admits addresses and localhost only.
		h.Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws://"+r.Host+"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		_, _ = w.Write(data) // an error here is a caller that hung up
	})
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
func (d *demo) welcome(public, inner string) error {
	if err := d.remember(inner); err != nil {
		return err
	}
	flag := ""
	if d.dir != defaultDevData {
		flag = " --data-dir " + d.dir
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\nkeyturn is ready.\n\n  page\t%s\n  admin\t%s\n  key file\t%s\n\n", public, inner, d.secret)
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
