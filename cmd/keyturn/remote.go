package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
)

// Where a daemon is looked for when nobody says.
const (
	defaultAdmin   = "http://127.0.0.1:8081"
	defaultDevData = "keyturn-data"
	adminFile      = "admin.json"
)

// Access is the content of admin.json, by which verbs find a daemon on the
// same host. It holds a token: 0600.
type access struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// remoteFlags are the flags of verbs that talk to a daemon.
type remoteFlags struct {
	admin   string
	dataDir string
	json    bool
}

func (f *remoteFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.admin, "admin", "", "address of the daemon's admin listener (default "+defaultAdmin+"), with the token in "+envAdminToken)
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "data folder of a daemon on this host, which holds address and token (default ./"+defaultDevData+" if there is one)")
	cmd.MarkFlagsMutuallyExclusive("admin", "data-dir")
}

func (f *remoteFlags) registerJSON(cmd *cobra.Command) {
	f.register(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON with stable members")
}

// connect finds the daemon that the flags and the environment mean.
func (a *app) connect(f remoteFlags) (*daemon, error) {
	to, err := a.access(f)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(to.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, usagef("--admin: want an address like %s, got %s", defaultAdmin, safe(to.URL))
	}
	return &daemon{
		url: strings.TrimRight(to.URL, "/"), token: to.Token,
		// No proxy: the token is for the daemon alone. No overall timeout:
		// progress may take long; a daemon that does not begin to answer is
		// noticed by the header timeout.
		http: &http.Client{Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			DisableKeepAlives:     true,
		}},
	}, nil
}

func (a *app) access(f remoteFlags) (access, error) {
	token := a.getenv(envAdminToken)
	switch {
	case f.dataDir != "":
		return readAccess(f.dataDir)
	case f.admin != "" || token != "":
		if token == "" {
			return access{}, usagef("no admin token: put it into %s", envAdminToken)
		}
		return access{URL: orDefault(f.admin, defaultAdmin), Token: token}, nil
	}
	found, err := readAccess(defaultDevData)
	if errors.Is(err, os.ErrNotExist) {
		return access{}, usagef("no daemon is named: for one on this host give --data-dir DIR, else --admin URL and the token in %s", envAdminToken)
	}
	return found, err
}

func readAccess(dir string) (access, error) {
	file := filepath.Join(dir, adminFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return access{}, withCode(exitUnreachable, fmt.Errorf("%s: %w; `keyturn dev` writes it while it runs; for other daemons use --admin URL and %s", file, os.ErrNotExist, envAdminToken))
	}
	if err != nil {
		return access{}, fmt.Errorf("read the daemon's address: %w", err)
	}
	var to access
	if err := json.Unmarshal(data, &to); err != nil || to.URL == "" || to.Token == "" {
		return access{}, fmt.Errorf("%s: not what a daemon writes there; delete it and start the daemon anew", file)
	}
	return to, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// daemon is the admin API as verbs use it.
type daemon struct {
	url   string
	token string
	http  *http.Client
}

// get reads one JSON answer.
func (d *daemon) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	res, err := d.call(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return decodeAnswer(res.Body, into)
}

// post sends a request and reads one JSON answer.
func (d *daemon) post(ctx context.Context, path string, request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	res, err := d.call(ctx, http.MethodPost, path, "", request)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return decodeAnswer(res.Body, into)
}

// maxAnswer bounds what a daemon, or whoever listens in its place, makes a verb hold.
const maxAnswer = 16 << 20

func decodeAnswer(body io.Reader, into any) error {
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(into); err != nil {
		return withCode(exitFailed, fmt.Errorf("the daemon's answer is not what this version understands: %w", err))
	}
	return nil
}

// lines calls each for every line of a streamed answer until it ends, ctx
// ends, or each returns an error, which is returned.
func (d *daemon) lines(ctx context.Context, method, path, requestID string, request any, each func(line []byte) error) error {
	res, err := d.call(ctx, method, path, requestID, request)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, 1<<20) // a state is below 64 KiB
	for in.Scan() {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue // a sign of life
		}
		if err := each(in.Bytes()); err != nil {
			return err
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return errors.New("the daemon's answer is not what this version understands: a line of more than a megabyte")
	} else if err != nil {
		return withCode(exitUnreachable, errBroken{err})
	}
	return nil
}

// errBroken is a connection that ended in the middle of an answer: the request
// has arrived.
type errBroken struct{ err error }

func (e errBroken) Error() string { return "the connection to the daemon broke: " + reason(e.err) }
func (e errBroken) Unwrap() error { return e.err }

func (d *daemon) call(ctx context.Context, method, path, requestID string, request any) (*http.Response, error) {
	var body io.Reader
	if request != nil {
		data, err := json.Marshal(request)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, body)
	if err != nil {
		return nil, usagef("--admin: %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	if request != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if requestID != "" {
		req.Header.Set("Idempotency-Key", requestID)
	}
	res, err := d.http.Do(req)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, errors.New("interrupted")
		}
		return nil, withCode(exitUnreachable, fmt.Errorf("no daemon answers at %s: %s; start one with `keyturn dev` or `keyturn serve`, or name another with --admin URL", d.url, reason(err)))
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refusal(res)
}

// refusal turns an answer that is no success into an error that keeps the
// daemon's own words.
func refusal(res *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what is cut off is no problem document
	var p admin.Problem
	if json.Unmarshal(data, &p) != nil || p.Detail == "" {
		return withCode(exitUnreachable, fmt.Errorf("whoever listens at %s is no keyturn daemon: it answered %s; check the address", res.Request.URL.Host, res.Status))
	}
	return problemError(p)
}

// problemError keeps the daemon's words and tells by the exit code whether it
// refused or failed.
func problemError(p admin.Problem) error {
	if p.Status >= 500 && p.Code != "no_tokens" {
		return withCode(exitFailed, errors.New(p.Detail))
	}
	return withCode(exitRefused, errors.New(p.Detail))
}

// reason cuts the method and address, which the caller names himself, from a
// network error.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it hung up"
	}
	return err.Error()
}
