package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
)

// allRights are the rights a token may have, from the schema's own list.
func allRights() []string {
	return rootSchema.field("admin").field("tokens").element.field("can").want
}

func (a *app) adminTokenCommand() *cobra.Command {
	var can []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "admin-token NAME",
		Short: "Make an admin token and the configuration line that admits it",
		Long: `Prints a fresh admin token once, and the line for admin.tokens that admits it.
The configuration holds a hash; nobody can get the token back from it. Verbs
take the token from ` + envAdminToken + `.

Rights: ` + strings.Join(allRights(), " "),
		Example: `  keyturn admin-token alice
  keyturn admin-token ci --can view,rotate`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("admin-token: name who will hold it: keyturn admin-token NAME")
			}
			if !plainName.MatchString(args[0]) {
				return usagef("admin-token: want a name of letters, digits, hyphens and underscores, at most 64, got %s", safe(args[0]))
			}
			return nil
		},
		RunE: a.act(func(_ *cobra.Command, args []string) error {
			for _, right := range can {
				if !slices.Contains(allRights(), right) {
					return usagef("--can: %s is none of %s", safe(right), strings.Join(allRights(), ", "))
				}
			}
			token, hash := admin.NewToken()
			if asJSON {
				return printJSON(a.stdout, struct {
					Name   string   `json:"name"`
					Token  string   `json:"token"`
					SHA256 string   `json:"sha256"`
					Can    []string `json:"can"`
				}{args[0], token, hash, can})
			}
			_, err := fmt.Fprintf(a.stdout, `token, shown this once; give it to %s:

  %s

line for the configuration:

  admin:
    tokens:
      - {name: %s, sha256: %s, can: [%s]}
`, args[0], token, args[0], hash, strings.Join(can, ", "))
			return err
		}),
	}
	cmd.Flags().StringSliceVar(&can, "can", []string{"view", "rotate"}, "rights, comma-separated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable members")
	return cmd
}
