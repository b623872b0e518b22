package auth

import (
	"net/http"
	"slices"
)

// RequireRole lets through requests whose token has all the roles (see
// [Token.Roles]) and answers the others 403 insufficient_scope with the code
// role_missing, or 401 where no [Middleware] has verified a token before. The
// answer does not name the role.
func RequireRole(roles ...string) func(http.Handler) http.Handler {
	roles = slices.Clone(roles)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v, ok := r.Context().Value(verifiedKey{}).(*verified)
			if !ok {
				WriteProblem(w, refuse(CodeTokenMissing, textTokenRequired))
				return
			}
			if err := v.lacks(roles); err != nil {
				WriteProblem(w, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// lacks returns the refusal of a token that does not have all the roles.
func (v *verified) lacks(roles []string) *Error {
	for _, role := range roles {
		if !v.token.HasRole(role) {
			return &Error{Status: http.StatusForbidden, Code: CodeRoleMissing, Description: textRoleMissing, KID: v.keyring.currentKID()}
		}
	}
	return nil
}
