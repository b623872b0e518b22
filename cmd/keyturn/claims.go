package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/admin"
)

func (a *app) claimsCommand() *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "claims RING SUBJECT",
		Short: "Tell a subject's browsers that its permissions changed",
		Long: `Tells the pages of one subject (the sub of its tokens), on all replicas, that its
permissions changed, so that they fetch a token with the new ones before a call
is refused. It says who, not what: change the permissions at their source first.
Pages that are not connected find out by the next 403. The admin token needs the
right claims.`,
		Example: `  keyturn claims payments 'google|alice@example.com'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("claims: name the ring and the subject: keyturn claims RING SUBJECT")
			}
			return nil
		},
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			d, err := a.connect(f)
			if err != nil {
				return err
			}
			var told admin.Told
			if err := d.post(cmd.Context(), "/v1/rings/"+args[0]+"/subjects/"+url.PathEscape(args[1])+"/refresh", nil, &told); err != nil {
				return err
			}
			if f.json {
				return printJSON(a.stdout, told)
			}
			_, err = fmt.Fprintln(a.stdout, "told: connected pages of this subject refresh within seconds")
			return err
		}),
	}
	f.registerJSON(cmd)
	return cmd
}

// TellClaims implements admin.Teller.
func (b *backend) TellClaims(ctx context.Context, ring, subject string) error {
	return natsfeed.TellClaims(ctx, b.conn, ring, subject)
}
