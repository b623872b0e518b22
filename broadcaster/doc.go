// Package broadcaster tells every connected browser which signing key of a
// ring is current, and counts who has moved to it.
//
// A [Hub] serves the protocol keyturn.v1, written down in PROTOCOL.md, over
// WebSockets, and as server-sent events to those whose proxy lets none through.
// [Hub.Apply] takes a new [rotation.State]; the hub encodes one frame for it and
// writes the same bytes to every connection of the ring, and again to each
// connection once every beacon (25 s), so that a lost push heals. A client's
// first frame carries its token; [Hub.Census] counts the connections by the key
// that verified them.
//
// Promise: a slow or dead peer never delays another one; each connection owes
// its peer at most one state, the newest. No connection outlives its token by
// more than the grace of 60 s, or its token's key by more than a second. An idle
// connection costs one goroutine and a few hundred bytes of heap besides the
// WebSocket library's own: no timer, no queue, no second goroutine.
//
// Not promised: that each state arrives. Of two states in quick succession
// only the newer one may be seen, which is all a client needs.
//
// Goroutines: [Hub.Run] owns them all, those that read connections included;
// when it returns, all have ended. Events are written by the handler of their
// request, which returns when their session has ended, and what it writes.
// http.Server.Shutdown neither closes nor waits for upgraded connections: call
// [Hub.Drain], then end Run.
package broadcaster
