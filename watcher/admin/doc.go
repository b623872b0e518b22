// Package admin is the HTTP API by which people and scripts see rings and turn
// their keys. It speaks JSON, answers failures with application/problem+json,
// and knows the daemon behind it through small interfaces alone.
//
//	GET  /v1/rings                     view       all rings
//	GET  /v1/rings/{ring}              view       one ring
//	GET  /v1/rings/{ring}/census       view       browsers by key
//	GET  /v1/rings/{ring}/verifiers    view       who holds which key
//	GET  /v1/rings/{ring}/check        view       findings; changes nothing
//	GET  /v1/rings/{ring}/states       view       the state and all that follow, a line each
//	POST /v1/rings/{ring}/rotations    rotate     turn the key; progress, a line a step, the result last
//	                                   compromise … with "compromise": true
//	POST /v1/rings/{ring}/tokens       mint       a token for trying out, at most 15 minutes
//
// Promise: every route asks for a token of its own kind, never one under a
// rotating key; tokens are held as SHA-256 and compared in constant time; a
// rotation that was started runs to its end even when its caller hangs up, and
// asking again under the same Idempotency-Key follows it instead of starting
// another; one rotation a ring at a time. Requests that a web page of another
// origin, or a name that was rebound to this address, could cause are refused.
//
// Not promised: TLS and a public face; the listener belongs on a loopback or
// an operations network.
//
// Goroutines: [Server] owns one for each rotation under way; [Server.Close] cancels and awaits them.
package admin
