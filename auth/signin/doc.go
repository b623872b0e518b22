// Package signin keeps people signed in while signing keys turn: it holds their
// sessions and hands out fresh access tokens.
//
// A refresh is authorised by a session of its own, never by a token: an opaque
// random credential in an HttpOnly cookie, of which only a hash is stored. So a
// key may leave at any moment and nobody has to sign in again. The credential
// changes at each use; the one just replaced is honoured for [Grace], so that a
// lost answer and two tabs in a race end alike; an older one is taken for theft
// and ends the session. Nothing lengthens a session beyond the end it was
// given at sign-in.
//
// People sign in with an OpenID provider: authorization code flow with PKCE,
// state and nonce. A sign-in under way is one entry of the same bucket, used up by
// the first callback of the browser that began it; the entry holds nothing secret,
// since verifier, nonce and the browser's binder are derived from the state,
// which only the browser and the provider know. The way back leads to pages of
// allowed origins only. A provider's refresh token, which
// keeps claims fresh ([ProviderClaims]), is sealed under a key that only the
// browser's credential yields. A sign-in that is refused ends no session.
//
// Promise: a [Service] keeps no session in memory. Any number of replicas may
// serve the same sessions from one JetStream bucket, every read is answered by
// the bucket's leader, every change is a compare-and-swap, and an ended
// session does not come back. No more refreshes are admitted than Config.PerSecond, divided
// by the number of live issuers, plus a tenth of a second's worth; whoever has
// to wait is told until when.
//
// Not promised: that a session survives the loss of the bucket (its owner signs
// in again), and that a stolen credential is noticed before it or the rightful
// one is used a second time.
//
// The package starts no goroutine that outlives a call, but for requests to a
// provider whose askers have gone: they end within seconds, and [Service.Wait] waits
// for those that change a session. Every exported method may be called from many goroutines.
package signin
