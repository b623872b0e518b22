package rotation_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "seed of random tests; 0: a new one each run")

// random is a source that a failed run can repeat with -seed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	n := *seed
	if n == 0 {
		n = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -seed=%d", n)
		}
	})
	return rand.New(rand.NewPCG(n, 1))
}
