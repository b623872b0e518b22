package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
)

func (a *app) checkCommand() *cobra.Command {
	var f remoteFlags
	var config string
	cmd := &cobra.Command{
		Use:   "check [RING]",
		Short: "Say what is found and what is wrong, without changing anything",
		Long: `Inspects rings and changes nothing: the store, the keys and where their kids
come from, their strength and stages, what may be written, the log, verifiers,
origins, and what a turn does to live tokens. No value is shown.

With --config it checks a configuration file and its stores on this host, and
asks no daemon. It ends with exit code 1 if anything failed; warnings do not
count.`,
		Example: `  keyturn check payments
  keyturn check --config /etc/keyturn/keyturn.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			only := ""
			if len(args) == 1 {
				only = args[0]
			}
			reports, err := a.reports(cmd.Context(), f, config, only)
			if err != nil {
				return err
			}
			if f.json {
				err = printJSON(a.stdout, struct {
					Rings []admin.Report `json:"rings"`
				}{reports})
			}
			failed := 0
			for i, r := range reports {
				if !f.json {
					if i > 0 {
						fmt.Fprintln(a.stdout)
					}
					printReport(a.stdout, r)
				}
				for _, finding := range r.Findings {
					if finding.Level == admin.LevelFail {
						failed++
					}
				}
			}
			if failed > 0 {
				return errors.Join(err, fmt.Errorf("check: %d findings failed", failed))
			}
			return err
		}),
	}
	f.registerJSON(cmd)
	cmd.Flags().StringVar(&config, "config", "", "check this configuration and its stores instead of asking a daemon")
	cmd.MarkFlagsMutuallyExclusive("config", "admin")
	cmd.MarkFlagsMutuallyExclusive("config", "data-dir")
	return cmd
}

// reports asks the daemon, or inspects what a configuration file names.
func (a *app) reports(ctx context.Context, f remoteFlags, config, only string) ([]admin.Report, error) {
	if config != "" {
		return a.offlineReports(ctx, config, only)
	}
	d, err := a.connect(f)
	if err != nil {
		return nil, err
	}
	names := []string{only}
	if only == "" {
		var all struct {
			Rings []admin.Ring `json:"rings"`
		}
		if err := d.get(ctx, "/v1/rings", &all); err != nil {
			return nil, err
		}
		names = nil
		for _, r := range all.Rings {
			names = append(names, r.Name)
		}
	}
	var out []admin.Report
	for _, name := range names {
		var r admin.Report
		if err := d.get(ctx, "/v1/rings/"+name+"/check", &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (a *app) offlineReports(ctx context.Context, file, only string) ([]admin.Report, error) {
	c, err := loadConfig(file, a.env, nil)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	if _, ok := c.ring(only); only != "" && !ok {
		return nil, usagef("%s", noSuchRing(only, c))
	}
	cloud, err := openCloud(ctx, c)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	var out []admin.Report
	for _, rc := range c.Rings {
		if only != "" && rc.Name != only {
			continue
		}
		store, err := openStore(rc, "", cloud, nil, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, inspect(ctx, c, cloud, &ring{config: rc, store: store}, nil, nil, nil))
	}
	return out, nil
}

// levelMark is how a level looks in text; what needs a person is in capitals.
var levelMark = map[string]string{
	admin.LevelOK: "ok", admin.LevelNote: "-", admin.LevelWarn: "WARN", admin.LevelFail: "FAIL",
}

func printReport(w io.Writer, r admin.Report) {
	fmt.Fprintf(w, "ring %s\n", r.Ring)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %-4s  %-10s %s\n", levelMark[f.Level], f.Topic, f.Text)
	}
	fmt.Fprintf(w, "next: %s\n", r.Next)
}
