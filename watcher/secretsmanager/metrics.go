package secretsmanager

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of all stores of a registry; each series has the label "ring".
type metrics struct {
	describes *prometheus.CounterVec // ring, result
	gets      *prometheus.CounterVec // ring, result
	errors    *prometheus.CounterVec // ring, class
	orphaned  *prometheus.GaugeVec   // ring
}

// newMetrics returns the metrics that reg has, made at the first call for it.
// nil: metrics that nobody sees.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	r := registrar{reg: reg}
	m := &metrics{
		describes: r.counter("keyturn_secretsmanager_describes_total", "Calls of DescribeSecret, by result: fine, stale, failed.", "ring", "result"),
		gets:      r.counter("keyturn_secretsmanager_gets_total", "Calls of GetSecretValue, by result: fine, unusable, or the class of the error.", "ring", "result"),
		errors:    r.counter("keyturn_secretsmanager_errors_total", "Failed calls of Secrets Manager, by what they mean.", "ring", "class"),
		orphaned:  r.gauge("keyturn_secretsmanager_orphaned_keys", "Live keys whose version can't be read any more.", "ring"),
	}
	return m, r.err
}

// registrar registers metrics, or finds those of an earlier store.
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
