// Package rotation holds what keyturn knows about a ring of signing keys, and
// the pure rules by which that knowledge changes.
//
// A [State] names the live keys of one ring and their stages. [Next] compares
// the last state with a [Snapshot] of the secret store and says what the state
// is now. [Merge] decides which of two states holds. An [Event] wraps a state
// for the wire; the row types carry what each process reports about itself.
// Everything that crosses NATS is defined here.
//
// Promise: all functions are pure and safe for concurrent use; the package
// imports the standard library only, and no value in it ever holds key
// material or a digest of it, but for [Snapshot], which stays in memory.
//
// Not promised: any I/O, any clock, any goroutine.
package rotation
