package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Hub holds the connections of its rings. All methods are safe for concurrent use.
type Hub struct {
	config    Config
	log       *zap.Logger
	metrics   *metrics
	origins   origins
	admission *admission
	addresses *addresses
	upgrader  *websocket.Upgrader

	rings   map[string]*ring // name → ring; never changed after New
	only    *ring            // the ring of requests that name none; nil: there are several
	nowhere *ring            // takes connections whose ring is missing, to tell them so
	epoch   time.Time        // begin of the hub's clock
	seed    maphash.Seed     // of the digests that tell subjects apart

	changed  chan struct{} // capacity 1: wake-ups coalesce
	dirty    atomic.Bool   // the census changed and nobody was told
	signaled atomic.Int64  // when somebody was told, on the hub's clock

	jobs      chan *job // closed when no session is left
	jobPool   sync.Pool
	looks     chan struct{}
	looking   sync.WaitGroup
	noWait    context.Context // has ended
	mayWait   context.Context // ends when all connections are closed
	stopLooks context.CancelFunc
	lane      lane
	sessions  sync.WaitGroup // readers
	emptied   chan struct{}  // capacity 1: the last connection left
	closing   atomic.Bool    // closeAll has begun

	mu       sync.Mutex
	running  bool
	stopping bool // no new connections
	total    int  // connections, those in their handshake included
}

// New returns a hub that knows no state yet. Its rings' states count as live
// until [Hub.SetLive] says otherwise.
func New(c Config) (*Hub, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	allowed, err := parseOrigins(c.Origins)
	if err != nil {
		return nil, fmt.Errorf("configure hub: %w", err)
	}
	h := &Hub{
		config: c, log: c.Logger, origins: allowed, upgrader: newUpgrader(), seed: maphash.MakeSeed(),
		rings: make(map[string]*ring, len(c.Rings)), epoch: time.Now(),
		changed: make(chan struct{}, 1), emptied: make(chan struct{}, 1),
		jobs: make(chan *job, jobsAhead), looks: make(chan struct{}, maxLooks),
	}
	h.signaled.Store(-signalEvery.Milliseconds())
	h.admission, h.addresses = newAdmission(c)
	h.mayWait, h.stopLooks = context.WithCancel(context.Background())
	ended, end := context.WithCancel(context.Background())
	end()
	h.noWait = ended
	slots := int(c.Beacon / tick)
	for _, r := range c.Rings {
		h.rings[r.Name] = newRing(h, r, slots)
	}
	if len(c.Rings) == 1 {
		h.only = h.rings[c.Rings[0].Name]
	}
	h.nowhere = newRing(h, Ring{}, slots)
	if h.metrics, err = newMetrics(h, c.Registerer); err != nil {
		return nil, fmt.Errorf("configure hub: register metrics: %w", err)
	}
	return h, nil
}

// Run does the hub's work: beacons, pushes, deadlines, verification. When ctx
// ends it takes no more connections, closes those there are with 1012 and
// returns nil when they have ended, which takes at most a few seconds. It may
// be called once.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	if h.running {
		h.mu.Unlock()
		return errors.New("run hub: it has been run before: make a new one")
	}
	h.running = true
	h.mu.Unlock()

	stop := make(chan struct{})
	over := make(chan struct{}, 1) // capacity 1: storms that end meanwhile are settled together
	var helpers sync.WaitGroup
	helpers.Go(func() { defer close(over); h.turn(stop, over) })
	helpers.Go(func() { settle(over) })
	for _, r := range h.rings {
		helpers.Go(func() { r.pushes(stop) })
		helpers.Go(func() { r.tellClaims(stop) })
	}
	for range runtime.GOMAXPROCS(0) {
		helpers.Go(h.work)
	}
	<-ctx.Done()
	h.refuseNew()
	h.closeAll()
	h.sessions.Wait()
	h.looking.Wait()
	h.lane.done.Wait()
	close(h.jobs)
	close(stop)
	helpers.Wait()
	return nil
}

// turn turns the wheels, a slot a second, until stop is closed. Seconds that
// were missed are made up for. It tells over when a storm of connections has
// ended.
func (h *Hub) turn(stop <-chan struct{}, over chan<- struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var v visitor
	var c calm
	done := h.clock() / 1000
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := h.clock() / 1000
		done = max(done, now-int64(h.config.Beacon/tick)) // once round is enough
		for done < now {
			done++
			h.nowhere.tick(done, &v)
			for _, r := range h.rings {
				r.tick(done, &v)
			}
		}
		if h.dirty.Load() {
			h.signal(h.clock())
		}
		if c.tick(h.connections()) {
			select {
			case over <- struct{}{}:
			default:
			}
		}
	}
}

// Apply makes s the state of its ring, unless a state of the same or a
// greater rev is known, and has it pushed to every connection. It does not
// wait for them. Connections under a key that is gone are told and closed. A
// state of a ring that the hub does not have is ignored.
func (h *Hub) Apply(s rotation.State) {
	r := h.rings[s.Ring]
	if r == nil {
		return
	}
	newer, err := r.apply(s, time.Now())
	if err != nil {
		h.log.Error("state not pushed", zap.String("ring", s.Ring), zap.Int64("rev", s.Rev), zap.Error(err))
		return
	}
	if !newer {
		return
	}
	h.log.Debug("state applied", zap.String("ring", s.Ring), zap.Int64("rev", s.Rev))
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// SetLive says whether the ring's state is known to be up to date. The next
// beacons carry it; nothing is pushed, so that the loss of NATS causes no storm.
func (h *Hub) SetLive(ring string, live bool) {
	if r := h.rings[ring]; r != nil && r.setLive(live, time.Now()) {
		h.log.Info("liveness changed", zap.String("ring", ring), zap.Bool("live", live))
	}
}

// ring returns the ring that a request names; nowhere if there is no such ring.
func (h *Hub) ring(name string) *ring {
	if r := h.rings[name]; r != nil {
		return r
	}
	if name == "" && h.only != nil {
		return h.only
	}
	return h.nowhere
}

// clock is the hub's own clock: milliseconds since it was made, monotonic.
func (h *Hub) clock() int64 { return time.Since(h.epoch).Milliseconds() }

// newID names a session: unlike any other of the hub, and nothing to guess at.
func newID() uint64 { return rand.Uint64() }

// admit takes one connection's place.
func (h *Hub) admit(exempt bool) *problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.stopping:
		return problemStopping
	case h.admission.most >= 0 && h.total >= h.admission.most:
		return problemFull
	case !exempt && h.admission.rate != nil && !h.admission.rate.Allow():
		return problemRate
	}
	h.total++
	h.sessions.Add(1)
	return nil
}

// release gives a connection's place back.
func (h *Hub) release() {
	h.mu.Lock()
	h.total--
	last := h.total == 0
	h.mu.Unlock()
	h.sessions.Done()
	if last {
		select {
		case h.emptied <- struct{}{}:
		default:
		}
	}
}

// refuseNew lets nobody in from now on.
func (h *Hub) refuseNew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
}

// start begins a session after its handshake; whoever starts it reads from then on.
func (h *Hub) start(s *session) {
	r := s.ring
	s.fd = descriptor(s.Conn)
	s.open = true
	s.until = h.clock() + authDeadline.Milliseconds()
	r.count.Add(1)
	s.slot().join(s)
	h.metrics.upgrades.WithLabelValues(r.name).Inc()
	switch {
	case r == h.nowhere:
		s.close(closeBadRequest, nil)
	case r.verify == nil:
		s.push()
	default:
		s.mu.Lock()
		s.attendLocked()
		s.mu.Unlock()
	}
	h.note()
	if h.closing.Load() { // closeAll may have missed this session
		s.close(closeServiceRestart, nil)
	}
}

// leave forgets a session; its connection has ended or ends now.
func (h *Hub) leave(s *session) {
	s.mu.Lock()
	s.killLocked()
	waiting := s.key == nil && s.ring.verify != nil
	s.mu.Unlock()
	s.slot().leave(s)
	s.ring.count.Add(-1)
	h.addresses.leave(s.address, waiting)
	h.note()
	h.release()
}

// visit calls do for every session of the ring, in parallel where there are many.
func (r *ring) visit(do func(*session)) {
	var next atomic.Int64
	work := func() {
		v := visitors.Get().(*visitor)
		defer visitors.Put(v)
		for i := next.Add(1) - 1; i < int64(len(r.slots)); i = next.Add(1) - 1 {
			v.batch = r.slots[i].copyMembers(v.batch[:0])
			for _, s := range v.batch {
				do(s)
			}
			clear(v.batch)
		}
	}
	var helpers sync.WaitGroup
	if r.count.Load() >= manySessions {
		for range min(runtime.GOMAXPROCS(0), len(r.slots)) - 1 {
			helpers.Go(work)
		}
	}
	work()
	helpers.Wait()
}

// manySessions are worth a goroutine for each processor.
const manySessions = 256

var visitors = sync.Pool{New: func() any { return new(visitor) }}

// pushes pushes the ring's newest state whenever there is one, until stop is closed.
func (r *ring) pushes(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-r.wake:
		}
		begin := time.Now()
		r.visit((*session).push)
		r.hub.metrics.pushes.WithLabelValues(r.name).Observe(time.Since(begin).Seconds())
		r.hub.note()
	}
}
