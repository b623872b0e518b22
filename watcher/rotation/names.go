package rotation

import (
	"fmt"
	"regexp"
	"strings"
)

// Names on NATS.
const (
	Stream        = "KEYTURN"         // the JetStream stream of states
	LogPrefix     = "keyturn.rings."  // + ring: where states are appended
	StatePrefix   = "keyturn.state."  // + ring: where the stream republishes committed appends
	CanaryPrefix  = "keyturn.canary." // + ring: where verifiers are asked whether they verify a token of the signer; kept by no stream
	ClaimsPrefix  = "keyturn.claims." // + ring: where changes of a subject's permissions are told; kept by no stream
	BucketCensus  = "KEYTURN_census"  // KV: <ring>.<replica> → CensusRow
	BucketKeys    = "KEYTURN_verify"  // KV: <ring>.<instance> → VerifierRow
	BucketWatch   = "KEYTURN_watch"   // KV: <ring>.<instance> → WatcherRow
	BucketIssuers = "KEYTURN_issuers" // KV: <ring>.<instance> → IssuerRow
)

var ringName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// CheckRing returns an error unless name may name a ring: [a-z0-9][a-z0-9-]{0,62}.
func CheckRing(name string) error {
	if !ringName.MatchString(name) {
		return fmt.Errorf("ring name %.80q: want lower-case letters, digits and hyphens, at most 63, not starting with a hyphen", name)
	}
	return nil
}

// LogSubject returns the subject to which states of ring are appended.
func LogSubject(ring string) string { return LogPrefix + ring }

// StateSubject returns the subject on which committed states of ring are republished.
func StateSubject(ring string) string { return StatePrefix + ring }

// CanarySubject returns the subject on which verifiers of ring are asked whether
// they verify what its signer signs.
func CanarySubject(ring string) string { return CanaryPrefix + ring }

// ClaimsSubject returns the subject on which changes of permissions are told; see [ClaimsChange].
func ClaimsSubject(ring string) string { return ClaimsPrefix + ring }

// RowKey returns the key of one process's row in a KV bucket: <ring>.<instance>.
// Bytes of instance that a KV key can't hold, and the dot that would split it,
// stand as "=" and two hex digits, so that two instances never share a key.
func RowKey(ring, instance string) string {
	var b strings.Builder
	b.WriteString(ring)
	b.WriteByte('.')
	for _, c := range []byte(instance) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	if instance == "" {
		b.WriteByte('=')
	}
	return b.String()
}
