package main

import (
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/broadcaster/client"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func (a *app) clientCommand() *cobra.Command {
	var base, ring string
	var origins []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Print the script tag for your pages, with its integrity",
		Long: `Prints the tag that puts the browser client into a page. The integrity value
belongs to the script that this binary serves at /keyturn.js; print it again
after an update.

--origin names what the script may attach tokens to by itself; without one it
patches nothing, and the page calls window.keyturn.fetch.`,
		Example: `  keyturn client --url https://keyturn.example.com --ring payments --origin https://api.example.com`,
		Args:    cobra.NoArgs,
		RunE: a.act(func(*cobra.Command, []string) error {
			u, err := url.Parse(base)
			if err != nil || (base != "" && (u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"))) {
				return usagef("--url: want an address like https://keyturn.example.com, got %s", safe(base))
			}
			if ring != "" && rotation.CheckRing(ring) != nil {
				return usagef("--ring: want lower-case letters, digits and hyphens, got %s", safe(ring))
			}
			for _, o := range origins {
				if o == "self" {
					continue
				}
				if err := checkOrigin(o); err != nil {
					return usagef("--origin: %v", err)
				}
			}
			src := strings.TrimRight(base, "/") + "/keyturn.js"
			tag := scriptTag(src, ring, origins, base != "")
			if asJSON {
				return printJSON(a.stdout, struct {
					Src       string `json:"src"`
					Integrity string `json:"integrity"`
					Bytes     int    `json:"bytes"`
					Tag       string `json:"tag"`
				}{src, client.Integrity(), len(client.Script()), tag})
			}
			_, err = fmt.Fprintln(a.stdout, tag)
			return err
		}),
	}
	cmd.Flags().StringVar(&base, "url", "", "address of the public listener as browsers see it (default: the page's own origin)")
	cmd.Flags().StringVar(&ring, "ring", "", "the ring whose tokens the page holds (not needed where there is one)")
	cmd.Flags().StringArrayVar(&origins, "origin", nil, "an origin whose calls carry the token; self is the page's own; repeat for more")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable members")
	return cmd
}

// scriptTag returns the tag. A script of another origin is only checked
// against its integrity when it is fetched by CORS.
func scriptTag(src, ring string, origins []string, foreign bool) string {
	var b strings.Builder
	attr := func(name, value string) { fmt.Fprintf(&b, " %s=%q", name, html.EscapeString(value)) }
	b.WriteString("<script")
	attr("src", src)
	attr("integrity", client.Integrity())
	if foreign {
		attr("crossorigin", "anonymous")
	}
	if ring != "" {
		attr("data-ring", ring)
	}
	if len(origins) > 0 {
		attr("data-origins", strings.Join(origins, " "))
	}
	b.WriteString(" defer></script>")
	return b.String()
}
