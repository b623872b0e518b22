package main

import (
	"errors"
	"fmt"
)

// Exit codes of every verb.
const (
	exitOK          = 0 // done
	exitFailed      = 1 // tried and failed; the error says what, and what to do
	exitUsage       = 2 // wrong verb, flag, argument or configuration; nothing was tried
	exitUnreachable = 3 // no daemon answered
	exitRefused     = 4 // the daemon answered and refused: no right, no such ring, a rotation under way
)

// exitHelp is the part of the help that names the exit codes.
const exitHelp = `Exit codes:
  0  done
  1  tried and failed; the error says what happened and what to do
  2  wrong verb, flag, argument or configuration; nothing was tried
  3  no daemon answered
  4  the daemon answered and refused`

// exitError carries the exit code of an error to the end of run.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// withCode gives err the exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// usagef is an error of exit code 2.
func usagef(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

// codeOf returns the exit code of err.
func codeOf(err error) int {
	if err == nil {
		return exitOK
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
