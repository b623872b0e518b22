// Package harness runs keyturn's real parts for tests: a stack of watcher,
// log, keyring, sign-in and broadcaster around a NATS server and a key file,
// and browsers in Go that follow the page script's rules.
//
// Nothing in it is a fake. Each helper stops what it started in t.Cleanup.
package harness
