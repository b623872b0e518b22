package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files anew")

const goodConfig = `
rings:
  - name: payments
    secret: /etc/keyturn/payments.json
    tokenLifetime: 10m
    refresh: {perSecond: 120.5}
  - name: legacy
    store: file
    secret: legacy.json
    issuer: external
    verify: {issuer: "https://id.example.com", audience: api}
broadcast:
  listen: ":8080"
  rings: [payments]
  origins: ["https://app.example.com", "http://localhost:3000"]
  trustedProxies: [10.0.0.0/8, 192.0.2.7]
  limits: {perAddress: 0}
auth: {ring: payments, audience: api, claims: {file: claims.json}}
admin:
  tokens:
    - {name: alice, sha256: "` + testHash + `", can: [view, rotate]}
dataDir: ./data
`

const testHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestAConfigurationIsReadWithItsDefaults(t *testing.T) {
	c, err := parseConfig("keyturn.yaml", []byte(goodConfig), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Rings[0]
	for what, pair := range map[string][2]any{
		"lifetime":     {r.TokenLifetime, 10 * time.Minute},
		"poll":         {r.Poll, time.Minute},
		"signAfter":    {r.SignAfter, 5 * time.Second},
		"store":        {r.Store, "file"},
		"perSecond":    {r.Refresh.PerSecond, 120.5},
		"per second":   {c.Rings[1].Refresh.PerSecond, 200.0},
		"audience":     {c.Rings[1].Verify.Audience, "api"},
		"admin":        {c.Admin.Listen, "127.0.0.1:8081"},
		"per address":  {c.Broadcast.Limits.PerAddress, 0},
		"upgrades":     {c.Broadcast.Limits.UpgradesPerSecond, 5000},
		"proxies":      {len(c.Broadcast.TrustedProxies), 2},
		"proxy":        {c.Broadcast.TrustedProxies[1].String(), "192.0.2.7/32"},
		"token rights": {strings.Join(c.Admin.Tokens[0].Can, " "), "view rotate"},
		"issuer":       {c.Auth.Issuer, "keyturn"},
		"session":      {c.Auth.SessionLifetime, 12 * time.Hour},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestTheEnvironmentStandsOverTheFileAndFlagsOverBoth(t *testing.T) {
	env := []string{
		"KEYTURN_RINGS_0_POLL=5s", "KEYTURN_RINGS_2_NAME=third", "KEYTURN_RINGS_2_SECRET=third.json",
		"KEYTURN_BROADCAST_ORIGINS=https://a.example.com, https://b.example.com",
		"KEYTURN_BROADCAST_LISTEN=:9000", "KEYTURN_AUTH_CLAIMS_FILE=other.json", "KEYTURN_DATA_DIR=/env",
		"KEYTURN_ADMIN_TOKEN=for-the-verbs", "HOME=/root",
		"KEYTURN_PORT=tcp://10.0.0.1:8080", "KEYTURN_SERVICE_HOST=10.0.0.1", "KEYTURN_ADMIN_PORT_8081_TCP_ADDR=10.0.0.2", "KEYTURN_SERVICE_PORT_HTTP=80",
	}
	c, err := parseConfig("keyturn.yaml", []byte(goodConfig), env, map[string]string{"dataDir": "/flag", "admin.listen": "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Rings[0].Poll, 5*time.Second; got != want {
		t.Errorf("poll: got %v, want %v", got, want)
	}
	if got, want := c.Rings[0].TokenLifetime, 10*time.Minute; got != want {
		t.Errorf("a sibling of an overridden value: got %v, want %v", got, want)
	}
	if len(c.Rings) != 3 || c.Rings[2].Name != "third" {
		t.Errorf("rings: got %d, want a third", len(c.Rings))
	}
	if got := strings.Join(c.Broadcast.Origins, " "); got != "https://a.example.com https://b.example.com" {
		t.Errorf("origins: got %s", got)
	}
	if c.Broadcast.Listen != ":9000" || c.Auth.Claims.File != "other.json" || c.Auth.Audience != "api" {
		t.Errorf("got listen %s, claims %s, audience %s", c.Broadcast.Listen, c.Auth.Claims.File, c.Auth.Audience)
	}
	if c.DataDir != "/flag" || c.Admin.Listen != "127.0.0.1:0" {
		t.Errorf("flags: got %s and %s", c.DataDir, c.Admin.Listen)
	}
}

// TestAWrongConfigurationSaysWhereAndWhat is the table of hostile
// configurations: each is refused, names its line, and shows no secret.
func TestAWrongConfigurationSaysWhereAndWhat(t *testing.T) {
	ring := "rings: [{name: demo, secret: d.json}]\n"
	for _, c := range []struct{ name, yaml, want string }{
		{"nothing", "", "rings: no ring"},
		{"only a comment", "# nothing\n", "rings: no ring"},
		{"not YAML", "rings: [\n", "k.yaml:"},
		{"a tab", "rings:\n\t- name: a\n", "k.yaml:2: not YAML"},
		{"a list at the top", "- a\n- b\n", "k.yaml:1: the top level: want keys and values, got a list"},
		{"a word at the top", "keyturn\n", "k.yaml:1: the top level: want keys and values, got a single value"},
		{"binary", "\x00\x01\x02", "not YAML"},
		{"two documents", ring + "---\nrings: []\n", "k.yaml:2: a second YAML document"},
		{"slip of the fingers", "rings: [{name: demo, secrit: d.json}]\n", "k.yaml:1: unknown key secrit in rings[0]; did you mean secret?"},
		{"case of a key", ring + "datadir: /x\n", "k.yaml:2: unknown key datadir; did you mean dataDir?"},
		{"a key of elsewhere", ring + "perSecond: 3\n", "unknown key perSecond; it belongs to rings[].refresh"},
		{"a strange key", ring + "\"a\\nb\": 3\n", `unknown key "a\nb"; known here: rings, nats`},
		{"prototype", ring + "__proto__: {x: 1}\n", "unknown key __proto__"},
		{"a key twice", ring + "dataDir: a\ndataDir: b\n", "k.yaml:3: dataDir is written twice, first in line 2"},
		{"a list as key", ring + "? [a, b]\n: c\n", "k.yaml:2: the top level: a key must be a word"},
		{"an alias", "a: &a [x]\nrings: *a\n", "anchors and aliases are not read"},
		{"a bomb", "rings: &a [&b [*a, *a], *b]\n", "anchors and aliases are not read"},
		{"merge key", ring + "<<: {dataDir: x}\n", "unknown key <<"},
		{"a tag", "rings: !!python/object [x]\n", "tags like"},
		{"duration without unit", "rings: [{name: demo, secret: d, poll: 60}]\n", "k.yaml:1: rings[0].poll: want a duration with its unit, got 60; write 60s, 60m or 60ms"},
		{"duration in days", "rings: [{name: demo, secret: d, tokenLifetime: 1d}]\n", "a day is 24h"},
		{"a word as duration", "rings: [{name: demo, secret: d, poll: soon}]\n", "want a duration like 30s, 15m or 12h, got soon"},
		{"a negative duration", "rings: [{name: demo, secret: d, poll: -5s}]\n", "rings[0].poll: want 100ms to 24h0m0s, got -5s"},
		{"a year and a day", "rings: [{name: demo, secret: d, tokenLifetime: 8784h}]\n", "rings[0].tokenLifetime: want 1s to"},
		{"a ring without a name", "rings: [{secret: d}]\n", "rings[0].name: is missing"},
		{"a ring with a capital", "rings: [{name: Demo, secret: d}]\n", "want lower-case letters"},
		{"a path as name", "rings: [{name: ../demo, secret: d}]\n", "want lower-case letters"},
		{"a subject as name", "rings: [{name: \"a.>\", secret: d}]\n", "want lower-case letters"},
		{"a name twice", "rings:\n- {name: a, secret: d}\n- {name: a, secret: e}\n", "k.yaml:3: rings[1].name: a is the name of rings[0] already"},
		{"a secret twice", "rings:\n- {name: a, secret: d}\n- {name: b, secret: ./d}\n", "rings[0] watches the same secret already"},
		{"no secret", "rings: [{name: a}]\n", "rings[0].secret: is missing"},
		{"no secret of AWS", "rings: [{name: a, store: aws}]\n", "rings[0].secret: is missing: the name or ARN"},
		{"no name of AWS", "rings: [{name: a, store: aws, secret: \"prod jwt\"}]\n", "k.yaml:1: rings[0].secret: want the name or ARN of a secret of AWS Secrets Manager"},
		{"another service's ARN", "rings: [{name: a, store: aws, secret: \"arn:aws:s3:::bucket\"}]\n", "want the name or ARN of a secret"},
		{"an ARN as a path", "rings: [{name: a, secret: \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwt-a1B2c3\"}]\n", "is an ARN, and store: file wants a path; write store: aws"},
		{"one secret of AWS twice", "rings:\n- {name: a, store: aws, secret: prod/jwt}\n- {name: b, store: aws, secret: prod/jwt}\n", "rings[0] watches the same secret already"},
		{"a store misspelt", "rings: [{name: a, store: fiel, secret: d}]\n", "fiel is none of file, aws; did you mean file?"},
		{"hints of a file", "rings: [{name: a, secret: d, hints: {sqs: \"https://sqs.eu-west-1.amazonaws.com/123456789012/keyturn\"}}]\n", "rings[0].hints: are read with store: aws only"},
		{"hints of no queue", "rings: [{name: a, store: aws, secret: d, hints: {sqs: keyturn}}]\n", "rings[0].hints.sqs: want the URL of an SQS queue, like https://"},
		{"a slip in hints", "rings: [{name: a, store: aws, secret: d, hints: {sqa: x}}]\n", "unknown key sqa in rings[0].hints; did you mean sqs?"},
		{"hints under a slip", "rings: [{name: a, store: aws, secret: d, hint: {sqs: x}}]\n", "unknown key hint in rings[0]; did you mean hints?"},
		{"who turns a file", "rings: [{name: a, secret: d, rotateBy: lambda}]\n", "rings[0].rotateBy: is read with store: aws only"},
		{"who turns, misspelt", "rings: [{name: a, store: aws, secret: d, rotateBy: lamda}]\n", "lamda is none of keyturn, lambda; did you mean lambda?"},
		{"perSecond zero", "rings: [{name: a, secret: d, refresh: {perSecond: 0}}]\n", "refresh.perSecond: want more than 0"},
		{"perSecond not a number", "rings: [{name: a, secret: d, refresh: {perSecond: .nan}}]\n", "want a number, got .nan"},
		{"a list for a section", ring + "nats: []\n", "nats: want keys and values, got a list"},
		{"a section for a list", "rings: {name: a}\n", "rings: want a list, got keys and values"},
		{"an empty member", "rings:\n-\n- {name: a, secret: d}\n", "rings[0]: an empty member"},
		{"literal without kid", "rings: [{name: a, secret: d, kid: {from: literal}}]\n", "kid.literal: is missing"},
		{"kid with a space", "rings: [{name: a, secret: d, kid: {from: literal, literal: a b}}]\n", "rings[0].kid.literal: want letters"},
		{"yes", "rings: [{name: a, secret: d, requireKid: yes}]\n", "requireKid: want true or false, got yes"},
		{"port too high", ring + "broadcast: {listen: \":80808\"}\n", "k.yaml:2: broadcast.listen: want a port"},
		{"no port", ring + "broadcast: {listen: localhost}\n", "want an address like 127.0.0.1:8080"},
		{"the same door twice", ring + "admin: {listen: \"127.0.0.1:8080\"}\n", "is the address of broadcast.listen too"},
		{"a wildcard origin", ring + "broadcast: {origins: [\"https://*.example.com\"]}\n", "wildcards are not read"},
		{"the null origin", ring + "broadcast: {origins: [\"null\"]}\n", "it can't be allowed"},
		{"an origin with a path", ring + "broadcast: {origins: [\"https://app.example.com/\"]}\n", "write https://app.example.com"},
		{"an origin with its default port", ring + "broadcast: {origins: [\"https://app.example.com:443\"]}\n", "browsers leave the default port out"},
		{"an origin in capitals", ring + "broadcast: {origins: [\"https://App.example.com\"]}\n", "write https://app.example.com"},
		{"an origin without scheme", ring + "broadcast: {origins: [app.example.com]}\n", "want an origin like"},
		{"a script as origin", ring + "broadcast: {origins: [\"javascript:alert(1)\"]}\n", "want an origin like"},
		{"broadcasting what is not there", ring + "broadcast: {rings: [demi]}\n", "no ring demi; did you mean demo?"},
		{"half a certificate", ring + "broadcast: {tls: {cert: a.pem}}\n", "broadcast.tls: cert and key go together"},
		{"a negative limit", ring + "broadcast: {limits: {perAddress: -1}}\n", "limits.perAddress: want 0 (off) or more"},
		{"a proxy that is no network", ring + "broadcast: {trustedProxies: [10.0.0.0/99]}\n", "want a network like 10.0.0.0/8"},
		{"auth without ring", ring + "auth: {issuer: x}\n", "auth.ring: is missing"},
		{"auth for a stranger", ring + "auth: {ring: dema, claims: {file: c}}\n", "no ring dema; did you mean demo?"},
		{"signing for an external issuer", "rings: [{name: a, secret: d, issuer: external}]\nauth: {ring: a, claims: {file: c}}\n", "keyturn must not sign"},
		{"no claims", ring + "auth: {ring: demo}\n", "auth.claims.file: is missing"},
		{"a short session", ring + "auth: {ring: demo, sessionLifetime: 1m, claims: {file: c}}\n", "is shorter than the tokenLifetime"},
		{"a provider without a way back", ring + "auth: {ring: demo, providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k}], claims: {from: session}}\n", "auth.publicURL: is missing"},
		{"a public URL with a path", ring + "auth: {ring: demo, publicURL: \"https://a.example.com/x\", providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k}], claims: {from: session}}\n", "auth.publicURL: want scheme://host"},
		{"a public URL in the clear", ring + "auth: {ring: demo, publicURL: \"http://a.example.com\", providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k}], claims: {from: session}}\n", "auth.publicURL: want https; http only to a loopback address"},
		{"a provider in the clear", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: corp, issuer: \"http://id.example.com\", clientID: k}], claims: {from: session}}\n", "auth.providers[0].issuer: want its address"},
		{"a provider's name", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: Corp|x, issuer: \"https://id.example.com\", clientID: k}], claims: {from: session}}\n", "auth.providers[0].name: want lower-case"},
		{"a provider without a client", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: corp, issuer: \"https://id.example.com\"}], claims: {from: session}}\n", "auth.providers[0].clientID: is missing"},
		{"a provider twice", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k, params: [a=b]}, {name: corp, issuer: \"https://b.example.com\", clientID: k}], claims: {from: session}}\n", "corp is the name of auth.providers[0] already"},
		{"a page of no address", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k, redirectURL: /callback}], claims: {from: session}}\n", "auth.providers[0].redirectURL: want the address of a page"},
		{"a parameter of ours", ring + "auth: {ring: demo, publicURL: \"https://a.example.com\", providers: [{name: corp, issuer: \"https://id.example.com\", clientID: k, params: [redirect_uri=x]}], claims: {from: session}}\n", "params: redirect_uri is set by keyturn"},
		{"claims of no provider", ring + "auth: {ring: demo, claims: {from: idp}}\n", "auth.claims.from: idp asks the provider of the session"},
		{"a hook without a secret", ring + "auth: {ring: demo, claims: {from: hook, hook: {url: \"https://a.example.com\"}}}\n", "auth.claims.hook.secretFile: is missing"},
		{"a hook that nobody asks", ring + "auth: {ring: demo, claims: {file: c, hook: {url: \"https://a.example.com\"}}}\n", "auth.claims.hook: is only read with from: hook"},
		{"a file that nobody reads", ring + "auth: {ring: demo, claims: {from: session, file: c}}\n", "auth.claims.file: is only read with from: file"},
		{"claims from nowhere", ring + "auth: {ring: demo, claims: {from: ipd}}\n", "ipd is none of idp, hook, session, file; did you mean idp?"},
		{"claims for a week", ring + "auth: {ring: demo, claims: {file: c, maxAge: 168h}}\n", "auth.claims.maxAge: want 0s to 24h0m0s"},
		{"replicas without a cluster", ring + "nats: {replicas: 3}\n", "an embedded server is a single node"},
		{"two replicas", ring + "nats: {url: \"nats://n:4222\", replicas: 2}\n", "want 1, 3 or 5"},
		{"a web address as NATS", ring + "nats: {url: \"https://user:hunter2@n:4222\"}\n", "nats.url: want addresses like"},
		{"a token's name", ring + "admin: {tokens: [{name: a b, sha256: " + testHash + ", can: [view]}]}\n", "tokens[0].name: want letters"},
		{"a token itself", ring + "admin: {tokens: [{name: a, sha256: hunter2, can: [view]}]}\n", "want 64 hex digits"},
		{"a token for two", ring + "admin: {tokens: [{name: a, sha256: " + testHash + ", can: [view]}, {name: b, sha256: " + testHash + ", can: [view]}]}\n", "is the token of somebody else already"},
		{"a right misspelt", ring + "admin: {tokens: [{name: a, sha256: " + testHash + ", can: [rotat]}]}\n", "rotat is none of view, rotate, compromise, approve, claims, mint; did you mean rotate?"},
		{"no right", ring + "admin: {tokens: [{name: a, sha256: " + testHash + "}]}\n", "can: is missing"},
		{"an instance with a dot", ring + "instance: a.b\n", "instance: want letters"},
		{"too large", "# " + strings.Repeat("x", maxConfig) + "\n", "larger than"},
		{"deep", strings.Repeat("a: {", 500) + strings.Repeat("}", 500), "unknown key a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseConfig("k.yaml", []byte(c.yaml), nil, nil)
			if err == nil {
				t.Fatalf("got no error, want %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant … %s …", err, c.want)
			}
			for _, secret := range []string{"hunter2", testHash} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows what is secret: %v", err)
				}
			}
		})
	}
}

func TestAWrongVariableIsNamed(t *testing.T) {
	good := []byte("rings: [{name: demo, secret: d.json}]\n")
	for env, want := range map[string]string{
		"KEYTURN_NATS_URI=nats://x:1":          "KEYTURN_NATS_URI: no such setting; did you mean KEYTURN_NATS_URL?",
		"KEYTURN_TURN_KEY=1":                   "KEYTURN_TURN_KEY: no such setting; `keyturn config-reference` lists all",
		"KEYTURN_RINGS_7_NAME=x":               "KEYTURN_RINGS_7_NAME: rings[7] would leave a hole; there are 1",
		"KEYTURN_RINGS_999999999_NAME=x":       "no such setting",
		"KEYTURN_RINGS_-1_NAME=x":              "no such setting",
		"KEYTURN_RINGS_0_POLL=60":              "KEYTURN_RINGS_0_POLL: rings[0].poll: want a duration with its unit",
		"KEYTURN_DRAIN=1000h":                  "KEYTURN_DRAIN: drain: want 0s to 10m0s",
		"KEYTURN_BROADCAST_ORIGINS=https://a/": "KEYTURN_BROADCAST_ORIGINS: broadcast.origins[0]: an origin ends after",
		"KEYTURN_RINGS=x":                      "KEYTURN_RINGS: no such setting",
	} {
		_, err := parseConfig("k.yaml", good, []string{env}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want … %s …", env, err, want)
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	_, err := parseConfig("k.yaml", []byte("rings:\n  - {name: A, poll: 5}\nlog: {level: loud}\n"), nil, nil)
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"k.yaml:2: rings[0].poll", "k.yaml:3: log.level"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want … %s …", err, want)
		}
	}
}

func TestAMissingFileNamesTheFlag(t *testing.T) {
	_, err := loadConfig(filepath.Join(t.TempDir(), "none.yaml"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "no such file; name it with --config FILE") {
		t.Errorf("got %v", err)
	}
}

func TestTheReferenceIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/config-reference.md"
	if *update {
		if err := os.WriteFile(golden, []byte(configReference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if configReference() != string(want) {
		t.Errorf("the reference differs from %s; run go test ./cmd/keyturn -update and review", golden)
	}
}

func TestEachKeyHasAMeaningAndADefaultThatHolds(t *testing.T) {
	var walk func(s *schema, path string)
	walk = func(s *schema, path string) {
		names := map[string]bool{}
		for _, f := range s.fields {
			here := showPath(joinPath(path, f.key))
			if f.key == "" || f.doc == "" {
				t.Errorf("%s has no key or no meaning", here)
			}
			if names[envName(f.key)] {
				t.Errorf("%s shares its variable with a sibling", here)
			}
			names[envName(f.key)] = true
			if f.kind == kindSection {
				walk(f, joinPath(path, f.key))
			} else if f.kind == kindList {
				walk(f.element, joinPath(joinPath(path, f.key), "*"))
			}
		}
	}
	walk(rootSchema, "")
	if _, err := parseConfig("k.yaml", []byte("rings: [{name: demo, secret: d.json}]\n"), nil, nil); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// FuzzConfig: whatever the file and the variables hold, the answer is a
// configuration whose rings are usable, or an error of few, short lines.
func FuzzConfig(f *testing.F) {
	f.Add(goodConfig, "RINGS_0_POLL", "5s")
	f.Add("rings: [{name: demo, secret: d.json}]", "NATS_URL", "nats://x:4222")
	f.Add("a: &a [*a]", "", "")
	f.Fuzz(func(t *testing.T, yaml, name, value string) {
		c, err := parseConfig("k.yaml", []byte(yaml), []string{envPrefix + name + "=" + value}, nil)
		if err != nil {
			if text := err.Error(); len(text) > 30<<10 || strings.Count(text, "\n") > 60 {
				t.Fatalf("an error of %d bytes", len(text))
			}
			return
		}
		if len(c.Rings) == 0 || len(c.Rings) > maxRings {
			t.Fatalf("accepted %d rings", len(c.Rings))
		}
		for _, r := range c.Rings {
			if r.Name == "" || r.Secret == "" || r.Poll <= 0 || r.TokenLifetime <= 0 || !(r.Refresh.PerSecond > 0) {
				t.Fatalf("accepted an unusable ring %+v", r)
			}
		}
	})
}

// TestTheContainersConfigurationWorks: check accepts it, its ports are those
// that the compose file publishes, and both can be reached from outside.
func TestTheContainersConfigurationWorks(t *testing.T) {
	folder := filepath.Join("..", "..", "deploy", "container")
	text, err := os.ReadFile(filepath.Join(folder, "keyturn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compose, err := os.ReadFile(filepath.Join(folder, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeKeys(t, filepath.Join(dir, "payments.json"))
	config := filepath.Join(dir, "keyturn.yaml")
	local := strings.ReplaceAll(strings.ReplaceAll(string(text), "/keys/", dir+"/"), "/var/lib/keyturn", dir)
	if err := os.WriteFile(config, []byte(local), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs output
	code := run(t.Context(), world{args: []string{"check", "--config", config}, stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	if code != exitOK || strings.Contains(out.String(), "FAIL") {
		t.Errorf("check: got code %d\n%s%s", code, out.String(), errs.String())
	}
	c, err := loadConfig(config, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{c.Broadcast.Listen, c.Admin.Listen} {
		port, all := strings.CutPrefix(address, ":")
		if !all || !strings.Contains(string(compose), port+":"+port+`"`) {
			t.Errorf("%s: want all addresses of the container, and its port published", address)
		}
	}
	for _, mount := range []string{"./keyturn.yaml:/etc/keyturn/keyturn.yaml:ro", "./keys:/keys", "keyturn:/var/lib/keyturn"} {
		if !strings.Contains(string(compose), mount) {
			t.Errorf("the compose file does not mount %s", mount)
		}
	}
}
