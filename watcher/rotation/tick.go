package rotation

import "time"

// Tick returns the state after prev that time alone brings about: retiring keys
// whose VerifyUntil is not after now (the log's clock) are gone. Where none is,
// prev is returned and Change.Row is empty.
func Tick(prev State, p Policy, now time.Time) (State, Change) {
	d := begin(prev, p, instant(now))
	for _, k := range prev.Keys {
		if k.Stage == Retiring && !d.now.Before(k.VerifyUntil) {
			d.bury(k, WhyRetired)
			continue
		}
		d.keys = append(d.keys, k)
	}
	if len(d.keys) == len(prev.Keys) {
		return d.nothing()
	}
	return d.follow(rowRetired, ByPoll)
}

// follow finishes a draft that no look is behind: the store's marker and its
// deletion stay as they were.
func (d *draft) follow(row, by string) (State, Change) {
	return d.finish(State{Ring: d.prev.Ring, Seen: d.prev.Seen, Deleted: d.prev.Deleted, Cause: Cause{By: by}}, row)
}
