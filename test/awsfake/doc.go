// Package awsfake is AWS Secrets Manager and Amazon SQS for tests: one HTTP
// server that speaks the JSON protocols of both, as the AWS SDK for Go sends
// and reads them, with what EventBridge and CloudTrail would deliver when a
// secret changes.
//
// Promise: what AWS documents, or what was recorded on it, about versions,
// staging labels, errors, limits, deletion, rotation, events and queues holds
// here too; each fact has a test of its own that goes through the real SDK.
// Faults come on demand: reads that lag, throttling, KMS denial, an endpoint
// that answers with XML, lost answers, doubled, reordered, late and lost
// events. Each call is checked against the policy files that keyturn is
// deployed with (deploy/aws/policies), and refused when they don't allow it.
//
// No promise: signatures are not verified, a caller is whom its access key id
// names. What AWS leaves open is decided in the way that is harder for the
// caller, and the comment at that place says so. Prices, quotas of calls a
// second and other services are not here.
//
// Values are secret: journal, events and errors never hold one, and [Value]
// redacts itself.
//
// The goroutines (server, rotation functions) belong to the [Fake] and end in
// [Fake.Close]; no package variable holds state, so tests may run in parallel.
package awsfake
