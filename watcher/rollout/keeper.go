package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

const (
	keepEvery  = time.Second      // how soon a new head is noticed; it costs nothing but a glance at memory
	againFirst = time.Second      // pause after a failure; doubles
	againLast  = 10 * time.Minute // up to this
	tidyGrace  = 5 * time.Minute  // how long tidying may fail before it is an alarm: another daemon may do it
	resumeMay  = 3                // so many failures in a row to end a turn are no alarm: another daemon may have been at it

	// MaxResume is how old a turn may be that a restart ends. Whoever asked for
	// an older one has long seen to it otherwise, or forgotten.
	MaxResume = 24 * time.Hour
)

// Codes of the alarms of a [Keeper].
const (
	alarmResume = "turn_unfinished" // a turn was cut off and can't be ended
	alarmTidy   = "tidy_failed"     // what turns left in the store can't be taken away
)

// KeeperConfig says what a [Keeper] works with.
type KeeperConfig struct {
	Deps
	Logger     *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: metrics are not exposed
}

// Keeper ends what turns left behind in a store: a turn that somebody asked
// for and a crash cut off is resumed ([Resumer]), and marks that no key needs
// any more are taken away ([Tidier]). A store that is neither leaves it
// nothing to do. Any number of Keepers of a ring may run, beside rotations that
// people run: what they do is done once, whoever does it. A compromise that
// was cut off is the watcher's to end ([Finisher]).
type Keeper struct {
	c       KeeperConfig
	log     *zap.Logger
	failing *prometheus.GaugeVec // ring, what

	// Run's own.
	writable bool
	resume   errand
	tidy     errand

	mu     sync.Mutex
	alarms map[string]rotation.Alarm // code → alarm
}

// errand is something that is tried until it works.
type errand struct {
	head  int64     // rev of the head that it was done for; 0: not yet
	at    time.Time // not before this
	fails int       // in a row
	since time.Time // of the first of them
	text  string    // what the last one said
}

// NewKeeper returns a Keeper, or says what is wrong with c.
func NewKeeper(c KeeperConfig) (*Keeper, error) {
	if c.Store == nil || c.Watcher == nil || c.Verifiers == nil {
		return nil, fmt.Errorf("keeper of ring %s: it needs a store, a watcher and the verifiers' rows", c.Ring)
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	k := &Keeper{c: c, log: c.Logger.With(zap.String("ring", c.Ring)), alarms: map[string]rotation.Alarm{}}
	k.failing = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "keyturn_keeper_failing", Help: "1 while what turns left in the store can't be ended, by what: resume, tidy.",
	}, []string{"ring", "what"})
	if c.Registerer == nil {
		return k, nil
	}
	err := c.Registerer.Register(k.failing)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if same, ok := already.ExistingCollector.(*prometheus.GaugeVec); ok {
			k.failing, err = same, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keeper of ring %s: register metrics: %w", c.Ring, err)
	}
	return k, nil
}

// Run keeps the store until ctx ends, and returns nil. It is called once.
func (k *Keeper) Run(ctx context.Context) error {
	resumer, _ := k.c.Store.(Resumer)
	tidier, _ := k.c.Store.(Tidier)
	if resumer == nil && tidier == nil {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		k.keep(ctx, resumer, tidier)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Alarms returns what a person should see to.
func (k *Keeper) Alarms() []rotation.Alarm {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []rotation.Alarm
	for _, code := range []string{alarmResume, alarmTidy} {
		if a, ok := k.alarms[code]; ok {
			out = append(out, a)
		}
	}
	return out
}

// keep does what is due.
func (k *Keeper) keep(ctx context.Context, resumer Resumer, tidier Tidier) {
	head := k.c.Watcher.Status().Head
	if k.c.Store.Writable() != nil {
		k.writable = false
		return
	}
	if head.IsZero() || head.Deleted {
		return
	}
	if !k.writable { // at the start too
		k.writable, k.resume, k.tidy = true, errand{}, errand{}
	}
	// A compromise is the watcher's to end, and goes first.
	if resumer != nil && len(head.Revoke) == 0 && k.resume.due(head, k.standing(alarmResume)) {
		k.resumed(k.resumeTurn(ctx, resumer), head)
	}
	if ctx.Err() != nil {
		return
	}
	head = k.c.Watcher.Status().Head
	if tidier != nil && k.tidy.due(head, true) {
		err := tidier.Tidy(ctx, head)
		if ctx.Err() != nil {
			return
		}
		k.tidied(err, head)
	}
}

// due reports whether it is time to try. again says that a new head asks for it anew.
func (e errand) due(head rotation.State, again bool) bool {
	return (e.head == 0 || again && e.head != head.Rev) && !time.Now().Before(e.at)
}

// done follows an attempt. first says that nobody has been told of this error yet.
func (e errand) done(err error, head rotation.State) (next errand, first bool) {
	if err == nil {
		return errand{head: head.Rev}, false
	}
	now := time.Now()
	next = errand{at: now.Add(min(againFirst<<min(e.fails, 10), againLast)), fails: e.fails + 1, since: e.since, text: err.Error()}
	if e.fails == 0 {
		next.since = now
	}
	return next, e.text != next.text
}

// errAbandoned says that a turn is too old to be ended without being asked.
var errAbandoned = errors.New("too old to be ended unasked")

// resumeTurn ends a turn that was cut off, if there is one.
func (k *Keeper) resumeTurn(ctx context.Context, r Resumer) error {
	version, since, err := r.Unfinished(ctx)
	if err != nil || version == "" {
		return err
	}
	head, err := k.c.Watcher.Look(ctx, rotation.ByOps, "")
	if err != nil {
		return err
	}
	to, from := rotation.Key{}, rotation.Key{}
	for _, key := range head.Keys {
		switch {
		case key.Stage == rotation.Pending && key.Version == version && to.Name == "":
			to = key
		case key.Stage == rotation.Current:
			from = key
		}
	}
	switch {
	case from.Version == version: // somebody else was faster
		return nil
	case to.Name == "" || from.Name == "":
		return fmt.Errorf("a turn to version %s was cut off, and the log does not know it as pending: %s", version, alarms(k.c.Watcher.Status()))
	case time.Since(since) > MaxResume:
		return fmt.Errorf("a turn to key %s was asked for at %s and never ended, %w: end it with keyturn rotate %s, or take the pending key out of the store",
			to.Name, since.UTC().Format(time.RFC3339), errAbandoned, k.c.Ring)
	}
	k.log.Warn("a turn was cut off, ending it", zap.String("key", from.Name), zap.String("to", to.Name))
	result, err := Rotate(ctx, k.c.Deps, Request{Key: from.Name, Pending: to.Name}, func(s Step) {
		k.log.Info("turn", zap.String("step", s.Name), zap.String("detail", s.Detail))
	})
	if err != nil && !result.Turned {
		// Whoever else ends it may have been faster at any step.
		if now, live := k.c.Watcher.Status().Head.Key(to.Name); live && now.Stage != rotation.Pending {
			return nil
		}
		return err
	}
	return nil
}

func (k *Keeper) resumed(err error, head rotation.State) {
	var first bool
	k.resume, first = k.resume.done(err, head)
	if err == nil {
		k.clear(alarmResume, "resume")
		return
	}
	if first {
		k.log.Warn("a turn that was cut off is not ended yet", zap.Error(err))
	}
	if k.resume.fails > resumeMay || errors.Is(err, errAbandoned) {
		k.raise(alarmResume, "resume", err.Error())
	}
}

func (k *Keeper) tidied(err error, head rotation.State) {
	var first bool
	k.tidy, first = k.tidy.done(err, head)
	if err == nil {
		k.clear(alarmTidy, "tidy")
		return
	}
	if first {
		k.log.Warn("what turns left in the store is not taken away yet", zap.Error(err))
	}
	if time.Since(k.tidy.since) >= tidyGrace {
		k.raise(alarmTidy, "tidy", "what turns left in the store can't be taken away: "+err.Error())
	}
}

func (k *Keeper) standing(code string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, stands := k.alarms[code]
	return stands
}

func (k *Keeper) raise(code, what, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alarms[code] = rotation.Alarm{Code: code, Text: text}
	k.failing.WithLabelValues(k.c.Ring, what).Set(1)
}

func (k *Keeper) clear(code, what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.alarms, code)
	k.failing.WithLabelValues(k.c.Ring, what).Set(0)
}
