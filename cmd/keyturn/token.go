package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
)

func (a *app) tokenCommand() *cobra.Command {
	var f remoteFlags
	var request admin.MintRequest
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use:   "token RING",
		Short: "Print a token for trying out, signed by the daemon",
		Long: `Prints a token under the ring's current key, alone on standard output. It lives
15 minutes at most, and the daemon logs that it was made. The admin token needs
the right mint.`,
		Args: ringArg,
		Example: `  curl -H "Authorization: Bearer $(keyturn token demo --subject alice --role user)" \
    http://127.0.0.1:8080/api/hello`,
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			if lifetime < 0 {
				return usagef("--lifetime: want more than 0, got %s", lifetime)
			}
			request.LifetimeMs = lifetime.Milliseconds()
			d, err := a.connect(f)
			if err != nil {
				return err
			}
			var minted admin.Minted
			if err := d.post(cmd.Context(), "/v1/rings/"+args[0]+"/tokens", request, &minted); err != nil {
				return err
			}
			if f.json {
				return printJSON(a.stdout, minted)
			}
			_, err = fmt.Fprintln(a.stdout, minted.Token)
			return err
		}),
	}
	f.registerJSON(cmd)
	cmd.Flags().StringVar(&request.Subject, "subject", "", "whom the token is for (the sub claim)")
	cmd.Flags().StringArrayVar(&request.Roles, "role", nil, "a role it carries; repeat for more")
	cmd.Flags().DurationVar(&lifetime, "lifetime", 0, "its life (0: the most there is, 15m)")
	_ = cmd.MarkFlagRequired("subject") // fails only where the flag does not exist
	return cmd
}
