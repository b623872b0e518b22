package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func (a *app) statusCommand() *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "status [RING]",
		Short: "Show rings: keys and their stages, browsers, alarms",
		Long: `Shows what a daemon knows of its rings: the keys and their stages, how many
browsers hold a token of which key, and what needs a person.

--json prints {"rings":[…]}, or one ring where one is named.`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			d, err := a.connect(f)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return a.statusOf(cmd.Context(), d, args[0], f.json)
			}
			var all struct {
				Rings []admin.Ring `json:"rings"`
			}
			if err := d.get(cmd.Context(), "/v1/rings", &all); err != nil {
				return err
			}
			if f.json {
				return printJSON(a.stdout, all)
			}
			for i, r := range all.Rings {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				printRing(a.stdout, r, time.Now())
			}
			return nil
		}),
	}
	f.registerJSON(cmd)
	return cmd
}

func (a *app) statusOf(ctx context.Context, d *daemon, ring string, asJSON bool) error {
	var r admin.Ring
	if err := d.get(ctx, "/v1/rings/"+ring, &r); err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, r)
	}
	printRing(a.stdout, r, time.Now())
	return nil
}

// printRing prints one ring for people: what counts first, what needs them last.
func printRing(w io.Writer, r admin.Ring, now time.Time) {
	live := "live"
	if !r.Live {
		live = "NOT LIVE"
	}
	fmt.Fprintf(w, "%s   %s store, issuer %s, %s\n", r.Name, r.Store, r.Issuer, live)
	if r.State.IsZero() {
		fmt.Fprintln(w, "  nothing is known of it yet")
	}
	for _, k := range r.State.Keys {
		fmt.Fprintf(w, "  %-9s %s%s\n", k.Stage, keyText(k), stageText(k, r.State, now))
	}
	fmt.Fprintf(w, "  browsers  %s\n", censusText(r.Census, r.State))
	if !r.State.IsZero() {
		fmt.Fprintf(w, "  rev %d   %s by %s, %s ago\n", r.State.Rev, r.State.Cause.Change, r.State.Cause.By, age(now, time.UnixMilli(r.State.Rev)))
	}
	if r.Rotating {
		fmt.Fprintln(w, "  a rotation is under way")
	}
	if r.ReadOnly != "" {
		fmt.Fprintf(w, "  watched only: %s\n", r.ReadOnly)
	}
	if r.Error != "" {
		fmt.Fprintf(w, "  ERROR  %s\n", r.Error)
	}
	for _, alarm := range r.Alarms {
		fmt.Fprintf(w, "  ALARM  %s: %s\n", alarm.Code, alarm.Text)
	}
}

func keyText(k rotation.Key) string {
	text := k.Name
	if k.KID != k.Name {
		text += "  kid " + k.KID
	}
	return text + "  " + k.Algorithm
}

func stageText(k rotation.Key, s rotation.State, now time.Time) string {
	text := ""
	switch {
	case k.Stage == rotation.Retiring && !k.VerifyUntil.IsZero():
		text = "  verifies " + age(k.VerifyUntil, now) + " more"
	case !k.Since.IsZero():
		text = "  since " + age(now, k.Since)
	}
	if s.Revoked(k.Name) {
		text += "  BEING REVOKED"
	}
	return text
}

func censusText(c admin.CensusTotal, s rotation.State) string {
	text := fmt.Sprintf("%d connected", c.Connections)
	names := make([]string, 0, len(c.Keys))
	for name := range c.Keys {
		names = append(names, name)
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		if c.Keys[name] == 0 {
			continue
		}
		as := name
		if k, ok := s.Key(name); ok && k.Stage == rotation.Current {
			as = "the current key"
		}
		parts = append(parts, fmt.Sprintf("%d on %s", c.Keys[name], as))
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if c.Waiting > 0 {
		text += fmt.Sprintf("; %d without a token", c.Waiting)
	}
	if c.Failed > 0 {
		text += fmt.Sprintf("; %d could not refresh", c.Failed)
	}
	return text
}

// age prints to − from as people say it: 3s, 4m10s, 2h5m, 3d4h.
func age(to, from time.Time) string {
	d := max(0, to.Sub(from)).Truncate(time.Second)
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return d.String()
	}
}
