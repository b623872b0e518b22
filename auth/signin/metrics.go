package signin

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of a refresh, as keyturn_refresh_total counts them.
const (
	resultOK          = "ok"
	resultRepeated    = "repeated" // answered again for the credential just replaced
	resultMissing     = "session_missing"
	resultEnded       = "session_ended"
	resultReused      = "reused" // an old credential: the session was ended
	resultAmbiguous   = "session_ambiguous"
	resultBusy        = "busy"
	resultBadHint     = "bad_hint"
	resultClaims      = "claims_unavailable"
	resultUnavailable = "unavailable"
)

// Why sessions ended before their time, as keyturn_sessions_ended_total counts them.
const (
	endedLogout   = "logout"
	endedReused   = "reused"
	endedGone     = "gone"     // the subject may no longer sign in
	endedReplaced = "replaced" // its owner signed in anew
)

type metrics struct {
	refreshes *prometheus.CounterVec
	started   prometheus.Counter
	ended     *prometheus.CounterVec
	waiting   prometheus.Gauge
	signins   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (metrics, error) {
	m := metrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "keyturn_refresh_total", Help: "Calls of /auth/refresh by result."}, []string{"result"}),
		started:   prometheus.NewCounter(prometheus.CounterOpts{Name: "keyturn_sessions_started_total", Help: "Sessions begun by a sign-in."}),
		ended:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "keyturn_sessions_ended_total", Help: "Sessions ended before their time, by reason; reused means that a credential was stolen or replayed."}, []string{"why"}),
		waiting:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "keyturn_refresh_waiting", Help: "Sessions that were told to come back for their refresh and have not yet."}),
		signins:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "keyturn_signins_total", Help: "Sign-ins with identity providers by provider and outcome; ok, or the code of what was refused."}, []string{"provider", "result"}),
	}
	// Shown from the start, so that an alert on their growth has a zero to grow from.
	for _, v := range []string{resultOK, resultRepeated, resultMissing, resultEnded, resultReused, resultAmbiguous, resultBusy, resultBadHint, resultClaims, resultUnavailable} {
		m.refreshes.WithLabelValues(v)
	}
	for _, v := range []string{endedLogout, endedReused, endedGone, endedReplaced} {
		m.ended.WithLabelValues(v)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.refreshes, m.started, m.ended, m.waiting, m.signins} {
		if err := r.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metrics of sign-in: %w", err)
		}
	}
	return m, nil
}
