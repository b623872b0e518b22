// Package watcher notices that a signing key changed in a secret store, and
// writes the new state of the ring to the log.
//
// One [Watcher] serves one ring: it looks at the store when it is hinted at a
// change and at every poll, compares what it sees with the log's newest state,
// and appends what is different. Any number of watchers may serve the same
// ring side by side, without a leader: an append is refused if somebody
// appended since the head was read, and the watcher then reads and computes
// again.
//
// A store that is only eventually consistent may say that an answer is behind
// ([ErrStale]); it is looked at more often while it is in motion, or while its
// hints don't come through ([Health]). Hints that are kept somewhere are let go
// when a look was believed and the log says what it found ([Acknowledger]).
//
// Promise: the newest state this process knows survives a wiped or restored
// log, because the watcher appends it again; errors of the store and of the
// log are shown in status, metrics and the watcher's row, and tried again for
// ever; a compromise that was begun and not ended is finished.
//
// Not promised: reading key material. The watcher hands it from nowhere to
// nowhere; prints stay inside the [rotation.Snapshot].
//
// [Watcher.Run] owns all goroutines; they have ended when it returns.
package watcher
