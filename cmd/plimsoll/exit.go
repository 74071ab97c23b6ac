package main

import (
	"context"
	"errors"
	"fmt"

	"plimsoll/fixtures"
	"plimsoll/results/analysis"
	"plimsoll/runner"
	"plimsoll/runner/engine"
	"plimsoll/scenarios"
)

// The exit codes. Others script against them.
const (
	exitOK           = 0
	exitError        = 1
	exitUsage        = 2
	exitNotStarted   = 96
	exitInvalid      = 97
	exitInconclusive = 98
	exitFailed       = 99
	exitInterrupted  = 130
)

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usageErrorf(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	text string
}

func (e *codedError) Error() string { return e.text }

// silentError ends the program with a code and without a message: what there
// was to say has been said.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode maps an error to the exit code.
func exitCode(err error) int {
	var (
		coded   *codedError
		silent  *silentError
		usage   *usageError
		problem *scenarios.Error
		start   *runner.StartError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &silent):
		return silent.code
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &problem), errors.Is(err, fixtures.ErrUsage):
		return exitUsage
	case errors.As(err, &start), errors.Is(err, engine.ErrUnreachable):
		return exitNotStarted
	}
	return exitError
}

// verdictCode is the exit code of a report's worst verdict.
func verdictCode(v analysis.Verdict) int {
	switch v {
	case analysis.Fail:
		return exitFailed
	case analysis.InvalidResult:
		return exitInvalid
	case analysis.Inconclusive:
		return exitInconclusive
	}
	return exitOK
}
