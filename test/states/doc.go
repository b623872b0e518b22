// Package states tests the way of a state from a scripted store through real
// watchers and a real NATS server to a feed: under load, and through everything
// that can happen to the stream in between.
package states
