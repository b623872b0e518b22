package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// Caps on a configuration. They bound what one process holds, and catch slips
// of a unit.
const (
	maxRings    = 64
	maxOrigins  = 256
	maxTokens   = 256
	maxLifetime = 365 * 24 * time.Hour
)

var (
	plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) // one token of a NATS subject
	kidName   = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,128}$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
)

// checker gathers what values of a well-formed configuration do not mean.
type checker struct{ decoder }

// checkConfig returns all that is wrong with the values of c.
func checkConfig(c Config) []error {
	k := &checker{decoder{at: c.at}}
	k.rings(c)
	k.nats(c.NATS)
	k.broadcast(c)
	k.auth(c)
	k.admin(c)
	if c.DataDir == "" {
		k.wrong("dataDir", "must name a folder")
	}
	if c.Instance != "" && !plainName.MatchString(c.Instance) {
		k.wrong("instance", "want letters, digits, hyphens and underscores, at most 64, got %s", safe(c.Instance))
	}
	k.within("drain", c.Drain, 0, 10*time.Minute)
	return k.errs
}

func (k *checker) within(path string, d, least, most time.Duration) {
	if d < least || d > most {
		k.wrong(path, "want %s to %s, got %s", least, most, d)
	}
}

func (k *checker) rings(c Config) {
	if len(c.Rings) == 0 {
		k.wrong("rings", "no ring; write at least one with a name and a secret")
	}
	if len(c.Rings) > maxRings {
		k.wrong("rings", "%d rings; one process serves at most %d", len(c.Rings), maxRings)
	}
	names, secrets := map[string]int{}, map[string]int{} // → index of the first
	for i, r := range c.Rings {
		path := "rings." + strconv.Itoa(i)
		k.ring(path, r)
		if first, twice := names[r.Name]; twice && r.Name != "" {
			k.wrong(path+".name", "%s is the name of rings[%d] already", r.Name, first)
		} else {
			names[r.Name] = i
		}
		if r.Secret == "" {
			continue
		}
		where := r.Store + " " + r.Secret
		if r.Store == storeFile {
			where = filepath.Clean(r.Secret)
		}
		if first, twice := secrets[where]; twice {
			k.wrong(path+".secret", "rings[%d] watches the same secret already; one secret is one ring", first)
		} else {
			secrets[where] = i
		}
	}
}

func (k *checker) ring(path string, r RingConfig) {
	if r.Name == "" {
		k.wrong(path+".name", "is missing")
	} else if err := rotation.CheckRing(r.Name); err != nil {
		k.wrong(path+".name", "want lower-case letters, digits and hyphens, at most 63, got %s", safe(r.Name))
	}
	k.store(path, r)
	k.within(path+".tokenLifetime", r.TokenLifetime, time.Second, maxLifetime)
	k.within(path+".poll", r.Poll, 100*time.Millisecond, 24*time.Hour)
	k.within(path+".signAfter", r.SignAfter, 0, 10*time.Minute)
	k.within(path+".issuerLag", r.IssuerLag, 0, 24*time.Hour)
	if r.Refresh.PerSecond <= 0 || r.Refresh.PerSecond > 1e6 {
		k.wrong(path+".refresh.perSecond", "want more than 0 and at most 1000000, got %v", r.Refresh.PerSecond)
	}
	switch {
	case r.KID.From == "literal" && r.KID.Literal == "":
		k.wrong(path+".kid.literal", "is missing; from: literal needs it")
	case r.KID.From != "literal" && r.KID.Literal != "":
		k.wrong(path+".kid.literal", "is only read with from: literal")
	case r.KID.Literal != "" && !kidName.MatchString(r.KID.Literal):
		k.wrong(path+".kid.literal", "want letters, digits and . _ ~ : -, at most 128, got %s", safe(r.KID.Literal))
	}
}

// The kinds of stores.
const (
	storeFile = "file"
	storeAWS  = "aws"
)

// awsSecret is the name of a secret, or its ARN with or without the six
// characters that AWS appends (API reference of CreateSecret, Name).
var awsSecret = regexp.MustCompile(`^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$`)

// store checks what depends on the kind of store.
func (k *checker) store(path string, r RingConfig) {
	aws := r.Store == storeAWS
	switch {
	case r.Secret == "" && aws:
		k.wrong(path+".secret", "is missing: the name or ARN of the secret")
	case r.Secret == "":
		k.wrong(path+".secret", "is missing: the path of the key file")
	case aws && !awsSecret.MatchString(r.Secret):
		k.wrong(path+".secret", "want the name or ARN of a secret of AWS Secrets Manager, got %s", safe(r.Secret))
	case strings.ContainsRune(r.Secret, 0):
		k.wrong(path+".secret", "holds a zero byte")
	case !aws && strings.HasPrefix(r.Secret, "arn:"):
		k.wrong(path+".secret", "is an ARN, and store: file wants a path; write store: aws")
	}
	switch {
	case r.Hints.SQS == "":
	case !aws:
		k.wrong(path+".hints", "are read with store: aws only; a file needs none, the file system tells of its changes")
	default:
		if err := secretsmanager.CheckQueueURL(r.Hints.SQS); err != nil {
			k.wrong(path+".hints.sqs", "%v", err)
		}
	}
	if r.RotateBy != "" && !aws {
		k.wrong(path+".rotateBy", "is read with store: aws only; keyturn turns keys in files itself")
	}
}

func (k *checker) nats(n NATSConfig) {
	for address := range strings.SplitSeq(n.URL, ",") {
		if address = strings.TrimSpace(address); address == "" && n.URL == "" {
			break
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			k.wrong("nats.url", "want addresses like nats://nats.example.com:4222, comma-separated")
			break
		}
	}
	if n.Replicas < 0 || n.Replicas > 5 || (n.Replicas > 0 && n.Replicas%2 == 0) {
		k.wrong("nats.replicas", "want 1, 3 or 5 (or 0 for the default), got %d", n.Replicas)
	}
	if (n.TLS.Cert == "") != (n.TLS.Key == "") {
		k.wrong("nats.tls", "cert and key go together; one of them is missing")
	}
	if n.URL != "" {
		return
	}
	switch {
	case n.Replicas > 1:
		k.wrong("nats.replicas", "an embedded server is a single node; name a cluster in nats.url or leave replicas out")
	case n.Credentials != "":
		k.wrong("nats.credentials", "is only read with nats.url")
	case n.TLS != NATSTLSConfig{}:
		k.wrong("nats.tls", "is only read with nats.url")
	}
}

func (k *checker) broadcast(c Config) {
	b := c.Broadcast
	k.address("broadcast.listen", b.Listen)
	k.within("broadcast.beacon", b.Beacon, time.Second, 5*time.Minute)
	if b.Beacon%time.Second != 0 {
		k.wrong("broadcast.beacon", "want whole seconds, got %s", b.Beacon)
	}
	seen := map[string]bool{}
	for i, name := range b.Rings {
		path := "broadcast.rings." + strconv.Itoa(i)
		if _, ok := c.ring(name); !ok {
			k.wrong(path, "%s", noSuchRing(name, c))
		} else if seen[name] {
			k.wrong(path, "%s is named twice", name)
		}
		seen[name] = true
	}
	if len(b.Origins) > maxOrigins {
		k.wrong("broadcast.origins", "%d origins; at most %d", len(b.Origins), maxOrigins)
	}
	for i, origin := range b.Origins {
		if err := checkOrigin(origin); err != nil {
			k.wrong("broadcast.origins."+strconv.Itoa(i), "%v", err)
		}
	}
	if (b.TLS.Cert == "") != (b.TLS.Key == "") {
		k.wrong("broadcast.tls", "cert and key go together; one of them is missing")
	}
	for key, n := range map[string]int{
		"upgradesPerSecond":         b.Limits.UpgradesPerSecond,
		"perAddress":                b.Limits.PerAddress,
		"unauthenticatedPerAddress": b.Limits.UnauthenticatedPerAddress,
	} {
		if n < 0 {
			k.wrong("broadcast.limits."+key, "want 0 (off) or more, got %d", n)
		}
	}
}

func (k *checker) auth(c Config) {
	a := c.Auth
	if a.Ring == "" {
		if _, written := c.at["auth"]; written {
			k.wrong("auth.ring", "is missing: the ring whose key signs")
		}
		return
	}
	r, ok := c.ring(a.Ring)
	switch {
	case !ok:
		k.wrong("auth.ring", "%s", noSuchRing(a.Ring, c))
		return
	case r.Issuer != "keyturn":
		k.wrong("auth.ring", "ring %s has issuer: %s, so keyturn must not sign with its key; write issuer: keyturn there, or leave the auth section out", a.Ring, r.Issuer)
	case r.Verify != VerifyConfig{}:
		k.wrong("auth.ring", "ring %s takes issuer and audience from the auth section; leave verify out of the ring", a.Ring)
	}
	if a.Issuer == "" {
		k.wrong("auth.issuer", "must not be empty: it is the iss claim")
	}
	k.within("auth.sessionLifetime", a.SessionLifetime, time.Second, maxLifetime)
	if a.SessionLifetime < r.TokenLifetime {
		k.wrong("auth.sessionLifetime", "%s is shorter than the tokenLifetime %s of ring %s: a session would end before its first token", a.SessionLifetime, r.TokenLifetime, r.Name)
	}
	k.providers(a)
	k.claims(a)
}

func (k *checker) admin(c Config) {
	k.address("admin.listen", c.Admin.Listen)
	if c.Admin.Listen == c.Broadcast.Listen && !strings.HasSuffix(c.Admin.Listen, ":0") {
		k.wrong("admin.listen", "%s is the address of broadcast.listen too; they are separate doors", safe(c.Admin.Listen))
	}
	for i, h := range c.Admin.Hosts {
		if !hostName.MatchString(h) {
			k.wrong("admin.hosts."+strconv.Itoa(i), "want a host name without scheme and port, got %s", safe(h))
		}
	}
	if len(c.Admin.Tokens) > maxTokens {
		k.wrong("admin.tokens", "%d tokens; at most %d", len(c.Admin.Tokens), maxTokens)
	}
	names, hashes := map[string]bool{}, map[string]bool{}
	for i, t := range c.Admin.Tokens {
		path := "admin.tokens." + strconv.Itoa(i)
		switch {
		case !plainName.MatchString(t.Name):
			k.wrong(path+".name", "want letters, digits, hyphens and underscores, at most 64, got %s", safe(t.Name))
		case names[t.Name]:
			k.wrong(path+".name", "%s is named twice", t.Name)
		}
		names[t.Name] = true
		hash, err := hex.DecodeString(t.SHA256)
		switch {
		case err != nil || len(hash) != 32:
			k.wrong(path+".sha256", "want 64 hex digits; `keyturn admin-token %s` prints the line", safe(t.Name))
		case hashes[string(hash)]:
			k.wrong(path+".sha256", "is the token of somebody else already; give each person their own")
		}
		hashes[string(hash)] = true
		if len(t.Can) == 0 {
			k.wrong(path+".can", "is missing: what the token may do, as [view, rotate]")
		}
	}
}

// address checks a listen address.
func (k *checker) address(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		k.wrong(path, "want an address like 127.0.0.1:8080 or :8080, got %s", safe(address))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		k.wrong(path, "want a port of 0 to 65535, got %s", safe(port))
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName.MatchString(host) {
		k.wrong(path, "want an address or a host name before the port, got %s", safe(host))
	}
}

// checkOrigin accepts an origin exactly as browsers send it, since it is
// compared byte by byte.
func checkOrigin(origin string) error {
	switch {
	case strings.Contains(origin, "*"):
		return errors.New("wildcards are not read; write each origin out")
	case origin == "null":
		return errors.New("null is the origin of sandboxed pages and local files of anybody; it can't be allowed")
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return fmt.Errorf("want an origin like https://app.example.com, got %s", safe(origin))
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(origin, "?") || strings.HasSuffix(origin, "#") {
		return fmt.Errorf("an origin ends after the host and port; write %s", safe(u.Scheme+"://"+strings.ToLower(u.Host)))
	}
	if port := u.Port(); (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		return fmt.Errorf("browsers leave the default port out; write %s", safe(u.Scheme+"://"+strings.ToLower(u.Hostname())))
	}
	if origin != strings.ToLower(origin) {
		return fmt.Errorf("browsers send origins in lower case; write %s", safe(strings.ToLower(origin)))
	}
	return nil
}

// noSuchRing says which ring may have been meant.
func noSuchRing(name string, c Config) string {
	names := make([]string, len(c.Rings))
	for i, r := range c.Rings {
		names[i] = r.Name
	}
	if near, ok := nearest(name, names); ok {
		return fmt.Sprintf("no ring %s; did you mean %s?", safe(name), near)
	}
	return fmt.Sprintf("no ring %s; there are: %s", safe(name), strings.Join(names, ", "))
}
