package broadcaster

import "sync"

// slot is one second of a ring's wheel. A connection is member of one slot for
// life, chosen at random: that is when its beacons go out, and what spreads
// them. Deadlines that fall before its next beacon are alarms in the slot of
// their second; later ones are found at a beacon. So no connection needs a timer.
type slot struct {
	mu      sync.Mutex
	done    int64      // last tick for which alarms were taken
	members []*session // in no order; a session knows its index
	alarms  []*session // sessions to be looked at in this second; may hold ended ones
}

// join makes s a member.
func (sl *slot) join(s *session) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	s.index = len(sl.members)
	sl.members = append(sl.members, s)
}

// leave takes s out.
func (sl *slot) leave(s *session) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	last := len(sl.members) - 1
	sl.members[s.index] = sl.members[last]
	sl.members[s.index].index = s.index
	sl.members[last] = nil
	sl.members = sl.members[:last]
	if cap(sl.members) > 64 && len(sl.members) < cap(sl.members)/4 { // after a storm, give the memory back
		sl.members = append(make([]*session, 0, 2*len(sl.members)), sl.members...)
	}
}

// copyMembers appends the members to into, so that they can be visited
// without holding the slot.
func (sl *slot) copyMembers(into []*session) []*session {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return append(into, sl.members...)
}

// takeAlarms empties the alarms for a tick into into.
func (sl *slot) takeAlarms(tick int64, into []*session) []*session {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	sl.done = tick
	into = append(into, sl.alarms...)
	clear(sl.alarms)
	if sl.alarms = sl.alarms[:0]; cap(sl.alarms) > 64 && len(into) < cap(sl.alarms)/4 {
		sl.alarms = nil
	}
	return into
}

// alarm adds s for that tick; false if the tick's alarms have been taken already.
func (sl *slot) alarm(tick int64, s *session) bool {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.done >= tick {
		return false
	}
	sl.alarms = append(sl.alarms, s)
	return true
}

// arm has s looked at in the first tick at or after at, milliseconds of the
// hub's clock. It may come later only where a beacon comes before: a beacon
// looks at the session, too. It returns the tick, 0 where a beacon will do.
func (r *ring) arm(s *session, at int64) (tick int64) {
	now := r.hub.clock() / 1000
	tick = max((at+999)/1000, now+1)
	for ; tick-now < int64(len(r.slots)); tick++ {
		if r.slots[tick%int64(len(r.slots))].alarm(tick, s) {
			return tick
		}
	}
	return 0
}

// visitor is what a goroutine needs to visit many sessions without allocating.
type visitor struct{ batch []*session }

// tick does one second's work of a ring: alarms, then beacons.
func (r *ring) tick(tick int64, w *visitor) {
	sl := &r.slots[tick%int64(len(r.slots))]
	w.batch = sl.takeAlarms(tick, w.batch[:0])
	for _, s := range w.batch {
		s.alarmed(tick)
	}
	w.batch = sl.copyMembers(w.batch[:0])
	if len(w.batch) == 0 {
		return
	}
	for _, s := range w.batch {
		s.beacon()
	}
	clear(w.batch)
}
