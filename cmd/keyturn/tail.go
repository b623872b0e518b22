package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func (a *app) tailCommand() *cobra.Command {
	var f remoteFlags
	var command string
	cmd := &cobra.Command{
		Use:   "tail RING",
		Short: "Print the state of a ring and each one that follows, a JSON line each",
		Long: `Prints the state of a ring as one line of JSON, then each state that follows,
until it is interrupted. It connects again by itself.

--exec CMD runs CMD (by the shell) for each state, with the state on its
standard input instead, one after another. Use it to wake a service that reads
the store itself. A state names keys; it never holds one.`,
		Args: ringArg,
		Example: `  keyturn tail payments
  keyturn tail payments --exec 'systemctl reload payments-api'`,
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			d, err := a.connect(f)
			if err != nil {
				return err
			}
			t := tailer{a: a, d: d, ring: args[0], command: command}
			return t.run(cmd.Context())
		}),
	}
	f.register(cmd)
	cmd.Flags().StringVar(&command, "exec", "", "run this command for each state, with the state on its standard input")
	return cmd
}

// tailer follows the states of one ring.
type tailer struct {
	a       *app
	d       *daemon
	ring    string
	command string
	rev     int64 // newest state handled
}

// Pace of connecting again: a random part of a second at first, of half a
// minute at last, so that a fleet of tails does not return in one instant.
const (
	tailFirst = time.Second
	tailLast  = 30 * time.Second
)

func (t *tailer) run(ctx context.Context) error {
	connected := false
	ceiling := tailFirst
	for {
		err := t.d.lines(ctx, http.MethodGet, "/v1/rings/"+t.ring+"/states?after="+strconv.FormatInt(t.rev, 10), "", nil, func(line []byte) error {
			connected, ceiling = true, tailFirst
			return t.handle(ctx, line)
		})
		switch {
		case ctx.Err() != nil:
			return nil // interrupting is how one leaves
		case err == nil:
			err = errors.New("the daemon ended the stream") // it stops; another takes over
		case codeOf(err) == exitRefused, !connected, errors.As(err, new(errOutput)):
			return err
		}
		fmt.Fprintf(t.a.stderr, "%v; connecting again\n", err)
		if !pause(ctx, rand.N(ceiling)) {
			return nil
		}
		ceiling = min(2*ceiling, tailLast)
	}
}

func (t *tailer) handle(ctx context.Context, line []byte) error {
	var s rotation.State
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("the daemon's answer is not what this version understands: %w", err)
	}
	if s.Rev <= t.rev {
		return nil
	}
	if t.command == "" {
		if _, err := fmt.Fprintf(t.a.stdout, "%s\n", line); err != nil {
			return errOutput{err}
		}
	} else {
		t.exec(ctx, line)
	}
	t.rev = s.Rev
	return nil
}

// errOutput says that nobody reads what is printed.
type errOutput struct{ err error }

func (e errOutput) Error() string { return "print the state: " + e.err.Error() }
func (e errOutput) Unwrap() error { return e.err }

// exec runs the command for one state. Its failure is said and not more: the
// next state must reach it.
func (t *tailer) exec(ctx context.Context, line []byte) {
	shell, flag := "/bin/sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, flag, t.command)
	cmd.Stdin = bytes.NewReader(append(bytes.Clone(line), '\n'))
	cmd.Stdout, cmd.Stderr = t.a.stdout, t.a.stderr
	cmd.WaitDelay = 5 * time.Second // a grandchild that keeps the pipes must not hold the next state up
	for _, pair := range t.a.env {
		if !strings.HasPrefix(pair, envAdminToken+"=") { // the command has no use for it
			cmd.Env = append(cmd.Env, pair)
		}
	}
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		fmt.Fprintf(t.a.stderr, "--exec: %v; going on with the next state\n", err)
	}
}
