package main

import (
	"net/netip"
	"time"
)

// Config is the whole configuration of `keyturn serve`.
//
// The tags are the manual: `cfg` names the key, `default` is what holds where
// nothing is written, `doc` is the meaning, `want` names the accepted words.
// The reference table, the list of known keys, the names of the environment
// variables and the text of most errors come from these tags alone.
type Config struct {
	Rings     []RingConfig    `cfg:"rings" doc:"one entry for each set of signing keys under rotation"`
	NATS      NATSConfig      `cfg:"nats" doc:"the NATS server that holds the log of states; without a url one is embedded, in dataDir"`
	Broadcast BroadcastConfig `cfg:"broadcast" doc:"the public listener: stream, script, sign-in, public keys"`
	Auth      AuthConfig      `cfg:"auth" doc:"the issuer role: sessions and POST /auth/refresh; absent: keyturn issues no tokens"`
	Admin     AdminConfig     `cfg:"admin" doc:"the admin listener: health, metrics, admin API"`
	Log       LogConfig       `cfg:"log" doc:"what is logged, and how"`
	DataDir   string          `cfg:"dataDir" default:"/var/lib/keyturn" doc:"folder for the embedded NATS server and the memory of this process; 0700"`
	Instance  string          `cfg:"instance" doc:"name of this process in reports; letters, digits, hyphens and underscores; empty: host name and a random suffix"`
	Drain     time.Duration   `cfg:"drain" default:"10s" doc:"how long a stop may take to hand the browsers over; a second signal cuts it short"`

	at origins // where each value was written
}

// RingConfig describes one ring.
type RingConfig struct {
	Name          string        `cfg:"name" doc:"alias of the ring: lower-case letters, digits and hyphens, at most 63"`
	Store         string        `cfg:"store" default:"file" want:"file aws" doc:"the kind of secret store: a key file, or a secret of AWS Secrets Manager"`
	Secret        string        `cfg:"secret" doc:"the store's name for the secret; with store file: the path of the file, seen from the folder the daemon runs in; with store aws: its name or ARN"`
	Issuer        string        `cfg:"issuer" default:"keyturn" want:"keyturn external" doc:"who signs the tokens: this daemon, or an application of yours"`
	TokenLifetime time.Duration `cfg:"tokenLifetime" default:"15m" doc:"the longest life of a token of this ring; a retiring key verifies at least that long"`
	Poll          time.Duration `cfg:"poll" default:"60s" doc:"how often the store is looked at when no hint arrives"`
	SignAfter     time.Duration `cfg:"signAfter" default:"5s" doc:"how long a key stands in the log before it signs, so that every verifier has it first"`
	IssuerLag     time.Duration `cfg:"issuerLag" default:"60s" doc:"issuer external: how long your issuer may take to sign with a new key"`
	RequireKID    bool          `cfg:"requireKid" default:"false" doc:"refuse tokens that carry no kid"`
	Refresh       RefreshConfig `cfg:"refresh" doc:"how many refreshes the issuer admits"`
	KID           KIDConfig     `cfg:"kid" doc:"where the kid of a key comes from"`
	Hints         HintsConfig   `cfg:"hints" doc:"store aws: where news of changes come from; absent: the store is polled, and nothing else"`
	RotateBy      string        `cfg:"rotateBy" want:"keyturn lambda" doc:"store aws: who makes a new key when one is asked for; lambda: the secret's own rotation function; keyturn: keyturn, also where there is such a function; empty: keyturn, unless there is one"`
	Verify        VerifyConfig  `cfg:"verify" doc:"claims that a token of this ring must carry; the ring of the auth section takes auth.issuer and auth.audience"`
}

// RefreshConfig bounds refreshes of one ring.
type RefreshConfig struct {
	PerSecond float64 `cfg:"perSecond" default:"200" doc:"refreshes admitted in a second, over all issuers of the ring"`
}

// KIDConfig says where the kid of a key comes from.
type KIDConfig struct {
	From    string `cfg:"from" default:"field" want:"field version literal" doc:"the kid written beside the material, one derived from the store's version, or always the same"`
	Literal string `cfg:"literal" doc:"the kid itself, with from: literal"`
	Strict  bool   `cfg:"strict" default:"false" doc:"refuse other material under a kid that is already known"`
}

// HintsConfig says where news of changes in the store come from.
type HintsConfig struct {
	SQS string `cfg:"sqs" doc:"URL of the SQS queue that EventBridge fills; several rings may share one"`
}

// VerifyConfig names the claims a token of the ring must carry.
type VerifyConfig struct {
	Issuer   string `cfg:"issuer" doc:"the iss claim; empty: any"`
	Audience string `cfg:"audience" doc:"the aud claim; empty: any"`
}

// NATSConfig says which NATS server holds the log.
type NATSConfig struct {
	URL         string        `cfg:"url" secret:"true" doc:"one or more server addresses, comma-separated; empty: an embedded single node in dataDir"`
	Credentials string        `cfg:"credentials" doc:"path of a .creds file"`
	TLS         NATSTLSConfig `cfg:"tls" doc:"TLS towards the NATS server"`
	Replicas    int           `cfg:"replicas" default:"0" doc:"copies of the log in a cluster; 0: 1 when embedded, else 3"`
}

// NATSTLSConfig is TLS towards NATS.
type NATSTLSConfig struct {
	CA   string `cfg:"ca" doc:"path of the authority's certificate, PEM; empty: the system's authorities"`
	Cert string `cfg:"cert" doc:"path of the client certificate, PEM"`
	Key  string `cfg:"key" doc:"path of the client certificate's key, PEM"`
}

// BroadcastConfig is the public listener and its hub.
type BroadcastConfig struct {
	Listen         string         `cfg:"listen" default:"127.0.0.1:8080" doc:"address of the public listener"`
	Rings          []string       `cfg:"rings" doc:"rings served to browsers; empty: all"`
	Origins        []string       `cfg:"origins" doc:"origins of the web applications, exactly as browsers send them: https://app.example.com"`
	Verify         string         `cfg:"verify" default:"local" want:"local public" doc:"who checks the tokens of connections: this process, or nobody (public: the stream says nothing secret; limits by origin and address only)"`
	Beacon         time.Duration  `cfg:"beacon" default:"25s" doc:"how often the state is sent again to each connection, whole seconds"`
	TrustedProxies []netip.Prefix `cfg:"trustedProxies" doc:"networks whose X-Forwarded-For is believed, as 10.0.0.0/8"`
	TLS            ServerTLS      `cfg:"tls" doc:"TLS on the public listener; absent: plain HTTP, for a proxy in front"`
	Lock           []string       `cfg:"lock" want:"autoRefreshOnError maxRetries refreshThreshold cacheTimeout refreshDelayMs refreshOn403 successDismissMs notifyOnSuccess authWords debug analytics" doc:"settings of the browser client that pages, and whoever types into their console, must not change"`
	Limits         LimitsConfig   `cfg:"limits" doc:"bounds of the stream; 0 switches one off"`
}

// ServerTLS is the certificate of the public listener, read again when the files change.
type ServerTLS struct {
	Cert string `cfg:"cert" doc:"path of the certificate chain, PEM"`
	Key  string `cfg:"key" doc:"path of its key, PEM"`
}

// LimitsConfig bounds the stream.
type LimitsConfig struct {
	UpgradesPerSecond         int `cfg:"upgradesPerSecond" default:"5000" doc:"new connections a second"`
	PerAddress                int `cfg:"perAddress" default:"4000" doc:"connections of one address"`
	UnauthenticatedPerAddress int `cfg:"unauthenticatedPerAddress" default:"200" doc:"connections of one address that have not authenticated yet"`
}

// AuthConfig is the issuer role.
type AuthConfig struct {
	Ring            string           `cfg:"ring" doc:"the ring whose current key signs"`
	Issuer          string           `cfg:"issuer" default:"keyturn" doc:"the iss claim of tokens"`
	Audience        string           `cfg:"audience" doc:"the aud claim of tokens; empty: none"`
	SessionLifetime time.Duration    `cfg:"sessionLifetime" default:"12h" doc:"life of a session from sign-in to its end; never extended"`
	PublicURL       string           `cfg:"publicURL" doc:"origin under which browsers reach the public listener, as https://auth.example.com; providers send them back to its /auth/callback; needed with providers"`
	Providers       []ProviderConfig `cfg:"providers" doc:"OpenID providers with which people sign in; the first one where nothing says which"`
	TokenCookie     bool             `cfg:"tokenCookie" default:"false" doc:"keep tokens from scripts: they travel in the HttpOnly cookie auth_token, and answers hold none; keyturn check says what that takes"`
	Claims          ClaimsConfig     `cfg:"claims" doc:"where the claims of a subject come from at each refresh"`
}

// ProviderConfig describes one OpenID provider.
type ProviderConfig struct {
	Name             string   `cfg:"name" doc:"lower-case letters, digits and hyphens, at most 32; the sub of tokens is name|sub"`
	Issuer           string   `cfg:"issuer" doc:"address of the provider, exactly as its discovery document names it"`
	ClientID         string   `cfg:"clientID" doc:"under what name the provider knows keyturn"`
	ClientSecretFile string   `cfg:"clientSecretFile" doc:"path of a file with the client's secret, read at each use; empty: a public client"`
	RedirectURL      string   `cfg:"redirectURL" doc:"page of the application that takes the code and calls /auth/callback with it; empty: publicURL/auth/callback, which is what to register at the provider; publicURL/auth/callback/NAME is a callback of this provider alone"`
	Scopes           []string `cfg:"scopes" doc:"what is asked for besides openid; empty: profile, email; many providers want offline_access to give refresh tokens, which claims from idp need"`
	Params           []string `cfg:"params" doc:"sent along to the provider, name=value each, as access_type=offline"`
	Roles            string   `cfg:"roles" default:"roles" doc:"the provider's claim that lists roles; a dot leads into a claim, as realm_access.roles"`
	PostLogoutURL    string   `cfg:"postLogoutURL" doc:"where the provider sends people after a logout there, when the page names none"`
}

// ClaimsConfig says where claims come from.
type ClaimsConfig struct {
	From   string        `cfg:"from" default:"file" want:"idp hook session file" doc:"the source of claims: idp asks the provider with its refresh token; hook asks an application of yours; session leaves them as at sign-in; file reads them from a file"`
	File   string        `cfg:"file" doc:"from: file: path of a JSON object: subject to claims, as {\"alice\":{\"roles\":[\"user\"]}}"`
	Hook   HookConfig    `cfg:"hook" doc:"from: hook: the application that is asked"`
	MaxAge time.Duration `cfg:"maxAge" default:"15m" doc:"how long the last claims stand in for a source that does not answer; 0: not at all"`
}

// HookConfig names the application that knows the claims.
type HookConfig struct {
	URL        string `cfg:"url" doc:"address of the application's endpoint: https, or http on a loopback address"`
	SecretFile string `cfg:"secretFile" doc:"path of a file with the secret that signs the calls, at least 24 bytes; one that begins with whsec_ is base64 from there on"`
}

// AdminConfig is the admin listener.
type AdminConfig struct {
	Listen string        `cfg:"listen" default:"127.0.0.1:8081" doc:"address of the admin listener"`
	Hosts  []string      `cfg:"hosts" doc:"further host names under which the admin listener may be called; loopback names and its own address always may"`
	Tokens []TokenConfig `cfg:"tokens" doc:"who may use the admin API; print one with: keyturn admin-token NAME"`
}

// TokenConfig is one admin token, by its hash.
type TokenConfig struct {
	Name   string   `cfg:"name" doc:"who holds it; stands in logs and in the cause of changes"`
	SHA256 string   `cfg:"sha256" secret:"true" doc:"64 hex digits: SHA-256 of the token"`
	Can    []string `cfg:"can" want:"view rotate compromise approve claims mint" doc:"what it may do"`
}

// LogConfig is logging.
type LogConfig struct {
	Level  string `cfg:"level" default:"info" want:"debug info warn error" doc:"the least level that is logged"`
	Format string `cfg:"format" default:"json" want:"json console" doc:"one JSON object a line, or text for people"`
}

// issues reports whether this process signs tokens.
func (c Config) issues() bool { return c.Auth.Ring != "" }

// ring returns the ring of that name.
func (c Config) ring(name string) (RingConfig, bool) {
	for _, r := range c.Rings {
		if r.Name == name {
			return r, true
		}
	}
	return RingConfig{}, false
}
