package embedded

import "errors"

// errLocked says that another process, or another server of this one, holds
// the lock. The lock is the operating system's, so a crash leaves none behind.
var errLocked = errors.New("locked")
