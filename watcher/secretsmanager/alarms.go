package secretsmanager

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Codes of alarms.
const (
	alarmWeak         = "weak_secret"    // a key in use is weak or published
	alarmRefused      = "weak_refused"   // a new key was left out for that
	alarmUnusable     = "unusable_value" // a version holds no key that can be read
	alarmOrphaned     = "orphaned"       // a live key whose version AWS does not hand out any more
	alarmUnreadable   = "value_refused"  // AWS refuses a value: policy or KMS
	alarmInconsistent = "inconsistent"   // an answer that can't be
)

// alarms are what the last looks found. They are guarded by the Store's mutex.
type alarms struct {
	look         []rotation.Alarm // of the last look that went well
	inconsistent string           // why the last answer is not believed; empty: it is
	orphans      map[string]bool  // names of keys that were reported to the log
}

// Alarms returns what the last look found wrong with the secret.
func (s *Store) Alarms() []rotation.Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append([]rotation.Alarm(nil), s.alarms.look...)
	if why := s.alarms.inconsistent; why != "" {
		all = append(all, rotation.Alarm{Code: alarmInconsistent, Text: why + ": the answer is not believed, and the last known keys are kept; if this lasts, see what aws secretsmanager describe-secret shows"})
	}
	return all
}

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
		describes: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyturn_secretsmanager_describes_total", Help: "Calls of DescribeSecret, by result: fine, stale, failed."}, []string{"ring", "result"})),
		gets: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyturn_secretsmanager_gets_total", Help: "Calls of GetSecretValue, by result: fine, unusable, or the class of the error."}, []string{"ring", "result"})),
		errors: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyturn_secretsmanager_errors_total", Help: "Failed calls of Secrets Manager, by what they mean."}, []string{"ring", "class"})),
		orphaned: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keyturn_secretsmanager_orphaned_keys", Help: "Live keys whose version can't be read any more."}, []string{"ring"})),
	}
	return m, r.err
}

// registrar registers metrics, or finds those of an earlier store.
type registrar struct {
	reg prometheus.Registerer
	err error
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
