package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// notifier speaks systemd's sd_notify protocol: datagrams to the socket that
// NOTIFY_SOCKET names. Without one it is silent.
type notifier struct {
	socket   string
	watchdog time.Duration // how often the service manager wants a sign of life; zero: never
}

// newNotifier reads NOTIFY_SOCKET and WATCHDOG_USEC. A WATCHDOG_PID of another
// process means that the wish is not ours.
func newNotifier(w world, pid int) notifier {
	n := notifier{socket: w.getenv("NOTIFY_SOCKET")}
	if p := w.getenv("WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
		return n
	}
	if usec, err := strconv.ParseInt(w.getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// send sends one state, such as READY=1.
func (n notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	// A leading @ is the abstract namespace; package net reads it so too.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	_, err = c.Write([]byte(state))
	return errors.Join(err, c.Close())
}

// feed feeds the watchdog while alive holds, until ctx ends.
func (n notifier) feed(ctx context.Context, alive func() bool) error {
	if n.socket == "" || n.watchdog <= 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(n.watchdog / 3)
	defer tick.Stop()
	for {
		if alive() {
			_ = n.send("WATCHDOG=1") // a lost one is made up for by the next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
