// Package embedded runs a NATS server with JetStream inside this process, for
// the single-node setup and for development.
//
// Promise: what was acknowledged is on disk (every write is synced); one data
// directory belongs to one process at a time, which a lock file enforces; a
// server that can't start says why in one line; after [Server.Shutdown] no
// goroutine and no lock is left.
//
// Not promised: more than one node. A single node loses what its disk loses;
// whoever needs more runs a NATS cluster and gives its URL instead.
//
// The server owns its goroutines; they end in Shutdown.
package embedded
