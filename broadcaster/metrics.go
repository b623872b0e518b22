package broadcaster

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a hub. Labels take values from small fixed sets: rings, close
// codes, codes of refusals.
type metrics struct {
	upgrades *prometheus.CounterVec // ring
	events   *prometheus.CounterVec // ring
	welcomes *prometheus.CounterVec // ring
	refusals *prometheus.CounterVec // ring, code: of error frames
	closes   *prometheus.CounterVec // ring, reason: names of close codes, by_client
	refused  *prometheus.CounterVec // code: of HTTP problems
	slow     prometheus.Counter
	claims   *prometheus.CounterVec   // ring
	pushes   *prometheus.HistogramVec // ring; seconds
}

func newMetrics(h *Hub, reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "keyturn", Subsystem: "hub", Name: name, Help: help,
		}, labels)
	}
	m := &metrics{
		upgrades: counter("upgrades_total", "Connections made.", "ring"),
		events:   counter("event_streams_total", "Connections made as server-sent events, by clients that got no WebSocket.", "ring"),
		welcomes: counter("welcomes_total", "Tokens accepted.", "ring"),
		refusals: counter("refusals_total", "Error frames sent, by their code.", "ring", "code"),
		closes:   counter("closes_total", "Close frames sent, by their reason.", "ring", "reason"),
		refused:  counter("handshakes_refused_total", "Handshakes refused, by the code of the problem.", "code"),
		claims:   counter("claims_told_total", "Connections told that the permissions of their subject changed.", "ring"),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "keyturn", Subsystem: "hub", Name: "slow_total",
			Help: "Connections ended because they could not be written for two seconds.",
		}),
		pushes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "keyturn", Subsystem: "hub", Name: "push_seconds",
			Help:    "Time to write a state to every connection of its ring.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 12),
		}, []string{"ring"}),
	}
	if reg == nil {
		return m, nil
	}
	all := []prometheus.Collector{m.upgrades, m.events, m.welcomes, m.refusals, m.closes, m.refused, m.slow, m.claims, m.pushes}
	for name, r := range h.rings {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "keyturn", Subsystem: "hub", Name: "connections",
			Help: "Live connections.", ConstLabels: prometheus.Labels{"ring": name},
		}, func() float64 { return float64(r.count.Load()) }))
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
