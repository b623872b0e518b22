package secretsmanager

import "github.com/prometheus/client_golang/prometheus"

// queueMetrics of all queues of a registry; each series has the label "queue".
type queueMetrics struct {
	received  *prometheus.CounterVec   // queue, kind
	deleted   *prometheus.CounterVec   // queue
	failures  *prometheus.CounterVec   // queue, what
	age       *prometheus.HistogramVec // queue
	held      *prometheus.GaugeVec     // queue
	oldest    *prometheus.GaugeVec     // queue
	unhealthy *prometheus.GaugeVec     // queue
}

// newQueueMetrics returns the metrics that reg has, made at the first call for
// it. nil: metrics that nobody sees.
func newQueueMetrics(reg prometheus.Registerer) (*queueMetrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	r := registrar{reg: reg}
	m := &queueMetrics{
		received: r.counter("keyturn_sqs_messages_total", "Messages received, by kind: label, call, service, ignored, unknown (of a secret that no ring watches), copy, poison.", "queue", "kind"),
		deleted:  r.counter("keyturn_sqs_deleted_total", "Messages deleted after their look was in the log, or because they called for none.", "queue"),
		failures: r.counter("keyturn_sqs_failures_total", "Calls that failed, by what they were for: receive, delete, prolong.", "queue", "what"),
		age: register(&r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyturn_sqs_message_age_seconds", Help: "Time from the sending of a message to its receipt.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600},
		}, []string{"queue"})),
		held:      r.gauge("keyturn_sqs_held", "Messages received that are not deleted yet.", "queue"),
		oldest:    r.gauge("keyturn_sqs_oldest_held_seconds", "How long the oldest message waits for its look; 0: none waits.", "queue"),
		unhealthy: r.gauge("keyturn_sqs_unhealthy", "1 while no hints come through.", "queue"),
	}
	return m, r.err
}
