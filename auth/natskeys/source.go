package natskeys

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// feed brings states of the log; see [natsfeed.Feed].
type feed interface {
	Run(ctx context.Context) error
	Refresh(ctx context.Context, ring string) (rotation.State, error)
}

// subscriber is [nats.Conn.ChanSubscribe].
type subscriber func(subject string, to chan *nats.Msg) (*nats.Subscription, error)

// Source keeps the keyring of one ring fed. Its methods are safe for
// concurrent use.
type Source struct {
	config    Config
	keyring   *auth.Keyring
	knowledge *knowledge
	feed      feed
	subscribe subscriber
	metrics   *metrics
	outlives  *outliving

	toFetch  chan struct{} // capacity 1: see knowledge.wake
	toReport chan struct{} // capacity 1: likewise
}

// logPatience is how long New waits for a log that does not answer before it
// starts from the labels: a NATS server that starts together with this process
// should not make it begin with half the truth.
const logPatience = 3 * time.Second

// New returns a source whose keyring holds the current key of the ring; it
// waits for that until ctx ends, and then says what was missing. The context
// bounds only the wait. The keyring is not fed until [Source.Run] runs, except
// by tokens of kids it does not know.
func New(ctx context.Context, c Config) (*Source, error) {
	c, err := c.normal()
	if err != nil {
		return nil, err
	}
	return start(ctx, c, func(apply func(rotation.State), live func(string, bool)) feed {
		return natsfeed.New(c.Conn, natsfeed.Config{Rings: []string{c.Ring}, Apply: apply, Live: live, Logger: c.Logger})
	}, c.Conn.ChanSubscribe)
}

func start(ctx context.Context, c Config, follow func(apply func(rotation.State), live func(string, bool)) feed, subscribe subscriber) (*Source, error) {
	s := &Source{
		config: c, subscribe: subscribe, outlives: newOutliving(c.TokenLifetime),
		toFetch: make(chan struct{}, 1), toReport: make(chan struct{}, 1),
	}
	s.metrics = newMetrics(c.Registerer, c.Ring, s)
	k := c.Keyring
	k.Look, k.Observe = s.look, s.observe
	s.keyring = auth.NewKeyring(k)
	s.knowledge = newKnowledge(c, s.keyring, s.toFetch, s.toReport)
	s.feed = follow(s.knowledge.adopt, func(_ string, live bool) { s.knowledge.setLive(live) })
	if err := s.metrics.register(); err != nil {
		return nil, fmt.Errorf("keys of ring %s: %w", c.Ring, err)
	}
	if err := s.prime(ctx); err != nil {
		s.metrics.unregister()
		return nil, fmt.Errorf("keys of ring %s: %w", c.Ring, err)
	}
	return s, nil
}

// prime reads log, labels and values until the keyring is usable.
func (s *Source) prime(ctx context.Context) error {
	started := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		logErr := s.readLog(ctx)
		if _, labels := s.knowledge.state(); labels && (logErr == nil || time.Since(started) >= logPatience) {
			if logErr != nil {
				s.config.Logger.Warn("log can't be read, starting from the store's labels", zap.Error(logErr))
			}
			_ = s.readLabels(ctx) // its error is kept, for why and the row
		}
		s.fetch(ctx, s.knowledge.wants("", false, time.Now()))
		if s.knowledge.usable() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not usable: %w (%w)", s.knowledge.why(), context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// Run follows the log, fetches values, polls labels where they have to stand
// in, reports, and judges canaries, until ctx ends; then it takes its row back and returns nil.
// It returns an error where the connection to NATS was closed. It is called once.
func (s *Source) Run(ctx context.Context) error {
	defer s.metrics.unregister()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.feed.Run(ctx) })
	g.Go(func() error { return s.fetchLoop(ctx) })
	g.Go(func() error { return s.labelLoop(ctx) })
	g.Go(func() error { return s.reportLoop(ctx) })
	g.Go(func() error { return s.outliveLoop(ctx) })
	g.Go(func() error { return s.canaryLoop(ctx) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("keys of ring %s: %w", s.config.Ring, err)
	}
	return nil
}

// Keyring returns the keyring, the same all the time.
func (s *Source) Keyring() *auth.Keyring { return s.keyring }

// State returns the newest state known: of the log or, until the log has
// spoken, what the labels amount to, under a rev that nobody else knows.
func (s *Source) State() rotation.State {
	state, _ := s.knowledge.state()
	return state
}

// Status is how a source fares.
type Status struct {
	Row    rotation.VerifierRow // what it reports
	Labels bool                 // the log has not spoken yet: the state is made of labels
	Live   bool                 // pushes of the log can be relied upon
}

// Status returns how the source fares at this moment.
func (s *Source) Status() Status {
	row := s.row(time.Now())
	s.knowledge.mu.Lock()
	defer s.knowledge.mu.Unlock()
	return Status{Row: row, Labels: s.knowledge.now.labels, Live: s.knowledge.live}
}
