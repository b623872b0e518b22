package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// demoProvider names the identity provider of the demo: the sub of its tokens is idp|<sub>.
const demoProvider = "idp"

// demoClient is the name under which a provider knows the demo, unless another is given.
const demoClient = "keyturn"

// Paths of the demo that others have to know.
const (
	demoHook     = "/demo/claims"   // of the app, which the claims hook calls
	demoCallback = "/auth/callback" // to register at a provider
)

// demoSignin is how people sign in to the demo, and where their roles live.
type demoSignin struct {
	issuer, clientID, clientSecretFile string

	claims        string // source of claims, one of those of auth.claims.from
	mode          string // what the client of the /ui pages may do; its data-signin
	callbackDelay time.Duration
	tokenCookie   bool
}

func (s *demoSignin) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.issuer, "issuer", "", "address of an OpenID provider to sign in with, as http://127.0.0.1:9000; without it any name will do")
	flags.StringVar(&s.clientID, "client-id", demoClient, "the name under which that provider knows keyturn")
	flags.StringVar(&s.clientSecretFile, "client-secret-file", "", "file with the client's secret at that provider; without it a public client")
	flags.StringVar(&s.claims, "claims", "", "where roles live: file, hook (the demo's own app is asked), idp (the provider) or session (as at sign-in); default file, with --issuer idp")
	flags.StringVar(&s.mode, "sign-in", "", "what the pages under /ui do when a session is over: off, silent, auto or redirect; default off, with --issuer auto")
	flags.DurationVar(&s.callbackDelay, "callback-delay", 0, "how long the callback page waits before it goes on, so that its lines can be read; at most 10s")
	flags.BoolVar(&s.tokenCookie, "token-cookie", false, "keep tokens from scripts: they travel in an HttpOnly cookie")
}

// settle fills in what was left out, and says what does not go together.
func (s *demoSignin) settle() error {
	claims, mode := claimsFile, "off"
	if s.issuer != "" {
		claims, mode = claimsIDP, "auto"
	}
	if s.claims == "" {
		s.claims = claims
	}
	if s.mode == "" {
		s.mode = mode
	}
	switch {
	case !slices.Contains([]string{claimsFile, claimsHook, claimsIDP, claimsSession}, s.claims):
		return usagef("--claims %s: want file, hook, idp or session", safe(s.claims))
	case !slices.Contains([]string{"off", "silent", "auto", "redirect"}, s.mode):
		return usagef("--sign-in %s: want off, silent, auto or redirect", safe(s.mode))
	case s.claims == claimsIDP && s.issuer == "":
		return usagef("--claims idp asks a provider: name it with --issuer, or choose --claims file")
	case s.issuer == "" && (s.clientSecretFile != "" || s.clientID != demoClient):
		return usagef("--client-id and --client-secret-file belong to a provider: name it with --issuer")
	case s.callbackDelay < 0 || s.callbackDelay > 10*time.Second:
		return usagef("--callback-delay: want 0s to 10s, got %s", s.callbackDelay)
	}
	if s.issuer == "" {
		return nil
	}
	if err := s.provider().provider().Check(); err != nil {
		field, what, _ := strings.Cut(err.Error(), ": ")
		if flag, known := map[string]string{"issuer": "--issuer", "clientID": "--client-id"}[field]; known {
			return usagef("%s: %s", flag, what)
		}
		return usagef("--issuer: %v", err)
	}
	return nil
}

func (s *demoSignin) provider() ProviderConfig {
	return ProviderConfig{Name: demoProvider, Issuer: s.issuer, ClientID: s.clientID, ClientSecretFile: s.clientSecretFile, Roles: "roles"}
}

// config is the part of a configuration that these flags stand for. What it
// says of the public address is good once [demoSignin.at] has been told.
func (s *demoSignin) config(c *AuthConfig, listen, dir string) {
	c.TokenCookie = s.tokenCookie
	c.Claims = ClaimsConfig{From: s.claims, MaxAge: 15 * time.Minute}
	switch s.claims {
	case claimsFile:
		c.Claims.File = s.rolesIn(dir)
	case claimsHook:
		c.Claims.Hook = HookConfig{URL: "http://" + listen + demoHook, SecretFile: filepath.Join(dir, "hook.secret")}
	}
	if s.issuer != "" {
		c.PublicURL = "http://" + listen
		c.Providers = []ProviderConfig{s.provider()}
	}
}

// at says where the demo really listens, which matters with port 0.
func (s *demoSignin) at(c *AuthConfig, public string) {
	if c.PublicURL != "" {
		c.PublicURL = public
	}
	if c.Claims.Hook.URL != "" {
		c.Claims.Hook.URL = public + demoHook
	}
}

// rolesIn is the file in which the demo keeps roles; empty: they live elsewhere.
func (s *demoSignin) rolesIn(dir string) string {
	switch s.claims {
	case claimsFile:
		return filepath.Join(dir, "claims.json")
	case claimsHook:
		return filepath.Join(dir, "roles.json")
	}
	return ""
}

// frames is the origin of the provider's pages, which the hidden frame of a
// silent sign-in shows; empty without a provider.
func (s *demoSignin) frames() string {
	u, err := url.Parse(s.issuer)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// makeSecret writes a new secret for the claims hook, in the form of Standard
// Webhooks, unless the file is there already.
func makeSecret(path string) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // documented never to fail
	return replaceFile(path, []byte("whsec_"+base64.StdEncoding.EncodeToString(secret)+"\n"))
}
