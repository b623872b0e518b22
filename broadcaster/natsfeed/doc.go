// Package natsfeed brings the states of rings from NATS, and carries the rows
// in which processes tell each other what they hold.
//
// Promise: a state that was appended to the log reaches [Config.Apply], by the
// push that follows the append or by the next read of the log's head, whatever
// was lost in between: a push, the connection, the stream. States only ever
// move forward. Reads use no consumer, which would fall silent when a stream
// is made anew.
//
// Not promised: every state in between. A state is complete in itself, so only
// the newest matters.
//
// [Feed.Run] owns its goroutine, which calls Apply and Live, one at a time.
// [Rows] starts none.
package natsfeed
