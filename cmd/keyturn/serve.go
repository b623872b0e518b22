package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

func (a *app) serveCommand() *cobra.Command {
	var config string
	flags := map[string]*string{} // path in the configuration → text
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the daemon that a configuration describes",
		Long: `Runs all roles of a configuration in one process: it watches the stores, tells
verifiers and browsers, and issues tokens where an auth section says so.
Without nats.url the log lives in an embedded NATS server in dataDir: a single
node, for one process.

A value in the file gives way to its variable (KEYTURN_NATS_URL,
KEYTURN_RINGS_0_POLL, …), and both to a flag. ` + "`keyturn check --config FILE`" + `
says what is wrong before you start.

SIGTERM stops in order: not ready, browsers move, requests end, then the rest;
a second one cuts it short.`,
		Args: cobra.NoArgs,
		RunE: a.act(func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				return usagef("serve: name the configuration: keyturn serve --config FILE")
			}
			given := map[string]string{}
			for path, text := range flags {
				if *text != "" {
					given[path] = *text
				}
			}
			c, err := loadConfig(config, a.env, given)
			if err != nil {
				return withCode(exitUsage, err)
			}
			if err := ownFolder(c.DataDir); err != nil {
				return err
			}
			p, err := newProcess(c, a.world, a.stderr, nil)
			if err != nil {
				return err
			}
			p.logStart()
			return p.run(cmd.Context())
		}),
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file, YAML")
	for _, f := range []struct{ name, path, usage string }{
		{"listen", "broadcast.listen", "address of the public listener"},
		{"admin", "admin.listen", "address of the admin listener"},
		{"data-dir", "dataDir", "folder for the embedded NATS server and the memory of this process"},
		{"log-level", "log.level", "debug, info, warn or error"},
		{"log-format", "log.format", "json or console"},
	} {
		flags[f.path] = cmd.Flags().String(f.name, "", f.usage+" ("+f.path+")")
	}
	return cmd
}

// ownFolder makes a folder for this user alone.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w; choose one that this user may write, with --data-dir", err)
	}
	return nil
}

// logStart says what runs, and what an operator should know of it.
func (p *process) logStart() {
	b := buildInfo()
	p.log.Info("start", zap.String("version", b.Version), zap.String("commit", b.Commit), zap.Int("rings", len(p.config.Rings)),
		zap.Uint64("open_files", openFiles()))
	if !loopback(p.config.Admin.Listen) {
		p.log.Warn("admin_listener_exposed", zap.String("listen", p.config.Admin.Listen),
			zap.String("remedy", "it has no TLS: keep it on an operations network, or listen on 127.0.0.1"))
	}
	for _, r := range p.config.Rings {
		if r.Issuer == "keyturn" && r.Name != p.config.Auth.Ring {
			p.log.Warn("ring_without_issuer", zap.String("ring", r.Name),
				zap.String("remedy", "name it in the auth section, or write issuer: external"))
		}
	}
}
