// Package test holds the tests that need more than one package: flows over a
// whole stack, the promises of the README, and the import rule. harness runs
// the parts, natstest a NATS server, states a store with three watchers;
// browser drives the real binary with a real Chromium, firefox with a real
// Firefox; bench measures it.
package test
