// Package auth verifies and signs JWTs with keys that change while it runs.
//
// A [Keyring] holds the keys of one ring as one immutable [Set]: [Keyring.Install]
// swaps it as a whole, [Keyring.Verify] and [Keyring.Sign] read it without a lock.
// [ParseKeys] reads keys as stores hold them: JSON, JWK, JWK sets, PEM, bare
// secrets. [Middleware], [RequireRole], [Forward] and [JWKS] put a keyring behind
// HTTP, with the answers of RFC 6750 and RFC 9457. Who feeds the keyring is not
// its business: a program may install sets by hand, or let package natskeys do it.
//
// Promise: a token is accepted only if a key of the ring signed it under that
// key's own algorithm, before the key's end, and exp, nbf, iss and aud allow it. A
// set that is installed counts for every later call. Key material is shown by no
// error, log, or printed value; it leaves a [Key] only through its Marshal methods.
// Tokens of unknown keys can't make more than one look in ten seconds. All
// exported functions and methods are safe for concurrent use.
//
// Not promised: sessions, revocation of single tokens, encrypted tokens (JWE),
// fetching keys from URLs, or memory that is wiped after use.
//
// Goroutines: none but that of a look under way ([Config.Look]), which ends with it.
package auth
