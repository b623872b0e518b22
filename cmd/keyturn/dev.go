package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/filestore"
)

// demoRing is the ring of `keyturn dev`.
const demoRing = "demo"

// devFlags are the flags of `keyturn dev`.
type devFlags struct {
	listen  string
	admin   string
	dataDir string
	rate    float64
	beacon  time.Duration
}

func (a *app) devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try keyturn: everything in one process, with a page to watch",
		Long: `Runs everything in one process on this machine: an embedded NATS server, a key
file, the watcher, the broadcaster, sign-in by any name, and a page that shows
what happens. All data lives in one folder and survives a restart.

For trying out only: it listens on loopback addresses and believes any name.`,
		Args: cobra.NoArgs,
		RunE: a.act(func(cmd *cobra.Command, _ []string) error {
			p, d, err := a.newDev(f)
			if err != nil {
				return err
			}
			return errors.Join(p.run(cmd.Context()), d.forget())
		}),
	}
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of the page; a loopback address")
	cmd.Flags().StringVar(&f.admin, "admin", "127.0.0.1:8081", "address of the admin listener; a loopback address")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", defaultDevData, "folder for keys, log and sessions")
	cmd.Flags().Float64Var(&f.rate, "rate", 50, "refreshes that the issuer admits in a second")
	cmd.Flags().DurationVar(&f.beacon, "beacon", 25*time.Second, "how often the state is sent again to each connection, whole seconds")
	return cmd
}

// newDev prepares the data folder and the process.
func (a *app) newDev(f devFlags) (*process, *demo, error) {
	for flag, address := range map[string]string{"--listen": f.listen, "--admin": f.admin} {
		if !loopback(address) {
			return nil, nil, usagef("%s %s: keyturn dev believes any name, so it listens on loopback addresses only; use 127.0.0.1:PORT, and keyturn serve for the rest of the world", flag, safe(address))
		}
	}
	if !(f.rate > 0 && f.rate <= 1e6) {
		return nil, nil, usagef("--rate: want more than 0 and at most 1000000, got %v", f.rate)
	}
	dir := filepath.Clean(f.dataDir)
	if err := ownFolder(dir); err != nil {
		return nil, nil, err
	}
	secret := filepath.Join(dir, demoRing+".json")
	if _, err := os.Lstat(secret); errors.Is(err, os.ErrNotExist) {
		if err := filestore.Create(secret); err != nil {
			return nil, nil, err
		}
	}
	token, hash := admin.NewToken()
	c := devConfig(f, dir, secret, hash)
	if errs := checkConfig(c); len(errs) > 0 {
		return nil, nil, withCode(exitUsage, joinErrors(errs))
	}
	d := &demo{dir: dir, secret: secret, token: token, out: a.stdout}
	p, err := newProcess(c, a.world, a.stderr, d)
	return p, d, err
}

// devConfig is the configuration that `keyturn dev` stands for: short times,
// so that one sees things happen.
func devConfig(f devFlags, dir, secret, tokenHash string) Config {
	return Config{
		Rings: []RingConfig{{
			Name: demoRing, Store: "file", Secret: secret, Issuer: "keyturn",
			TokenLifetime: 10 * time.Minute, Poll: 2 * time.Second, SignAfter: 0, IssuerLag: time.Minute,
			Refresh: RefreshConfig{PerSecond: f.rate}, KID: KIDConfig{From: "field"},
		}},
		Broadcast: BroadcastConfig{
			Listen: f.listen, Verify: "local", Beacon: f.beacon,
			Limits: LimitsConfig{UpgradesPerSecond: 5000, PerAddress: 4000, UnauthenticatedPerAddress: 200},
		},
		Auth: AuthConfig{
			Ring: demoRing, Issuer: "keyturn-dev", Audience: "demo", SessionLifetime: 12 * time.Hour,
			Claims: ClaimsConfig{From: "file", File: filepath.Join(dir, "claims.json")},
		},
		Admin:   AdminConfig{Listen: f.admin, Tokens: []TokenConfig{{Name: "dev", SHA256: tokenHash, Can: allRights()}}},
		Log:     LogConfig{Level: "info", Format: "console"},
		DataDir: dir, Drain: time.Second,
	}
}

// loopback reports whether an address can be reached from this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// remember writes admin.json, by which the verbs find this process.
func (d *demo) remember(url string) error {
	data, err := json.Marshal(access{URL: url, Token: d.token})
	if err != nil {
		return fmt.Errorf("encode %s: %w", adminFile, err)
	}
	file := filepath.Join(d.dir, adminFile)
	// A fresh file (0600) and a rename: a reader sees the old content or the
	// new, and the mode holds whatever was there before.
	fresh, err := os.CreateTemp(d.dir, adminFile+".*")
	if err != nil {
		return fmt.Errorf("write the daemon's address: %w", err)
	}
	_, err = fresh.Write(append(data, '\n'))
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the daemon's address: %w", err), os.Remove(fresh.Name()))
	}
	return nil
}

// forget takes admin.json away again, if it is still ours.
func (d *demo) forget() error {
	to, err := readAccess(d.dir)
	if err != nil || to.Token != d.token {
		return nil // never written, or a later process's
	}
	if err := os.Remove(filepath.Join(d.dir, adminFile)); err != nil {
		return fmt.Errorf("take the daemon's address away: %w", err)
	}
	return nil
}
