// Package filestore keeps the keys of one ring in a JSON file that people,
// editors and orchestrators may write, and that keyturn itself can turn.
//
//	{"serial": 7, "keys": [
//	  {"kid": "2026-11-b", "stage": "current",  "alg": "HS256", "secret": "<base64url>"},
//	  {"kid": "2026-10-a", "stage": "previous", "alg": "HS256", "secret": "<base64url>"}]}
//
// An entry holds its material as "secret", as "jwk" (an object) or as "pem" (a
// string). It names itself by "kid", by "version", or by both; the version
// defaults to the kid. Exactly one entry is current; the others are pending or
// previous. "serial" grows with every change and may be absent where a single
// watcher reads the file.
//
// [Store.Look] says what is there, [Store.Value] gives the material of a key of
// a state, [Store.Hints] and [Store.Run] tell of changes at once, and
// [Store.Prepare], [Store.Promote] and [Store.Drop] turn a key.
//
// Promise: a file that is being saved, in one step or in two, is never taken
// for a change that nobody made; a writer never overwrites what it has not
// read; a crash leaves the old file or the new one, never a part of one; no
// error, log line or hint holds material or a digest of it.
//
// Not promised: that hints arrive (a network file system sends none, so poll
// as well), and that a file which has no serial is read rightly by several
// watchers.
//
// A Store starts no goroutine. Whoever calls [Store.Run] owns that one.
package filestore
