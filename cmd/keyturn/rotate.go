package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
)

const rotateHelp = `Turns the key of a ring, through the daemon that watches it.

Planned: a new key is written as pending; once every verifier has reported it,
it becomes current; the old key goes on verifying until the last token it
signed has expired. No request fails.

--compromise: the current key has leaked. The new key becomes current within a
second or two and the old one stops verifying at once, everywhere. Browsers
refresh at the rate the issuer admits; calls they make meanwhile are retried.
Nothing is revoked before the line "revoke"; if it ends earlier, nothing
happened but a pending key.

The key that is turned is the one that is current when the command starts.
--key names it instead: a command that is repeated, by a script or by a second
person, is then refused once that key is turned, and does not turn the next.

The rotation runs in the daemon: interrupting this command does not stop it.`

func (a *app) rotateCommand() *cobra.Command {
	var f remoteFlags
	var request admin.RotateRequest
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "rotate RING",
		Short: "Turn the key of a ring",
		Long:  rotateHelp,
		Args:  ringArg,
		Example: `  keyturn rotate payments --dry-run
  keyturn rotate payments
  keyturn rotate payments --compromise --key 2026-10-a`,
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return usagef("--verifier-wait: want 0 or more, got %s", wait)
			}
			request.VerifierWaitMs = wait.Milliseconds()
			d, err := a.connect(f)
			if err != nil {
				return err
			}
			return a.rotate(cmd.Context(), d, args[0], request, f.json)
		}),
	}
	f.registerJSON(cmd)
	cmd.Flags().BoolVar(&request.Compromise, "compromise", false, "the current key has leaked: drop it at once, everywhere")
	cmd.Flags().StringVar(&request.Key, "key", "", "name of the key to turn away from; refused if another is current (default: the current one)")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say what would be done; change nothing")
	cmd.Flags().DurationVar(&wait, "verifier-wait", 0, "how long to wait for verifiers that have not reported the new key (0: the daemon's default)")
	return cmd
}

// rejoin is how often, and within what time, a broken connection to a running
// rotation is taken up again.
const (
	rejoinEvery  = time.Second
	rejoinWithin = 30 * time.Second
)

// rotate starts a rotation and prints its progress until it ends. The request
// id makes asking again after a broken connection follow the same rotation.
func (a *app) rotate(ctx context.Context, d *daemon, ring string, request admin.RotateRequest, asJSON bool) error {
	if request.Key == "" {
		// Named, so that a daemon which is asked again after a restart, and has
		// forgotten the request id, does not turn the new key as well.
		var now admin.Ring
		if err := d.get(ctx, "/v1/rings/"+ring, &now); err != nil {
			return err
		}
		current, _ := now.State.Current()
		request.Key = current.Name
	}
	id := rand.Text()
	show := &rotationPrinter{a: a, json: asJSON}
	err := show.follow(ctx, d, ring, id, request)
	var broken errBroken
	for deadline := time.Now().Add(rejoinWithin); errors.As(err, &broken) && time.Now().Before(deadline); {
		fmt.Fprintf(a.stderr, "%v; asking again\n", err)
		if !pause(ctx, rejoinEvery) {
			break
		}
		err = show.follow(ctx, d, ring, id, request)
		if codeOf(err) == exitUnreachable {
			err = withCode(exitUnreachable, errBroken{err}) // it may be back in a moment
		}
	}
	switch {
	case ctx.Err() != nil && !show.ended:
		return fmt.Errorf("interrupted; the rotation goes on in the daemon: keyturn status %s", ring)
	case errors.As(err, &broken):
		return withCode(exitUnreachable, fmt.Errorf("%w; the rotation goes on in the daemon if it runs: keyturn status %s", err, ring))
	case err != nil:
		return err
	case !show.ended:
		return fmt.Errorf("the daemon ended its answer without a result; look at keyturn status %s", ring)
	}
	return nil
}

// pause waits and reports whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// rotationPrinter prints each line of a rotation once, however often it is
// read again.
type rotationPrinter struct {
	a     *app
	json  bool
	shown int
	ended bool
}

func (p *rotationPrinter) follow(ctx context.Context, d *daemon, ring, id string, request admin.RotateRequest) error {
	seen := 0
	return d.lines(ctx, http.MethodPost, "/v1/rings/"+ring+"/rotations", id, request, func(text []byte) error {
		var l admin.Line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("the daemon's answer is not what this version understands: %w", err)
		}
		seen++
		if seen <= p.shown {
			return nil
		}
		p.shown = seen
		if p.json {
			fmt.Fprintf(p.a.stdout, "%s\n", text)
		}
		return p.print(l)
	})
}

func (p *rotationPrinter) print(l admin.Line) error {
	switch {
	case l.Problem != nil:
		p.ended = true
		return problemError(*l.Problem)
	case l.Step != nil && !p.json:
		fmt.Fprintf(p.a.stdout, "%s  %-10s %s\n", l.Step.At.Local().Format("15:04:05"), l.Step.Name, l.Step.Detail)
	case l.Result != nil:
		p.ended = true
		if !p.json {
			fmt.Fprintln(p.a.stdout, resultText(*l.Result))
		}
	}
	return nil
}

func resultText(r admin.Result) string {
	switch {
	case r.DryRun:
		return "nothing was changed (dry run)"
	case r.Signs:
		return fmt.Sprintf("done: %s (kid %s) signs", r.To, r.KID)
	default:
		return fmt.Sprintf("done: %s (kid %s) is current", r.To, r.KID)
	}
}
