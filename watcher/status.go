package watcher

import (
	"cmp"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// Codes of the watcher's own alarms, besides those of package rotation.
const (
	alarmUnreadableHead   = "log_unreadable"    // the log's newest message is no state
	alarmMemory           = "memory_failed"     // the file that remembers the newest state can't be read or written
	alarmUnfinished       = "revoke_unfinished" // a compromise was begun, and this watcher can't end it
	alarmStale            = "store_stale"       // the store keeps showing something older than the log
	staleLooksBeforeAlarm = 6                   // one more than the ladder has steps
)

// Status is what a watcher knows about its ring and about itself.
type Status struct {
	Ring     string           `json:"ring"`
	Store    string           `json:"store"`
	Instance string           `json:"instance"`
	Head     rotation.State   `json:"head"`               // newest state known; the zero state: none
	LookedAt time.Time        `json:"lookedAt,omitzero"`  // last successful look
	Error    string           `json:"error,omitempty"`    // why the last look or the last read of the log failed
	Alarms   []rotation.Alarm `json:"alarms"`             // what a person should see to
	Degraded bool             `json:"degraded,omitempty"` // an error or an alarm stands
}

// Status returns what the watcher knows now.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Alarms = slices.Clone(s.Alarms)
	return s
}

// row is the status as others see it.
func (w *Watcher) row(now time.Time) rotation.WatcherRow {
	s := w.Status()
	r := rotation.WatcherRow{
		Ring: s.Ring, Instance: s.Instance, Store: s.Store, At: now.UTC(), LookedAt: s.LookedAt,
		Poll: w.c.Poll, Rev: s.Head.Rev, Error: s.Error,
	}
	for _, a := range s.Alarms {
		r.Alarms = append(r.Alarms, a.Code)
	}
	return r
}

// know takes a head that is certain: read from the log or appended to it.
func (w *Watcher) know(head rotation.State, now time.Time) {
	w.mu.Lock()
	changed := head.Rev != w.status.Head.Rev
	w.status.Head = head
	w.mu.Unlock()
	w.m.rev.WithLabelValues(w.c.Ring).Set(float64(head.Rev))
	if len(head.Revoke) == 0 {
		w.setAlarms(fromRecovery, nil)
	}
	if !changed || head.IsZero() {
		return
	}
	nudge(w.rowDue)
	var alarms []rotation.Alarm
	if err := w.memory.save(head, w.c.Store, now); err != nil {
		alarms = []rotation.Alarm{{Code: alarmMemory, Text: err.Error() + "; until this is mended, a log that is wiped while this process is down comes back without its history"}}
	}
	w.setAlarms(fromMemory, alarms)
}

// failed and fine keep the error that status shows.
func (w *Watcher) failed(err error) {
	text := err.Error()
	w.mu.Lock()
	again := w.status.Error == text
	w.status.Error, w.status.Degraded = text, true
	w.mu.Unlock()
	if !again {
		w.c.Logger.Error("watcher failed", zap.String("ring", w.c.Ring), zap.Error(err))
		nudge(w.rowDue)
	}
}

func (w *Watcher) fine() {
	w.mu.Lock()
	was := w.status.Error
	w.status.Error = ""
	w.status.Degraded = len(w.status.Alarms) > 0
	w.mu.Unlock()
	if was != "" {
		w.c.Logger.Info("watcher works again", zap.String("ring", w.c.Ring))
		nudge(w.rowDue)
	}
}

// origin is where an alarm comes from: each replaces its own.
type origin int

const (
	fromLook origin = iota
	fromLog
	fromMemory
	fromRecovery
	fromStaleness
)

// setAlarms replaces the alarms of one origin, and tells log, metrics and row
// what came and went.
func (w *Watcher) setAlarms(from origin, alarms []rotation.Alarm) {
	w.mu.Lock()
	before := w.status.Alarms
	w.alarms[from] = alarms
	var all []rotation.Alarm
	for o := fromLook; o <= fromStaleness; o++ {
		all = append(all, w.alarms[o]...)
	}
	w.status.Alarms = all
	w.status.Degraded = len(all) > 0 || w.status.Error != ""
	w.mu.Unlock()

	came, went := missing(before, all), missing(all, before)
	for _, a := range went {
		w.m.alarms.WithLabelValues(w.c.Ring, a.Code).Set(0)
		w.c.Logger.Info("alarm over", zap.String("ring", w.c.Ring), zap.String("code", a.Code), zap.String("key", a.Key))
	}
	for _, a := range all {
		w.m.alarms.WithLabelValues(w.c.Ring, a.Code).Set(1)
	}
	for _, a := range came {
		w.m.raised.WithLabelValues(w.c.Ring, a.Code).Inc()
		w.c.Logger.Warn("alarm", zap.String("ring", w.c.Ring), zap.String("code", a.Code), zap.String("key", a.Key), zap.String("text", a.Text))
	}
	if len(came)+len(went) > 0 {
		nudge(w.rowDue)
	}
}

// missing returns the alarms of all whose code and key known does not have.
func missing(known, all []rotation.Alarm) []rotation.Alarm {
	var out []rotation.Alarm
	for _, a := range all {
		if !slices.ContainsFunc(known, func(k rotation.Alarm) bool {
			return cmp.Or(cmp.Compare(k.Code, a.Code), cmp.Compare(k.Key, a.Key)) == 0
		}) {
			out = append(out, a)
		}
	}
	return out
}
