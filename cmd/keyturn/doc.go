// Keyturn turns a JWT signing key without locking anyone out.
//
// One binary holds a daemon and the verbs that talk to it. The verbs are one
// file each; the daemon is built in app.go from the packages of this module,
// started and stopped in order by run.go, and configured by config*.go.
//
// Promise: everything that fails says what, on what, why, and what to do; the
// exit code tells the kind (exit.go). Nothing printed or logged holds key
// material, and a token is printed by `keyturn token` and `keyturn
// admin-token` alone, which exist for that.
//
// Not promised: a Go API. Nobody imports this package.
//
// Goroutines: every loop is an actor of run.go, which starts them in order,
// and returns only when all have ended.
package main
