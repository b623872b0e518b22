// Package secretsmanager keeps the keys of one ring in a secret of AWS Secrets
// Manager: it watches the secret whoever turns it, and can turn it itself.
//
// A secret has versions, and staging labels on them: AWSCURRENT is the version
// that signs, AWSPENDING the one that will, AWSPREVIOUS the one that did. A
// version never changes, so [Store.Look] asks for the labels alone
// (DescribeSecret) and reads a value (GetSecretValue) only of a version that it
// has not read before. A key that still verifies and whose version has lost its
// last label is read by the version's id.
//
// Any form of secret will do: a bare string or binary, JSON with the key in a
// member, as the console writes it too, JWK, JWK set and PEM; see
// [auth.ParseKeys]. A version without kid gets one by [watcher.KIDRule].
//
// Secrets Manager is eventually consistent: an answer may be older than the one
// before. The store holds every answer against the newest change it knows of,
// against the state it is asked about, and against what a hint or its own write
// has told it; what is older is asked again a few times, and then reported as
// [watcher.ErrStale].
//
// Promise: a change of labels is noticed at the next look, whether it was made
// by a rotation Lambda, the console, the command line, Terraform or keyturn; a
// stale answer, a throttled call, a key of KMS that may not be used, or a
// proxy's page is never taken for a rotation; keys that were read once serve on
// while AWS is away; a version that can't be read any more is named in an alarm.
// No error, log line, metric or alarm holds material or a digest of it.
//
// Not promised: that AWS keeps a version without labels (it may purge one after
// a day), or that a replica of a secret in another Region can be turned there.
// AWS does not say whether a replica tells the time of the primary's last
// change: where it tells an earlier one, a watcher there only follows the log.
//
// A Store starts no goroutine. Whoever calls [Queue.Run] owns that one.
package secretsmanager
