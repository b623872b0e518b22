package awsfake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The account and the home Region of everything here.
const (
	Account = "123456789012"
	Region  = "eu-central-1"
)

// Fake is one AWS account. Its methods may be called from any goroutine, from
// hooks and rotation functions too.
type Fake struct {
	URL string // of Secrets Manager and of SQS

	server  *httptest.Server
	closing context.Context
	close   context.CancelFunc
	lambdas sync.WaitGroup

	mu      sync.Mutex
	now     func() time.Time
	random  *mathrand.Rand
	secrets []*secret
	queues  []*Queue
	subs    []*subscription
	changed chan struct{} // closed and replaced whenever a message may have become visible

	lambda  map[string]LambdaFunc // by function ARN
	roles   map[string]*role
	grants  Grants
	without []string                   // Sids of statements that were forgotten
	used    map[string]map[string]bool // role → actions it was allowed
	faults  faults
	hooks   hooks
	journal []Call
}

// Start starts a fake that [Fake.Close] ends. Tests use [New].
func Start() *Fake {
	f := &Fake{
		now: time.Now, random: mathrand.New(mathrand.NewPCG(1, 2)), changed: make(chan struct{}),
		lambda: map[string]LambdaFunc{}, roles: roles(),
		used: map[string]map[string]bool{},
	}
	f.closing, f.close = context.WithCancel(context.Background())
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	f.URL = f.server.URL
	return f
}

// New starts a fake that ends with the test.
func New(t testing.TB) *Fake {
	t.Helper()
	f := Start()
	t.Cleanup(f.Close)
	return f
}

// Close ends the server, what waits on it, and the rotation functions.
func (f *Fake) Close() {
	f.close()
	f.lambdas.Wait()
	f.server.CloseClientConnections()
	f.server.Close()
}

// Clock replaces the clock: dates of secrets, the 24 hours of the purge,
// deletion windows, visibility of messages. The wait of a long poll and
// [Fake.Latency] stay in real time. Call [Fake.Nudge] when the clock has jumped.
func (f *Fake) Clock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
	f.nudge()
}

// Advance moves the clock forward, once and for good.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now
	f.now = func() time.Time { return now().Add(d) }
	f.nudge()
}

// Nudge lets waiting receivers look at the clock again.
func (f *Fake) Nudge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nudge()
}

func (f *Fake) nudge() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Env is the environment of a child process that shall use this account as a
// role ([Admin], [Watch], [Rotate]), as NAME=value. It shuts out the files and
// the metadata service of the machine.
func (f *Fake) Env(role string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + f.URL,
		"AWS_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + accessKey(role),
		"AWS_SECRET_ACCESS_KEY=not-verified",
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Config is the SDK's configuration for a client in this process. Set Region to
// look at a replica.
func (f *Fake) Config(role string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(f.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey(role), "not-verified", ""),
		HTTPClient:   f.server.Client(),
	}
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const suffixLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newSuffix is the six random characters that end the ARN of each new secret.
func newSuffix() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = suffixLetters[int(b[i])%len(suffixLetters)]
	}
	return string(b)
}

func newHandle() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
