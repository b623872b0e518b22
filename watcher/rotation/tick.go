package rotation

import "time"

// Tick returns the state after prev that time alone brings about.
func Tick(prev State, p Policy, now time.Time) (State, Change) { return prev, Change{} }
