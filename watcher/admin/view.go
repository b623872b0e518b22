package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/watcher/rotation"
)

func (s *Server) rings(c call) *Problem {
	out := struct {
		Rings []Ring `json:"rings"`
	}{[]Ring{}}
	for _, name := range s.config.Rings.Names() {
		ring, err := s.read(c, name)
		if err != nil {
			return problemOf(err)
		}
		out.Rings = append(out.Rings, ring)
	}
	writeJSON(c.w, out)
	return nil
}

func (s *Server) ring(c call) *Problem {
	ring, err := s.read(c, c.ring)
	if err != nil {
		return problemOf(err)
	}
	writeJSON(c.w, ring)
	return nil
}

func (s *Server) read(c call, name string) (Ring, error) {
	ring, err := s.config.Rings.Ring(c.r.Context(), name)
	ring.Rotating = s.jobs.running(name)
	if ring.Alarms == nil {
		ring.Alarms = []Alarm{}
	}
	return ring, err
}

func (s *Server) census(c call) *Problem {
	rows, err := s.config.Rows.Census(c.r.Context(), c.ring)
	if err != nil {
		return problemOf(err)
	}
	if rows == nil {
		rows = []rotation.CensusRow{}
	}
	writeJSON(c.w, Census{Ring: c.ring, Total: Total(rows), Rows: rows})
	return nil
}

func (s *Server) verifiers(c call) *Problem {
	rows, err := s.config.Rows.Verifiers(c.r.Context(), c.ring)
	if err != nil {
		return problemOf(err)
	}
	if rows == nil {
		rows = []rotation.VerifierRow{}
	}
	writeJSON(c.w, Verifiers{Ring: c.ring, Rows: rows})
	return nil
}

func (s *Server) check(c call) *Problem {
	report, err := s.config.Rings.Check(c.r.Context(), c.ring)
	if err != nil {
		return problemOf(err)
	}
	writeJSON(c.w, report)
	return nil
}

// keepAlive is how often an idle stream of states gets an empty line, so that
// both ends notice a connection that died in silence.
const keepAlive = 10 * time.Second

// states streams the state and its successors, a line each. ?after=REV leaves
// out what the caller has already.
func (s *Server) states(c call) *Problem {
	var after int64
	if text := c.r.URL.Query().Get("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return NewProblem(http.StatusBadRequest, "bad_request", "after: want a rev, a whole number")
		}
		after = n
	}
	out := newLines(c.w)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	first := after == 0
	for {
		states, more := s.config.States.After(c.ring, after)
		if first && len(states) > 1 {
			states = states[len(states)-1:] // who begins wants to know how things stand, not how they came
		}
		for _, state := range states {
			if out.write(state) != nil {
				return nil
			}
			after, first = state.Rev, false
		}
		select {
		case <-c.r.Context().Done():
			return nil
		case <-s.ending:
			return nil
		case <-more:
		case <-tick.C:
			if out.blank() != nil {
				return nil
			}
		}
	}
}

// lines writes one JSON value a line and sends each at once.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// writeWithin is how long a reader may be stuck. Its connection is given up
// then, and with it the goroutine that serves it.
const writeWithin = 30 * time.Second

// newLines begins an answer of lines that may take longer than the server's
// write timeout: each line has a deadline of its own.
func newLines(w http.ResponseWriter) lines {
	l := lines{w, http.NewResponseController(w)}
	l.allow()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_ = l.control.Flush() // where it can't be flushed it comes with the first line
	return l
}

func (l lines) allow() {
	_ = l.control.SetWriteDeadline(time.Now().Add(writeWithin)) // not supported by test recorders, which have none
}

func (l lines) write(v any) error {
	l.allow()
	if err := json.NewEncoder(l.w).Encode(v); err != nil {
		return err
	}
	return l.control.Flush()
}

func (l lines) blank() error {
	l.allow()
	if _, err := l.w.Write([]byte("\n")); err != nil {
		return err
	}
	return l.control.Flush()
}
