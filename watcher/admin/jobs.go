package admin

import (
	"context"
	"net/http"
	"sync"
)

// keepJobs is how many ended rotations of a ring can still be asked for by
// their request id. Each holds some ten short lines.
const keepJobs = 16

// maxLines bounds the progress that is kept of one rotation; a barrier that
// reports for hours must not grow without end.
const maxLines = 1000

// job is one rotation: its progress so far and a wake-up for its followers.
type job struct {
	ring    string
	id      string
	request RotateRequest

	mu      sync.Mutex
	lines   []Line
	done    bool
	changed chan struct{} // closed and replaced at each line
}

func (j *job) add(l Line, done bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) < maxLines || done {
		j.lines = append(j.lines, l)
	}
	j.done = j.done || done
	close(j.changed)
	j.changed = make(chan struct{})
}

// after returns the lines from n on, whether they are the last, and what is
// closed when there are more.
func (j *job) after(n int) (lines []Line, done bool, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines[min(n, len(j.lines)):], j.done, j.changed
}

// jobs holds the rotations of all rings.
type jobs struct {
	ctx    context.Context // lives as long as the server: a caller who hangs up must not stop a rotation half-way
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	rings  map[string][]*job // ring → rotations, oldest first; at most the last runs
}

func newJobs() *jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &jobs{ctx: ctx, cancel: cancel, rings: map[string][]*job{}}
}

// start begins a rotation, or returns the one that has this id already.
func (s *jobs) start(ring, id string, request RotateRequest, run func(ctx context.Context, step func(Step)) (Result, error)) (*job, *Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, NewProblem(http.StatusServiceUnavailable, "stopping", "the daemon is stopping; ask another one, or again when it is back")
	}
	for _, j := range s.rings[ring] {
		if j.id != id {
			continue
		}
		if j.request != request {
			return nil, NewProblem(http.StatusUnprocessableEntity, "request_id_reused",
				"this Idempotency-Key belongs to another request; take a fresh one")
		}
		return j, nil
	}
	if s.runningLocked(ring) {
		return nil, NewProblem(http.StatusConflict, "rotation_running",
			"a rotation of ring "+ring+" is under way; wait for it, or watch it with `keyturn status "+ring+"`")
	}
	j := &job{ring: ring, id: id, request: request, changed: make(chan struct{})}
	kept := append(s.rings[ring], j)
	s.rings[ring] = kept[max(0, len(kept)-keepJobs):]
	s.group.Go(func() {
		result, err := run(s.ctx, func(step Step) { j.add(Line{Step: &step}, false) })
		if err != nil {
			j.add(Line{Problem: problemOf(err)}, true)
			return
		}
		j.add(Line{Result: &result}, true)
	})
	return j, nil
}

func (s *jobs) running(ring string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runningLocked(ring)
}

func (s *jobs) runningLocked(ring string) bool {
	list := s.rings[ring]
	if len(list) == 0 {
		return false
	}
	_, done, _ := list[len(list)-1].after(0)
	return !done
}

// close cancels what runs and waits for it.
func (s *jobs) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.group.Wait()
}
