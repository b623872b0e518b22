package secretsmanager

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Who turns the key; see [Config.RotateBy].
const (
	RotateByLambda  = "lambda"  // the secret's rotation function, at keyturn's word
	RotateByKeyturn = "keyturn" // keyturn, also where a rotation function is configured
)

// maxSecretID is the length of the longest name or ARN, in bytes
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html).
const maxSecretID = 2048

// Config of a [Store]. Ring and Client are needed.
type Config struct {
	Ring   string          // name of the ring
	KID    watcher.KIDRule // kid of versions that name none
	Client *awssm.Client   // credentials, Region, endpoint and retries are its own
	// Memory is a file, for this Store alone, that holds the ARN of the secret
	// last seen (mode 0600), so that a secret which was made anew under the same
	// name is known for another across a restart. Empty: the memory ends with the process.
	Memory string
	// RotateBy says who turns the key: "" keyturn, which refuses where a rotation
	// function owns the secret; [RotateByLambda]; [RotateByKeyturn].
	RotateBy   string
	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Store is one secret. All methods are safe for concurrent use.
type Store struct {
	id       string // name, ARN or partial ARN, as configured
	ring     string
	region   string // the client's
	kid      watcher.KIDRule
	rotateBy string
	client   *awssm.Client
	log      *zap.Logger
	m        *metrics
	memory   memory
	pepper   pepper
	pauses   []time.Duration // between the attempts of one look at a stale replica

	hints   chan struct{}         // capacity 1: what changed is asked of AWS, so one hint is as good as ten
	queue   atomic.Pointer[Queue] // that fills hints; nil: none does
	looking chan struct{}         // capacity 1: held while looking, so that looks learn in order

	mu           sync.Mutex
	remembered   identity      // of the secret last seen
	newest       view          // the newest answer that was believed; zero: none yet
	expectations []expectation // what an answer must show unless it is newer than they are
	missed       absence       // how long there has been no such secret
	cache        cache         // values by version
	alarms       alarms
}

// stalePauses are how long to wait for a replica that is behind, within one
// look; what lasts longer is the watcher's to wait for.
var stalePauses = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// Open makes a Store of the secret that is named by name, ARN, or the ARN
// without its last six characters. It calls nobody; a wrong configuration or an
// unreadable Memory is an error.
func Open(secretID string, c Config) (*Store, error) {
	if err := rotation.CheckRing(c.Ring); err != nil {
		return nil, err
	}
	if err := checkConfig(secretID, c); err != nil {
		return nil, fmt.Errorf("ring %s: %w", c.Ring, err)
	}
	log := c.Logger
	if log == nil {
		log = zap.NewNop()
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("ring %s: register metrics of the secret: %w", c.Ring, err)
	}
	s := &Store{
		id: secretID, ring: c.Ring, region: c.Client.Options().Region, kid: c.KID, rotateBy: c.RotateBy,
		client: c.Client, log: log.With(zap.String("ring", c.Ring), zap.String("secret", secretID)), m: m,
		memory: memory(c.Memory), pepper: newPepper(), pauses: stalePauses,
		hints: make(chan struct{}, 1), looking: make(chan struct{}, 1),
		cache: newCache(),
	}
	if s.remembered, err = s.memory.load(); err != nil {
		return nil, fmt.Errorf("ring %s: %w", c.Ring, err)
	}
	return s, nil
}

func checkConfig(secretID string, c Config) error {
	if err := c.KID.Check(); err != nil {
		return err
	}
	switch {
	case c.Client == nil:
		return errors.New("the secret has no client of Secrets Manager")
	case secretID == "":
		return errors.New("the secret has no name: set secret to its name or ARN")
	case len(secretID) > maxSecretID || strings.ContainsFunc(secretID, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("secret %.80q is neither a name nor an ARN: want at most %d of the characters that AWS allows", secretID, maxSecretID)
	case c.RotateBy != "" && c.RotateBy != RotateByLambda && c.RotateBy != RotateByKeyturn:
		return fmt.Errorf("rotateBy %.40q is unknown: want %s or %s, or leave it out", c.RotateBy, RotateByKeyturn, RotateByLambda)
	}
	region := c.Client.Options().Region
	if region == "" {
		return errors.New("no AWS Region is known: set AWS_REGION, or a region in the profile")
	}
	if !strings.HasPrefix(secretID, "arn:") {
		return nil
	}
	parsed, err := arn.Parse(secretID)
	switch {
	case err != nil || parsed.Service != "secretsmanager" || !strings.HasPrefix(parsed.Resource, "secret:"):
		return fmt.Errorf("secret %.200q is not the ARN of a secret: copy it from aws secretsmanager describe-secret", secretID)
	case parsed.Region != region:
		return fmt.Errorf("secret %.200q is in Region %s, and this process asks in %s: set AWS_REGION=%s, or name the replica in %s", secretID, parsed.Region, region, parsed.Region, region)
	}
	return nil
}

// Writable returns nil where keyturn may turn the key of the secret, or why it
// may not, going by the last answer of AWS. What the policies of the role allow
// only a call can tell.
func (s *Store) Writable() error {
	s.mu.Lock()
	v := s.newest
	s.mu.Unlock()
	switch {
	case v.arn == "":
		return fmt.Errorf("secret %s was not seen yet: look first", s.id)
	case !v.deleted.IsZero():
		return fmt.Errorf("secret %s is %s", s.id, remedies[classDeleted])
	case v.primaryRegion != "" && v.primaryRegion != s.region:
		return fmt.Errorf("secret %s is a replica in %s of the secret in %s: turn the key there", s.id, s.region, v.primaryRegion)
	case v.owner != "":
		return fmt.Errorf("secret %s is managed by the AWS service %s: let that turn the key, or use a secret of your own", s.id, v.owner)
	case v.rotates && s.rotateBy == "":
		return fmt.Errorf("secret %s is rotated by the function %s: let keyturn start that with rotateBy: lambda, or say rotateBy: keyturn and switch its schedule off", s.id, v.lambda)
	case v.lambda == "" && s.rotateBy == RotateByLambda:
		return fmt.Errorf("secret %s has no rotation function, and rotateBy says lambda: configure one, or drop rotateBy", s.id)
	}
	return nil
}

// pepper is the key of the prints: it never leaves the process. It is behind a
// function because package fmt prints the fields of a struct, and of a function
// only its address.
type pepper func() []byte

// print compares the material of keys inside this process.
func (p pepper) print(k auth.Key) rotation.Print {
	return rotation.Print(base64.RawStdEncoding.EncodeToString(k.Fingerprint(p())))
}

func (p pepper) printed(k auth.Key) printed {
	print := p.print(k)
	return printed{k.KID(), k.Algorithm(), func() rotation.Print { return print }}
}

func newPepper() pepper {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see its documentation
	return func() []byte { return b }
}

// nudge fills a channel of capacity 1; hints coalesce.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
