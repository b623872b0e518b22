package rotation

// Equal reports whether a and b are the same state of a ring, as moves go.
func Equal(a, b State) bool { return false }

// Merge returns the one of two states of a ring that holds.
func Merge(a, b State) State { return a }
