package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) decodeCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "decode [TOKEN]",
		Short: "Show what a token says, offline",
		Long: `Shows header and claims of a JWT. Nothing leaves this machine and nothing is
verified: anybody can write what a token says. Without an argument the token is
read from standard input, which keeps it out of the shell's history.

--json prints {"header":…,"claims":…,"expired":…}.`,
		Example: `  pbpaste | keyturn decode
  keyturn token demo --subject alice | keyturn decode`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.act(func(cmd *cobra.Command, args []string) error {
			text := ""
			if len(args) == 1 {
				text = args[0]
			} else {
				data, err := a.readStdin(cmd.Context())
				if err != nil {
					return err
				}
				text = data
			}
			t, err := decodeToken(text)
			if err != nil {
				return err
			}
			t.Expired = !t.expiry.IsZero() && !time.Now().Before(t.expiry)
			if asJSON {
				return printJSON(a.stdout, t)
			}
			return t.print(a.stdout, time.Now())
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with stable members")
	return cmd
}

// readStdin reads the token, and leaves when it is interrupted: a terminal
// that nobody types into never ends.
func (a *app) readStdin(ctx context.Context) (string, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1) // one answer, even if nobody waits for it any more
	go func() {
		data, err := io.ReadAll(io.LimitReader(a.stdin, maxToken+1))
		read <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.New("interrupted")
	case r := <-read:
		if r.err != nil {
			return "", fmt.Errorf("read the token from standard input: %w", r.err)
		}
		return string(r.data), nil
	}
}

// maxToken bounds what decode reads; servers refuse headers long before.
const maxToken = 64 << 10

// decoded is what an unverified token says.
type decoded struct {
	Header  json.RawMessage `json:"header"`
	Claims  json.RawMessage `json:"claims"`
	Expired bool            `json:"expired"`

	expiry, issued time.Time // zero: it does not say
}

// decodeToken takes a compact JWS apart. Its errors do not repeat the token,
// which may be a good one with a slip.
func decodeToken(text string) (decoded, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxToken {
		return decoded{}, errors.New("decode: longer than 64 KiB; that is no token")
	}
	if scheme, rest, ok := strings.Cut(text, " "); ok && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(rest)
	}
	if text == "" {
		return decoded{}, usagef("decode: no token; give one as argument or on standard input")
	}
	parts := strings.Split(text, ".")
	switch {
	case len(parts) == 5:
		return decoded{}, errors.New("decode: five parts: an encrypted token (JWE); only its reader can open it")
	case len(parts) != 3:
		return decoded{}, fmt.Errorf("decode: want three parts with dots between, got %d", len(parts))
	}
	var t decoded
	var err error
	if t.Header, err = decodePart("header", parts[0]); err != nil {
		return decoded{}, err
	}
	if t.Claims, err = decodePart("claims", parts[1]); err != nil {
		return decoded{}, err
	}
	var times struct {
		Exp json.Number `json:"exp"`
		IAT json.Number `json:"iat"`
	}
	if json.Unmarshal(t.Claims, &times) == nil { // claims of other types show as they are
		t.expiry, t.issued = unixTime(times.Exp), unixTime(times.IAT)
	}
	return t, nil
}

func decodePart(name, part string) (json.RawMessage, error) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil {
		return nil, fmt.Errorf("decode: the %s part is not base64url; was the token cut or wrapped?", name)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, fmt.Errorf("decode: the %s part is no JSON object", name)
	}
	return data, nil
}

func unixTime(n json.Number) time.Time {
	f, err := n.Float64()
	if err != nil || f <= 0 || f > 1e11 { // year 5138: beyond it is no time in seconds
		return time.Time{}
	}
	return time.UnixMilli(int64(f * 1000))
}

func (t decoded) print(w io.Writer, now time.Time) error {
	for _, part := range []struct {
		name string
		data json.RawMessage
	}{{"header", t.Header}, {"claims", t.Claims}} {
		var b bytes.Buffer
		if err := json.Indent(&b, part.data, "", "  "); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		if _, err := fmt.Fprintf(w, "%s %s\n", part.name, printable(b.String())); err != nil {
			return err
		}
	}
	if !t.issued.IsZero() {
		fmt.Fprintf(w, "issued %s (%s ago)\n", t.issued.UTC().Format(time.RFC3339), age(now, t.issued))
	}
	switch {
	case t.expiry.IsZero():
		fmt.Fprintln(w, "never expires")
	case t.Expired:
		fmt.Fprintf(w, "expired %s (%s ago)\n", t.expiry.UTC().Format(time.RFC3339), age(now, t.expiry))
	default:
		fmt.Fprintf(w, "expires %s (in %s)\n", t.expiry.UTC().Format(time.RFC3339), age(t.expiry, now))
	}
	_, err := fmt.Fprintln(w, "the signature was not checked")
	return err
}

// printable replaces control characters, so that a token can't drive the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n') || (r >= 0x7f && r < 0xa0) {
			return '\uFFFD'
		}
		return r
	}, s)
}
