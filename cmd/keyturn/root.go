package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// world is everything a run takes from outside, so that tests can be one.
type world struct {
	args   []string
	env    []string        // as os.Environ
	hurry  <-chan struct{} // closed when an orderly stop is to be cut short; nil: never
	stdin  io.Reader
	stdout io.Writer // results
	stderr io.Writer // progress, notes and errors
}

// getenv returns the variable of that name, or "".
func (w world) getenv(name string) string {
	for _, pair := range w.env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// app is one run of the command line.
type app struct {
	world
	began bool // a verb's own code began, so that an error is no longer one of usage
}

// run runs one verb and returns its exit code. Canceling ctx asks it to stop.
func run(ctx context.Context, w world) int {
	a := &app{world: w}
	root := a.root()
	root.SetArgs(w.args)
	root.SetIn(w.stdin)
	root.SetOut(w.stdout)
	root.SetErr(w.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := codeOf(err)
	if !a.began {
		code = exitUsage
	}
	for line := range strings.Lines(strings.TrimRight(err.Error(), "\n")) {
		fmt.Fprintf(w.stderr, "keyturn: %s\n", strings.TrimRight(line, "\n"))
	}
	if code == exitUsage && !a.began {
		fmt.Fprintln(w.stderr, "hint: `keyturn --help` lists the verbs, `keyturn VERB --help` their flags")
	}
	return code
}

const rootHelp = `keyturn turns a JWT signing key without locking anyone out: it notices that a
key changed, tells every server and browser that depends on it, sees them move,
and only then lets the old key go.

Try it:           keyturn dev
Run it:           keyturn serve --config keyturn.yaml
Turn a key:       keyturn rotate RING
Leaked key:       keyturn rotate RING --compromise

Verbs that act talk to a running daemon: with --data-dir DIR to one on this
host, whose folder holds address and token (` + "`keyturn dev`" + ` writes them), else with
--admin URL and the token in KEYTURN_ADMIN_TOKEN.

` + exitHelp

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "keyturn",
		Short:         "Turn JWT signing keys without locking anyone out",
		Long:          rootHelp,
		Args:          noSuchVerb,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		a.devCommand(), a.serveCommand(),
		a.rotateCommand(), a.statusCommand(), a.checkCommand(), a.tailCommand(), a.claimsCommand(), a.tokenCommand(),
		a.decodeCommand(), a.clientCommand(), a.adminTokenCommand(), a.versionCommand(), a.referenceCommand(),
	)
	return root
}

// noSuchVerb is the argument check of the root, which takes none.
func noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			verbs = append(verbs, c.Name())
		}
	}
	if near, ok := nearest(args[0], verbs); ok {
		return fmt.Errorf("no verb %s; did you mean %s?", safe(args[0]), near)
	}
	return fmt.Errorf("no verb %s", safe(args[0]))
}

// act wraps a verb's own code: from here on errors are not of usage, unless they say so.
func (a *app) act(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		return f(cmd, args)
	}
}

// ringArg is the argument check of verbs that need one ring.
func ringArg(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s: name the ring: keyturn %s RING; `keyturn status` lists them", cmd.Name(), cmd.Name())
	case len(args) > 1:
		return fmt.Errorf("%s: one ring at a time, got %s", cmd.Name(), strings.Join(args, ", "))
	}
	return nil
}

// printJSON prints v indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
