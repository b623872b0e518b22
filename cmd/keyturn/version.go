package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version may be set at link time: -ldflags "-X main.version=v1.2.3".
var version string

// build says which code this binary was made of.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a changed checkout
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildInfo() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		b.Version = orDefault(b.Version, "unknown")
		return b
	}
	b.Version = orDefault(b.Version, info.Main.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: a.act(func(*cobra.Command, []string) error {
			b := buildInfo()
			if asJSON {
				return printJSON(a.stdout, b)
			}
			text := "keyturn " + b.Version
			if b.Commit != "" {
				text += " (" + b.Commit[:min(12, len(b.Commit))] + ")"
			}
			_, err := fmt.Fprintf(a.stdout, "%s %s %s\n", text, b.Go, b.Platform)
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable members")
	return cmd
}

func (a *app) referenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "config-reference",
		Short:  "Print the configuration table, in Markdown",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: a.act(func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.stdout, configReference())
			return err
		}),
	}
}
