package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
)

// Caps of a save: whoever may save is an admin by name only.
const (
	maxRolesBody = 8 << 10
	maxSub       = 255
	maxRoleList  = 32
	maxRoleName  = 64
	keepAudit    = 20
)

// user is somebody whose roles the admin page shows.
type user struct {
	Sub     string    `json:"sub"`
	Roles   []string  `json:"roles"`
	Version string    `json:"version"` // of these roles: for If-Match
	Seen    time.Time `json:"seen,omitzero"`
	Blocked bool      `json:"blocked,omitempty"` // null in the file: may not sign in
}

// change is one line of the audit.
type change struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Sub    string    `json:"sub"`
	Before []string  `json:"before"`
	After  []string  `json:"after"`
	Told   bool      `json:"told"`
}

// audit holds the last changes, newest first. It is safe for concurrent use.
type audit struct {
	mu   sync.Mutex
	last []change
}

func (a *audit) add(c change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = append([]change{c}, a.last[:min(len(a.last), keepAudit-1)]...)
}

func (a *audit) all() []change {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]change{}, a.last...)
}

// listUsers answers GET /demo/api/users.
func (d *demo) listUsers(w http.ResponseWriter, _ *http.Request) {
	users, err := d.users()
	if err != nil {
		d.brokenRoles(w, err)
		return
	}
	writeDemo(w, http.StatusOK, map[string]any{
		"source": d.signin.claims, "file": d.roles.path, "changeable": d.roles.path != "", "users": users, "audit": d.audit.all(),
	})
}

// users are those who have signed in, and those whom the file of roles names.
func (d *demo) users() ([]user, error) {
	named := map[string]grants{}
	if d.roles.path != "" {
		var err error
		if named, err = d.roles.all(); err != nil {
			return nil, err
		}
	}
	out := []user{}
	seen := d.people.all()
	for sub, who := range seen {
		if _, ok := named[sub]; !ok {
			out = append(out, user{Sub: sub, Roles: who.roles, Version: rolesVersion(who.roles), Seen: who.at})
		}
	}
	for sub, g := range named {
		roles := g.roles()
		out = append(out, user{Sub: sub, Roles: roles, Version: rolesVersion(roles), Seen: seen[sub].at, Blocked: g == nil})
	}
	slices.SortFunc(out, func(a, b user) int { return strings.Compare(a.Sub, b.Sub) })
	return out, nil
}

// Why a save is refused.
var (
	errBlocked = &auth.Error{Status: http.StatusConflict, Code: "subject_blocked",
		Description: "the file of roles says null for this subject: it may not sign in; take that entry out first"}
	errOutdated = &auth.Error{Status: http.StatusPreconditionFailed, Code: "roles_changed",
		Description: "somebody else has changed these roles meanwhile; look again, then save"}
	errElsewhere = &auth.Error{Status: http.StatusConflict, Code: "roles_elsewhere",
		Description: "roles do not live here; change them at their source"}
)

// saveRoles answers PUT /demo/api/users/{sub}/roles: it changes the roles at
// their source and, where asked to, tells the pages of that subject at once. With
// If-Match it changes only the roles that the caller has seen.
func (d *demo) saveRoles(tell func(r *http.Request, subject string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, ok := auth.TokenFrom(r.Context())
		if !ok {
			http.Error(w, "no token", http.StatusInternalServerError) // can't happen behind the middleware
			return
		}
		if d.roles.path == "" {
			auth.WriteProblem(w, errElsewhere)
			return
		}
		sub := r.PathValue("sub")
		if !printableText(sub, maxSub) {
			badRoles(w, "subject: want 1 to 255 bytes of printable text")
			return
		}
		in, why := readRoles(w, r)
		if why != "" {
			badRoles(w, why)
			return
		}
		done := change{At: time.Now(), By: by.Subject, Sub: sub, After: in.Roles}
		err := d.roles.change(sub, func(before grants, named bool) (grants, error) {
			done.Before = before.roles()
			if !named {
				done.Before = append([]string{}, d.people.all()[sub].roles...)
			}
			if match := r.Header.Get("If-Match"); match != "" && match != `"`+rolesVersion(done.Before)+`"` {
				return nil, errOutdated
			}
			if named && before == nil {
				return nil, errBlocked
			}
			after := grants{}
			for name, claim := range before {
				after[name] = claim
			}
			after["roles"] = in.Roles
			return after, nil
		})
		var refused *auth.Error
		switch {
		case errors.As(err, &refused):
			auth.WriteProblem(w, refused)
			return
		case err != nil:
			d.brokenRoles(w, err)
			return
		}
		if in.Tell {
			if err := tell(r, sub); err != nil {
				d.log.Warn("demo_tell_failed", zap.Error(err))
			} else {
				done.Told = true
			}
		}
		d.audit.add(done)
		d.log.Info("demo_roles_saved", zap.String("by", done.By), zap.String("subject", sub),
			zap.Strings("before", done.Before), zap.Strings("after", done.After), zap.Bool("told", done.Told))
		writeDemo(w, http.StatusOK, map[string]any{"sub": sub, "roles": in.Roles, "version": rolesVersion(in.Roles), "told": done.Told, "change": done})
	}
}

type rolesRequest struct {
	Roles []string `json:"roles"`
	Tell  bool     `json:"tell"`
}

// readRoles reads the body of a save. It returns the text of a refusal.
func readRoles(w http.ResponseWriter, r *http.Request) (in rolesRequest, refusal string) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return in, "want Content-Type: application/json"
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRolesBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, `want {"roles":["user"],"tell":true}, at most 8 KiB`
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return in, "want one JSON object and nothing after it"
	}
	if in.Roles == nil {
		return in, "roles: is missing; [] takes all of them away"
	}
	if len(in.Roles) > maxRoleList {
		return in, "roles: want at most 32"
	}
	for i, role := range in.Roles {
		if !printableText(role, maxRoleName) {
			return in, "roles: want 1 to 64 bytes of printable text each"
		}
		if slices.Contains(in.Roles[:i], role) {
			return in, "roles: want each one once"
		}
	}
	return in, ""
}

// printableText reports whether s can be shown in one line, and is neither empty nor longer than most bytes.
func printableText(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

func badRoles(w http.ResponseWriter, why string) {
	auth.WriteProblem(w, &auth.Error{Status: http.StatusBadRequest, Code: "bad_request", Description: why})
}

// brokenRoles answers where the file can't be read or written. Whoever calls
// runs this demo on this machine, so it may say what is wrong.
func (d *demo) brokenRoles(w http.ResponseWriter, err error) {
	d.log.Error("demo_roles_failed", zap.Error(err))
	auth.WriteProblem(w, &auth.Error{Status: http.StatusInternalServerError, Code: "roles_unavailable", Description: err.Error()})
}

// writeDemo answers with JSON that nobody keeps.
func writeDemo(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error here is a caller that hung up
}
