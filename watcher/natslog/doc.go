// Package natslog keeps the states of rings in a NATS JetStream stream, and
// opens the connections to NATS that the rest of keyturn uses.
//
// Promise: an append is accepted only if nobody appended to that ring since the
// caller read its head; an append whose answer got lost is looked up instead of
// guessed; reads come from the stream's leader; a stream that vanished is made
// again by the next append, with the same definition; while NATS is away,
// everything fails at once instead of being buffered.
//
// Not promised: that the stream survives. It may be wiped or restored from an
// old copy; the watchers, who remember the newest state, then refill it.
//
// The package starts no goroutine but those of the NATS connection, which end
// when its owner closes it.
package natslog
