// Package logtest holds what any watcher.Log must do, as tests, and an
// in-memory log that does it, for tests of whatever uses a log.
//
// Promise: [Run] calls for nothing that the in-memory log and the real one do
// not both give. [Memory] has no goroutine, so it works inside a synctest
// bubble, whose clock it then tells.
package logtest
