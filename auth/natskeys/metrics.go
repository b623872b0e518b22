package natskeys

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/auth"
)

// metrics of one source; its methods work on a source without a registry, too.
type metrics struct {
	registerer prometheus.Registerer
	source     *Source
	keys       *prometheus.Desc
	missing    *prometheus.Desc
	results    map[string]prometheus.Counter // code, or "ok" → its counter
	verify     *prometheus.CounterVec
}

// results are all outcomes of a verification: made beforehand, so that counting
// on the path of every request is one atomic addition.
var results = []string{
	"ok", auth.CodeTokenMalformed, auth.CodeTokenExpired, auth.CodeTokenNotYetValid, auth.CodeKIDUnknown, auth.CodeKeyRetired,
	auth.CodeKeyRevoked, auth.CodeSignatureInvalid, auth.CodeAudienceInvalid, auth.CodeIssuerInvalid, auth.CodeUnavailable,
}

func newMetrics(r prometheus.Registerer, ring string, s *Source) *metrics {
	labels := prometheus.Labels{"ring": ring}
	m := &metrics{
		registerer: r, source: s,
		keys:    prometheus.NewDesc("keyturn_verifier_keys", "Keys that this process verifies with, by stage.", []string{"stage"}, labels),
		missing: prometheus.NewDesc("keyturn_verifier_missing", "Live keys whose value this process can't read.", nil, labels),
		verify: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyturn_verify_total", Help: "Tokens verified, by result: ok, or the code of the refusal.", ConstLabels: labels,
		}, []string{"result"}),
		results: map[string]prometheus.Counter{},
	}
	for _, result := range results {
		m.results[result] = m.verify.WithLabelValues(result)
	}
	return m
}

// register makes the metrics seen; the source must be complete by then.
func (m *metrics) register() error {
	if m.registerer == nil {
		return nil
	}
	if err := m.registerer.Register(m.verify); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	if err := m.registerer.Register(m); err != nil {
		m.registerer.Unregister(m.verify)
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

func (m *metrics) unregister() {
	if m.registerer != nil {
		m.registerer.Unregister(m.verify)
		m.registerer.Unregister(m)
	}
}

func (m *metrics) verified(err *auth.Error) {
	result := "ok"
	if err != nil {
		result = err.Code
	}
	if c, ok := m.results[result]; ok {
		c.Inc()
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.keys
	out <- m.missing
}

// Collect implements prometheus.Collector: what is held is counted when asked.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	stages := map[auth.Stage]int{auth.Pending: 0, auth.Current: 0, auth.Retiring: 0}
	for _, h := range m.source.keyring.Set().Held {
		if h.Stage != auth.Retiring || h.VerifyUntil.IsZero() || now.Before(h.VerifyUntil) {
			stages[h.Stage]++
		}
	}
	for stage, n := range stages {
		out <- prometheus.MustNewConstMetric(m.keys, prometheus.GaugeValue, float64(n), string(stage))
	}
	out <- prometheus.MustNewConstMetric(m.missing, prometheus.GaugeValue, float64(len(m.source.row(now).Missing)))
}
