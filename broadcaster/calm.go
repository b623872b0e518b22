package broadcaster

import "runtime/debug"

const (
	// stormSize is how far the number of connections has to move for a storm:
	// below it there is too little garbage to be worth a collection.
	stormSize = 1000
	// calmTicks is how long, in seconds, the number has to stay within
	// stormSize for the storm to be over.
	calmTicks = 5
)

// calm notices when a storm of connections is over. What a storm leaves behind
// (handshakes, verified tokens, grown stacks) would otherwise stay for as long
// as the connections idle, since an idle process allocates too little to
// collect on its own account: about 2 KiB a connection.
type calm struct {
	settled int // connections when memory was last given back
	last    int // connections when the present calm began
	ticks   int // how long it has lasted
}

// tick takes the number of connections once a second and reports whether a
// storm has just ended.
func (c *calm) tick(connections int) bool {
	if apart(connections, c.last) >= stormSize {
		c.last, c.ticks = connections, 0
		return false
	}
	c.ticks++
	if c.ticks < calmTicks || apart(connections, c.settled) < stormSize {
		return false
	}
	c.settled, c.last, c.ticks = connections, connections, 0
	return true
}

func apart(a, b int) int { return max(a-b, b-a) }

// settle gives the garbage of a storm back to the system each time it receives.
func settle(over <-chan struct{}) {
	for range over {
		debug.FreeOSMemory()
	}
}
