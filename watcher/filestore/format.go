package filestore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	maxFile    = 1 << 20 // bytes: bounds memory; 64 RSA keys as PEM take a quarter of it
	maxEntries = 64      // bounds what one look parses and a state carries
)

// The stages of the file, and what they are called in a state.
var stages = map[string]rotation.Stage{
	"pending":  rotation.Pending,
	"current":  rotation.Current,
	"previous": rotation.Retiring,
}

// document is the whole file.
type document struct {
	serial  int64 // 0 where hasSerial is false
	counted bool  // the file has a serial
	entries []entry
}

// entry is one key of the file. It keeps what was written, so that a writer
// changes nothing that it was not asked to change.
type entry struct {
	at      place
	kid     string // as written; "" if absent
	version string // as written; "" if absent
	stage   rotation.Stage
	alg     string // as written; "" if absent

	// Exactly one of these is set.
	secret string          // base64url, as written
	jwk    json.RawMessage // an object
	pem    string

	key auth.Key // the material, under the kid that the ring's rule gives it
}

// String keeps material out of logs and errors.
func (entry) String() string { return "[redacted]" }

// GoString keeps material out of %#v.
func (entry) GoString() string { return "[redacted]" }

// base is what the entry calls its version. A version that keyturn derives
// from it, because the material changed under it, is base~n.
func (e entry) base() string {
	if e.version != "" {
		return e.version
	}
	return e.key.KID()
}

// current returns the entry that signs; a parsed document has exactly one.
func (d *document) current() *entry {
	for i := range d.entries {
		if d.entries[i].stage == rotation.Current {
			return &d.entries[i]
		}
	}
	return nil
}

// parse reads a file. Every error is a flaw that names a place, and tells what
// to do; none quotes a value.
func parse(data []byte, rule watcher.KIDRule) (*document, error) {
	if len(data) > maxFile {
		return nil, &flaw{place{1, 1}, fmt.Sprintf("the file is larger than %d bytes: a secret file holds a few keys", maxFile)}
	}
	root, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	if err := root.shape(kindObject, "serial", "keys"); err != nil {
		return nil, err
	}
	d := &document{}
	if n := root.member("serial"); n != nil {
		d.counted = true
		if d.serial, err = n.serial(); err != nil {
			return nil, err
		}
	}
	list := root.member("keys")
	switch {
	case list == nil:
		return nil, &flaw{root.at, `has no "keys": add "keys":[{…}]`}
	case list.kind != kindArray:
		return nil, list.wrong("keys", kindArray)
	case len(list.items) == 0:
		return nil, &flaw{list.at, "holds no key, so nothing could be verified: add one, or restore the file"}
	case len(list.items) > maxEntries:
		return nil, &flaw{list.items[maxEntries].at, fmt.Sprintf("holds more than %d keys: remove previous ones", maxEntries)}
	}
	for _, n := range list.items {
		e, err := n.entry(rule)
		if err != nil {
			return nil, err
		}
		if err := d.add(e); err != nil {
			return nil, err
		}
	}
	if d.current() == nil {
		return nil, &flaw{list.at, `has no key of stage "current", so nothing could be signed: make one current`}
	}
	return d, nil
}

// add appends e after comparing it with the entries before it.
func (d *document) add(e entry) error {
	for _, o := range d.entries {
		if o.base() == e.base() {
			return &flaw{e.at, fmt.Sprintf("has the version %q of the entry at %v (the version defaults to the kid): give one of them another", e.base(), o.at)}
		}
		if o.stage == rotation.Current && e.stage == rotation.Current {
			return &flaw{e.at, fmt.Sprintf(`is current, and so is the entry at %v: make one of them "previous"`, o.at)}
		}
	}
	d.entries = append(d.entries, e)
	return nil
}

// shape checks that n is of that kind and, for an object, has no other members.
func (n node) shape(want kind, allowed ...string) error {
	if n.kind != want {
		return &flaw{n.at, fmt.Sprintf("is %s: want %s", n.kind, want)}
	}
	for _, m := range n.members {
		if !contains(allowed, m.name) {
			return &flaw{m.at, fmt.Sprintf("unknown member %q: %s", short(m.name), suggest(m.name, allowed))}
		}
	}
	return nil
}

func (n node) wrong(name string, want kind) error {
	return &flaw{n.at, fmt.Sprintf("%q is %s: want %s", name, n.kind, want)}
}

func (n node) serial() (int64, error) {
	if n.kind != kindNumber {
		return 0, n.wrong("serial", kindNumber)
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || v < 0 || v > maxSerial {
		return 0, &flaw{n.at, `"serial" is not usable: want a whole number from 0 that grows with every change`}
	}
	return v, nil
}

// maxSerial leaves room for writers to count on.
const maxSerial = 1<<62 - 1

func (n node) entry(rule watcher.KIDRule) (entry, error) {
	e := entry{at: n.at}
	if err := n.shape(kindObject, "kid", "version", "stage", "alg", "secret", "jwk", "pem"); err != nil {
		return e, err
	}
	var stage string
	for _, f := range []struct {
		name string
		into *string
	}{{"kid", &e.kid}, {"version", &e.version}, {"stage", &stage}, {"alg", &e.alg}, {"secret", &e.secret}, {"pem", &e.pem}} {
		v := n.member(f.name)
		switch {
		case v == nil:
		case v.kind != kindString:
			return e, v.wrong(f.name, kindString)
		case v.text == "":
			return e, &flaw{v.at, fmt.Sprintf("%q is empty: give it a value or remove it", f.name)}
		default:
			*f.into = v.text
		}
	}
	s, ok := stages[stage]
	switch {
	case stage == "":
		return e, &flaw{n.at, `has no "stage": want pending, current or previous`}
	case !ok:
		return e, &flaw{n.member("stage").at, `"stage" is unknown: want pending, current or previous`}
	}
	e.stage = s
	if v := n.member("jwk"); v != nil {
		if v.kind != kindObject {
			return e, v.wrong("jwk", kindObject)
		}
		e.jwk = v.raw
	}
	if err := n.names(&e); err != nil {
		return e, err
	}
	var err error
	e.key, err = n.material(e, rule)
	return e, err
}

// names checks kid and version, and takes the kid from a JWK that has one.
func (n node) names(e *entry) error {
	inner := ""
	if v := n.member("jwk"); v != nil {
		if k := v.member("kid"); k != nil {
			if k.kind != kindString || auth.CheckKID(k.text) != nil {
				return &flaw{k.at, `"kid" of the jwk is not usable: want a string of 1 to 128 of A-Z a-z 0-9 . _ ~ : -`}
			}
			inner = k.text
		}
	}
	if e.kid != "" {
		at := n.member("kid").at
		if err := auth.CheckKID(e.kid); err != nil {
			return &flaw{at, err.Error()}
		}
		if inner != "" && inner != e.kid {
			return &flaw{at, `"kid" differs from the kid inside the jwk: make them equal or remove one`}
		}
	}
	if e.version != "" {
		if !versionPattern.MatchString(e.version) {
			return &flaw{n.member("version").at, `"version" is not usable: want 1 to 128 of A-Z a-z 0-9 . _ : -`}
		}
		return nil
	}
	kid := e.kid
	if kid == "" {
		kid = inner
	}
	switch {
	case kid == "":
		return &flaw{n.at, `names neither "kid" nor "version": add one, so that the key can be told from others`}
	case strings.Contains(kid, "~"):
		return &flaw{n.at, `has a kid with "~" and no "version": add a version without it, since keyturn marks changed material with "~"`}
	}
	return nil
}

var versionPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// material parses the key and gives it its kid.
func (n node) material(e entry, rule watcher.KIDRule) (auth.Key, error) {
	var found []string
	for _, name := range []string{"secret", "jwk", "pem"} {
		if n.member(name) != nil {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return auth.Key{}, &flaw{n.at, `holds no material: add "secret" (base64url), "jwk" or "pem"`}
	case 1:
	default:
		return auth.Key{}, &flaw{n.member(found[1]).at, fmt.Sprintf("holds %q and %q: keep the one that is the key", found[0], found[1])}
	}
	at := n.member(found[0]).at
	key, err := e.open(found[0])
	if err == nil && e.alg != "" && key.Algorithm() != e.alg {
		// A JWK may name another algorithm than the entry does.
		return auth.Key{}, &flaw{n.member("alg").at, fmt.Sprintf(`"alg" differs from the jwk's, which is %s: make them equal or remove one`, key.Algorithm())}
	}
	if err == nil && e.version != "" {
		if _, shown := key.WithKID(e.version); shown != nil {
			return auth.Key{}, &flaw{n.member("version").at, `"version" shows the material or a digest of it: give it another, and rotate the key, for versions are public`}
		}
	}
	if err == nil {
		key, err = key.WithKID(e.kidOf(key, rule))
	}
	if err != nil {
		return auth.Key{}, &flaw{at, fmt.Sprintf("%q: %v", found[0], err)}
	}
	return key, nil
}

// open parses the material, under the kid that it names itself, if any.
func (e entry) open(form string) (auth.Key, error) {
	switch form {
	case "secret":
		if e.alg == "" {
			return auth.Key{}, fmt.Errorf(`its algorithm is not named: add "alg":"HS256"`)
		}
		secret, err := base64.RawURLEncoding.Strict().DecodeString(e.secret)
		if err != nil || strings.ContainsAny(e.secret, "\r\n") { // the decoder skips line ends
			return auth.Key{}, fmt.Errorf("is not base64url without padding: replace + by -, / by _, and remove = and line ends")
		}
		return auth.NewHMAC("", e.alg, secret)
	case "jwk":
		return one(e.jwk, auth.FormJWK, e.alg)
	default:
		return one([]byte(e.pem), auth.FormPEM, e.alg)
	}
}

func one(data []byte, form, alg string) (auth.Key, error) {
	p, err := auth.ParseKeys(data, auth.ParseOptions{Algorithm: alg})
	switch {
	case err != nil:
		return auth.Key{}, err
	case p.Form != form:
		return auth.Key{}, fmt.Errorf("is not a %s", form)
	case len(p.Keys) != 1:
		return auth.Key{}, fmt.Errorf("holds %d keys: want one an entry", len(p.Keys))
	}
	return p.Keys[0], nil
}

// kidOf returns the kid that the entry's key has in tokens.
func (e entry) kidOf(key auth.Key, rule watcher.KIDRule) string {
	switch {
	case e.kid != "":
		return e.kid
	case e.jwk != nil && key.KID() != "" && jwkNames(e.jwk):
		return key.KID()
	case rule.From == watcher.KIDVersion:
		return e.version
	case rule.From == watcher.KIDLiteral:
		return rule.Literal
	}
	return rotation.DeriveKID(e.version)
}

// jwkNames reports whether the JWK has a kid of its own: a parser may give a
// public key without one its thumbprint.
func jwkNames(jwk json.RawMessage) bool {
	var named struct {
		KID string `json:"kid"`
	}
	return json.Unmarshal(jwk, &named) == nil && named.KID != ""
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// suggest names the allowed member that a person may have meant.
func suggest(name string, allowed []string) string {
	for _, a := range allowed {
		if strings.EqualFold(a, name) || strings.HasPrefix(a, name) && name != "" || strings.HasPrefix(name, a) {
			return fmt.Sprintf("did you mean %q?", a)
		}
	}
	return "want " + strings.Join(allowed, ", ")
}
