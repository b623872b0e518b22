package natslog

import (
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// repeatAfter is how long an error that keeps coming stays out of the log.
const repeatAfter = time.Minute

// witness tells log and metrics how a connection fares. Each outage is one
// line when it begins and one when it ends, however many attempts lie between.
type witness struct {
	log        *zap.Logger
	connected  prometheus.Gauge
	losses     prometheus.Counter
	authErrors prometheus.Counter

	mu       sync.Mutex
	lastText string
	lastAt   time.Time
}

func newWitness(log *zap.Logger, reg prometheus.Registerer) (*witness, error) {
	if log == nil {
		log = zap.NewNop()
	}
	w := &witness{
		log: log,
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyturn_nats_connected", Help: "1 while the connection to NATS is up.",
		}),
		losses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyturn_nats_disconnects_total", Help: "Times the connection to NATS was lost.",
		}),
		authErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyturn_nats_auth_errors_total", Help: "Times NATS refused the credentials of this process.",
		}),
	}
	if reg == nil {
		return w, nil
	}
	for _, m := range []prometheus.Collector{w.connected, w.losses, w.authErrors} {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *witness) options() []nats.Option {
	return []nats.Option{
		nats.ConnectHandler(func(nc *nats.Conn) { w.up(nc, "nats connected") }),
		nats.ReconnectHandler(func(nc *nats.Conn) { w.up(nc, "nats reconnected") }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			w.connected.Set(0)
			if err == nil {
				return // closed by its owner
			}
			w.losses.Inc()
			w.log.Warn("nats disconnected", zap.Error(err))
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { w.failed("nats can't be reached", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil && errors.Is(err, nats.ErrSlowConsumer) {
				w.failed("nats drops messages of "+sub.Subject, err)
				return
			}
			w.failed("nats error", err)
		}),
	}
}

func (w *witness) up(nc *nats.Conn, what string) {
	w.connected.Set(1)
	w.mu.Lock()
	w.lastText = ""
	w.mu.Unlock()
	url := nc.ConnectedUrlRedacted()
	if nc.Opts.InProcessServer != nil {
		url = "in process" // nats.go names an address that nobody listens on
	}
	w.log.Info(what, zap.String("nats_url", url), zap.String("nats_server", nc.ConnectedServerName()))
}

// failed counts err, and logs it unless it is the one that was logged last,
// less than repeatAfter ago.
func (w *witness) failed(what string, err error) {
	refused := isAuthError(err)
	if refused {
		w.authErrors.Inc()
		what = "nats refuses the credentials; they are read again at each attempt"
	}
	text, now := what+err.Error(), time.Now()
	w.mu.Lock()
	repeated := text == w.lastText && now.Sub(w.lastAt) < repeatAfter
	if !repeated {
		w.lastText, w.lastAt = text, now
	}
	w.mu.Unlock()
	if !repeated {
		w.log.Error(what, zap.Error(err))
	}
}

func isAuthError(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}
