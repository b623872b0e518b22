package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// main turns signals into a context and hands over to run. The first signal
// asks for an orderly stop, the second cuts it short, the third kills.
func main() {
	ctx, stop := context.WithCancel(context.Background())
	hurry := make(chan struct{})
	signals := make(chan os.Signal, 2) // one for each step below
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		signal.Reset()
		close(hurry)
	}()
	os.Exit(run(ctx, world{
		args: os.Args[1:], env: os.Environ(), hurry: hurry,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}
