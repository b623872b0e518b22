package natsfeed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// readEvery is the pause between reads of the log when [Config.Every] does not say.
const readEvery = 10 * time.Second

// requestTimeout bounds each request to NATS.
const requestTimeout = 5 * time.Second

// maxPoll is the longest poll that is believed: three of them must not overflow.
const maxPoll = 366 * 24 * time.Hour

// Config says what a feed brings and to whom.
type Config struct {
	Rings []string
	// Apply gets each state that is newer than all before it of its ring. It
	// is called from Run's goroutine, one call at a time, and should return
	// quickly. May be nil.
	Apply func(rotation.State)
	// Live tells whether pushes of a ring can be relied upon: NATS is
	// connected and some watcher looked at the store lately. It is called on
	// each change and once at the start, from Run's goroutine. May be nil.
	Live func(ring string, live bool)
	// Claims is told whose permissions changed ([rotation.ClaimsChange]). Such
	// news are kept nowhere: none comes of the time before Run or without NATS.
	// It is called from the connection's goroutine and must not block. May be nil.
	Claims func(ring, subject string)
	// Every is the pause between reads of the log's heads; zero: 10 s.
	Every  time.Duration
	Logger *zap.Logger // nil: none
}

// Feed brings states from NATS. Its methods are safe for concurrent use.
type Feed struct {
	nc     *nats.Conn
	c      Config
	watch  *bucket
	board  *board
	synced chan struct{} // closed once every ring's head was read
	read   chan struct{} // capacity 1: read the heads now; more wishes are one
	heads  *heads
}

// New returns a feed over nc, which stays the caller's.
func New(nc *nats.Conn, c Config) *Feed {
	if c.Every <= 0 {
		c.Every = readEvery
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Apply == nil {
		c.Apply = func(rotation.State) {}
	}
	if c.Live == nil {
		c.Live = func(string, bool) {}
	}
	c.Rings = slices.Clone(c.Rings)
	f := &Feed{
		nc: nc, c: c,
		watch:  newBucket(nc, rotation.BucketWatch, 0),
		board:  newBoard(c.Rings),
		synced: make(chan struct{}),
		read:   make(chan struct{}, 1),
		heads:  &heads{nc: nc},
	}
	if len(c.Rings) == 0 {
		close(f.synced)
	}
	return f
}

// Run brings states until ctx ends, and then returns nil. It fails if nc is
// closed. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	status := f.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer f.nc.RemoveStatusListener(status)
	// Subscribed before the first read, so that an append falls into one or
	// the other, or both.
	sub, err := f.nc.Subscribe(rotation.StatePrefix+"*", f.pushed)
	if err != nil {
		return fmt.Errorf("feed: subscribe to %s*: %w", rotation.StatePrefix, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone, and the subscription with it
	if f.c.Claims != nil {
		news, err := f.nc.Subscribe(rotation.ClaimsPrefix+"*", f.changed)
		if err != nil {
			return fmt.Errorf("feed: subscribe to %s*: %w", rotation.ClaimsPrefix, err)
		}
		defer func() { _ = news.Unsubscribe() }() // as above
	}
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { f.readLoop(ctx) })
	defer reader.Wait()
	defer cancel()
	f.board.connected(f.nc.IsConnected())
	for {
		states, lives := f.board.news()
		for _, l := range lives {
			f.c.Live(l.ring, l.live)
		}
		for _, s := range states {
			f.c.Apply(s)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.board.wake:
		case s := <-status:
			f.board.connected(s == nats.CONNECTED)
			switch s {
			case nats.CONNECTED:
				f.readSoon()
			case nats.CLOSED:
				return errors.New("feed: the connection to NATS was closed")
			}
		}
	}
}

// Synced is closed once the head of each ring was read, or is known to be missing.
func (f *Feed) Synced() <-chan struct{} { return f.synced }

// Refresh reads the head of ring now and returns the newest state known of it,
// together with the error if the head could not be read. Apply gets a newer
// state too, but perhaps only after Refresh has returned.
func (f *Feed) Refresh(ctx context.Context, ring string) (rotation.State, error) {
	if !slices.Contains(f.c.Rings, ring) {
		return rotation.State{}, fmt.Errorf("feed: ring %.80q is not one of this feed", ring)
	}
	err := f.readHead(ctx, ring)
	return f.board.state(ring), err
}

// pushed takes a republished append. It runs on the connection's goroutine.
func (f *Feed) pushed(m *nats.Msg) {
	ring := strings.TrimPrefix(m.Subject, rotation.StatePrefix)
	if !slices.Contains(f.c.Rings, ring) {
		return
	}
	s, err := decode(ring, m.Data)
	if err != nil {
		f.c.Logger.Warn("push ignored", zap.String("ring", ring), zap.Error(err))
		return
	}
	f.board.offer(s)
}

// changed takes a change of permissions. It runs on the connection's goroutine.
func (f *Feed) changed(m *nats.Msg) {
	ring := strings.TrimPrefix(m.Subject, rotation.ClaimsPrefix)
	if !slices.Contains(f.c.Rings, ring) {
		return
	}
	c, err := rotation.DecodeClaimsChange(m.Data)
	if err != nil {
		f.c.Logger.Warn("change of permissions ignored", zap.String("ring", ring), zap.Error(err))
		return
	}
	f.c.Claims(ring, c.Subject)
}

// TellClaims tells every feed of the ring that what a subject may do has
// changed. It returns once the server has the news; who is not connected then
// misses them.
func TellClaims(ctx context.Context, nc *nats.Conn, ring, subject string) error {
	data, err := rotation.EncodeClaimsChange(rotation.ClaimsChange{Subject: subject})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := nc.Publish(rotation.ClaimsSubject(ring), data); err != nil {
		return fmt.Errorf("tell changed claims of ring %s: %w", ring, err)
	}
	if err := nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("tell changed claims of ring %s: %w", ring, err)
	}
	return nil
}

func (f *Feed) readSoon() {
	select {
	case f.read <- struct{}{}:
	default:
	}
}

// lookOut is the pause between reads while no watcher is known to look at some
// ring's store: browsers hold back their refreshes until one does.
const lookOut = time.Second

// readLoop reads heads and watchers' rows: at once, at every pause's end, and
// whenever it is asked to.
func (f *Feed) readLoop(ctx context.Context) {
	pause := time.NewTimer(f.c.Every)
	defer pause.Stop()
	missing := make(map[string]bool, len(f.c.Rings)) // rings whose head was never read
	for _, ring := range f.c.Rings {
		missing[ring] = true
	}
	failing := false
	for {
		// A dropped status event is made good here.
		f.board.connected(f.nc.IsConnected())
		var firstErr error
		for _, ring := range f.c.Rings {
			if err := f.readHead(ctx, ring); err != nil {
				firstErr = cmp.Or(firstErr, err)
			} else if delete(missing, ring); len(missing) == 0 {
				f.closeSynced()
			}
			if err := f.readLive(ctx, ring); err != nil {
				firstErr = cmp.Or(firstErr, err)
			}
		}
		if ctx.Err() == nil {
			f.report(&failing, firstErr)
		}
		if f.board.watchedAll() {
			pause.Reset(f.c.Every)
		} else {
			pause.Reset(min(f.c.Every, lookOut))
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		case <-f.read:
		}
	}
}

// report logs when reading begins to fail and when it works again.
func (f *Feed) report(failing *bool, err error) {
	switch {
	case err != nil && !*failing:
		f.c.Logger.Warn("log can't be read; the last states stay", zap.Error(err))
	case err == nil && *failing:
		f.c.Logger.Info("log can be read again")
	}
	*failing = err != nil
}

func (f *Feed) closeSynced() {
	select {
	case <-f.synced:
	default:
		close(f.synced) // only readLoop comes here
	}
}

func (f *Feed) readHead(ctx context.Context, ring string) error {
	data, err := f.heads.last(ctx, ring)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the head of ring %s: %w", ring, err)
	}
	s, err := decode(ring, data)
	if err != nil {
		// Nothing to be had from it: a watcher will append a good one.
		f.c.Logger.Warn("head ignored", zap.String("ring", ring), zap.Error(err))
		return nil
	}
	f.board.offer(s)
	return nil
}

func (f *Feed) readLive(ctx context.Context, ring string) error {
	over := f.board.connection()
	rows, err := list(ctx, f.watch, ring, watcherID)
	if err != nil {
		f.board.blind(ring, over, time.Now())
		return err
	}
	f.board.watched(ring, over, slices.ContainsFunc(rows, looks), time.Now())
	return nil
}

// looks reports whether the watcher that wrote the row looked at its store
// within three polls. Each difference is taken on one clock: watcher and
// reader need not agree on the time. The row itself may be as old as the pause
// between puts.
func looks(e entry[rotation.WatcherRow]) bool {
	row := e.row
	if row.LookedAt.IsZero() || row.Poll <= 0 || row.Poll > maxPoll {
		return false
	}
	return row.At.Sub(row.LookedAt) <= 3*row.Poll+rotation.RowEvery-e.age
}

func decode(ring string, data []byte) (rotation.State, error) {
	ev, err := rotation.DecodeEvent(data)
	if err != nil {
		return rotation.State{}, err
	}
	if ev.Data.Ring != ring {
		return rotation.State{}, fmt.Errorf("a state of ring %.80q where ring %s belongs", ev.Data.Ring, ring)
	}
	return ev.Data, nil
}
