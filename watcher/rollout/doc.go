// Package rollout turns the key of a ring on purpose: [Rotate] makes a new key
// pending, waits until the verifiers hold it, makes it current and waits until
// it signs. With Compromise it drops the old key at once.
//
// It holds nothing between two steps. What has been done is read from the
// store and from the log, so a rotation that was cut off anywhere is continued
// by running it again, here or on another machine.
//
// Promise: a planned rotation makes no key current that a reporting verifier
// lacks; in a compromise no state ever shows the leaked key as retiring,
// wherever the rotation is cut off; an error says what has been done, what has
// not, and whether a key is revoked.
//
// A request may name the key it means, so that the same request sent twice,
// or by two people, turns one key and not its successor too.
//
// A [Keeper] resumes the turns that a crash cut off, where the store remembers
// them, and lets the store take away what turns left in it. A store that has
// its key turned by something of its own ([Rotator]) is asked to do so; nothing
// can be announced then, and a step says that aloud.
//
// Not promised: that only one rotation of a ring runs. Two at a time turn the
// same pending key, since stores compare before they set.
//
// The package starts no goroutine; whoever calls [Keeper.Run] owns that one.
package rollout
