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
	signin  demoSignin
}

func (a *app) devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try keyturn: everything in one process, with a page to watch",
		Long: `Runs everything in one process on this machine: an embedded NATS server, a key
file, the watcher, the broadcaster, sign-in by any name, and a page that shows
what happens. All data lives in one folder and survives a restart.

Under /ui/ is a small app with roles: its admin page changes them at their source,
its reports need them. With --issuer people sign in there with an OpenID provider.

For trying out only: it listens on loopback addresses and believes any name.`,
		Example: `  keyturn dev
  keyturn dev --claims hook
  keyturn dev --issuer http://127.0.0.1:9000 --client-id keyturn`,
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
	f.signin.register(cmd.Flags())
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
	if err := f.signin.settle(); err != nil {
		return nil, nil, err
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
	if c.Auth.Claims.From == claimsHook {
		if err := makeSecret(c.Auth.Claims.Hook.SecretFile); err != nil {
			return nil, nil, err
		}
	}
	if errs := checkConfig(c); len(errs) > 0 {
		return nil, nil, withCode(exitUsage, joinErrors(errs))
	}
	d := &demo{dir: dir, secret: secret, token: token, out: a.stdout, signin: f.signin, roles: &roleFile{path: f.signin.rolesIn(dir)}}
	p, err := newProcess(c, a.world, a.stderr, d)
	return p, d, err
}

// devConfig is the configuration that `keyturn dev` stands for: short times,
// so that one sees things happen.
func devConfig(f devFlags, dir, secret, tokenHash string) Config {
	c := Config{
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
		},
		Admin:   AdminConfig{Listen: f.admin, Tokens: []TokenConfig{{Name: "dev", SHA256: tokenHash, Can: allRights()}}},
		Log:     LogConfig{Level: "info", Format: "console"},
		DataDir: dir, Drain: time.Second,
	}
	f.signin.config(&c.Auth, f.listen, dir)
	return c
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
	return replaceFile(file, append(data, '\n'))
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
