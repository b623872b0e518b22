package watcher

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of all watchers of a registry; each series has the label "ring".
type metrics struct {
	looks     *prometheus.CounterVec // ring, result
	events    *prometheus.CounterVec // ring, type
	unhinted  *prometheus.CounterVec // ring
	conflicts *prometheus.CounterVec // ring
	logErrors *prometheus.CounterVec // ring
	alarms    *prometheus.GaugeVec   // ring, code
	raised    *prometheus.CounterVec // ring, code
	lookedAt  *prometheus.GaugeVec   // ring
	rev       *prometheus.GaugeVec   // ring
}

// newMetrics returns the metrics that reg has, made at the first call for it.
// nil: metrics that nobody sees.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	r := registrar{reg: reg}
	m := &metrics{
		looks:     r.counter("keyturn_watcher_looks_total", "Looks at the store, by result: changed, same, stale, withheld, confirm, store_error, log_error.", "ring", "result"),
		events:    r.counter("keyturn_watcher_events_total", "Events that this process appended to the log, by type.", "ring", "type"),
		unhinted:  r.counter("keyturn_watcher_unhinted_changes_total", "Changes that a poll found before a hint told of them, or that none told of.", "ring"),
		conflicts: r.counter("keyturn_watcher_conflicts_total", "Appends that came second to another watcher's.", "ring"),
		logErrors: r.counter("keyturn_watcher_log_errors_total", "Reads of and appends to the log that failed.", "ring"),
		alarms:    r.gauge("keyturn_watcher_alarms", "1 while an alarm stands.", "ring", "code"),
		raised:    r.counter("keyturn_watcher_alarms_raised_total", "Alarms that came up.", "ring", "code"),
		lookedAt:  r.gauge("keyturn_watcher_last_look_timestamp_seconds", "When the store was last looked at with success, in Unix seconds.", "ring"),
		rev:       r.gauge("keyturn_watcher_head_rev", "Rev of the newest state known.", "ring"),
	}
	return m, r.err
}

// registrar registers metrics, or finds those of an earlier watcher.
type registrar struct {
	reg prometheus.Registerer
	err error
}

func (r *registrar) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

func (r *registrar) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))
}

func register[C prometheus.Collector](r *registrar, c C) C {
	err := r.reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if same, ok := already.ExistingCollector.(C); ok {
			return same
		}
	}
	r.err = errors.Join(r.err, err)
	return c
}
