package main

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
)

// page holds the demo's pages: a handful of files and no dependency.
//
//go:embed page
var page embed.FS

// media types of the files of the pages, by their ends.
var media = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// file serves one file of the pages as it is.
func (d *demo) file(name string) http.Handler {
	data, err := fs.ReadFile(page, "page/"+name)
	if err != nil {
		panic(err) // can't happen: it is embedded
	}
	return d.content(data, media[path.Ext(name)])
}

// pageFacts are what the pages under /ui are told.
type pageFacts struct {
	Page     string // its name
	SignIn   string // data-signin of the tag
	Provider string // name of the provider; empty: there is none
	Issuer   string // its host, for people
	DelayMs  int64  // data-callback-delay
	Ring     string
	Grants   bool // roles live here, so the admin page can change them
}

// ui serves a page under /ui. With a provider it has one origin only: it sends
// browsers back to that, where the cookies of the sign-in are.
func (d *demo) ui(name, public string) http.Handler {
	t := template.Must(template.ParseFS(page, "page/ui/parts.html", "page/ui/"+name+".html"))
	facts := pageFacts{
		Page: name, SignIn: d.signin.mode, DelayMs: d.signin.callbackDelay.Milliseconds(), Ring: demoRing, Grants: d.roles.path != "",
	}
	if u, err := url.Parse(d.signin.issuer); err == nil && u.Host != "" {
		facts.Provider, facts.Issuer = demoProvider, u.Host
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name+".html", facts); err != nil {
		panic(err) // can't happen: the templates and the facts are ours
	}
	content := d.content(b.Bytes(), media[".html"])
	home, err := url.Parse(public)
	if err != nil || facts.Provider == "" {
		return content
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != home.Host {
			http.Redirect(w, r, public+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		content.ServeHTTP(w, r)
	})
}

// content serves bytes under a policy that admits nothing but this origin, and
// the provider's pages in a frame.
func (d *demo) content(data []byte, media string) http.Handler {
	frames := ""
	if origin := d.signin.frames(); origin != "" {
		frames = "frame-src 'self' " + origin + "; "
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", media)
		h.Set("Cache-Control", "no-cache")
		// Not every browser counts ws: of the same host as 'self'. The host is
		// safe to repeat: the guard admits addresses and localhost only.
		h.Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws://"+r.Host+"; "+frames+"base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		_, _ = w.Write(data) // an error here is a caller that hung up
	})
}
