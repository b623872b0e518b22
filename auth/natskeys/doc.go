// Package natskeys feeds an [auth.Keyring] with the keys of one ring: the log on
// NATS says which keys live and in what stage, the store says what they are. It
// is what a Go service adds to package auth to follow rotations.
//
// Promise: [New] returns a keyring that verifies and, where the store shows the
// private half, signs. From then on a new state of the log counts as soon as it
// arrives: what it drops is dropped at once, even while the value of another key
// can't be read; what it adds is fetched and added. Without a state, or while
// nobody's pushes can be relied upon, the labels of the store are polled instead;
// they only ever add keys, which then verify and don't sign. A row tells the
// others what is held, what is missing and what signs; it is put at once when that
// changes. No value, nor a digest of it, leaves the process.
//
// Not promised: that all keys of a state are held. A key whose value can't be read
// is fetched again and again, and reported as missing meanwhile.
//
// Goroutines: [New] starts none that outlives it. [Source.Run] owns all others and
// waits for them, so a [Store] must return soon after its context ends.
package natskeys
