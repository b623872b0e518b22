package signin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
)

// Caps of a sign-in by name: it is for development, but its input is foreign all the same.
const (
	maxLogin   = 8 << 10
	maxSubject = 255
	maxRoles   = 32
	maxRole    = 64
)

// credentials of a sign-in by name.
type loginRequest struct {
	Subject string   `json:"sub"`
	Roles   []string `json:"roles"`
}

// login answers POST /auth/login: it believes the name and roles that it is
// told. Only a service made with Config.DevLogin has this route.
func (s *Service) login(w http.ResponseWriter, r *http.Request) {
	in, refusal := readLogin(w, r)
	if refusal != "" {
		refuse(w, http.StatusBadRequest, CodeBadRequest, refusal)
		return
	}
	roles := make([]any, len(in.Roles)) // as they come back from the bucket
	for i, role := range in.Roles {
		roles[i] = role
	}
	answer, e := s.start(r.Context(), w, r, newcomer{subject: in.Subject, claims: map[string]any{"roles": roles}})
	if e != nil {
		if e.err != nil {
			s.log.Error("login_failed", zap.String("code", e.code), zap.Error(e.err))
		}
		e.write(w)
		return
	}
	s.writeGrant(w, answer, plain)
}

// readLogin reads a sign-in as JSON or as a form, in which roles may be given
// several times or as one list with spaces or commas. It returns the text of a refusal.
func readLogin(w http.ResponseWriter, r *http.Request) (loginRequest, string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	var in loginRequest
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if d.Decode(&in) != nil {
			return in, `want {"sub": "name", "roles": ["role"]}, at most 8 KiB`
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return in, "want one JSON object and nothing after it"
		}
	case err == nil && kind == "application/x-www-form-urlencoded":
		if r.ParseForm() != nil {
			return in, "want a form with sub and roles, at most 8 KiB"
		}
		in.Subject = r.PostForm.Get("sub")
		for _, v := range r.PostForm["roles"] {
			in.Roles = append(in.Roles, strings.FieldsFunc(v, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })...)
		}
	default:
		return in, "want Content-Type application/json or application/x-www-form-urlencoded"
	}
	if in.Subject == "" || len(in.Subject) > maxSubject || !printable(in.Subject) {
		return in, "sub: want 1 to 255 bytes of printable text"
	}
	if len(in.Roles) > maxRoles {
		return in, "roles: want at most 32"
	}
	for _, role := range in.Roles {
		if role == "" || len(role) > maxRole || !printable(role) {
			return in, "roles: want 1 to 64 bytes of printable text each"
		}
	}
	return in, ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
