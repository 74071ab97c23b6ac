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

// exitCode maps an error to the exit code.
func exitCode(err error) int {
	var (
		coded   *codedError
		usage   *usageError
		problem *scenarios.Error
		start   *runner.StartError
	)
	switch {
	case err == nil:
		return exitOK
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

// verdictError turns a report's worst verdict into the error that carries its
// exit code and its first reason; nil when everything holds.
func verdictError(doc *analysis.Document) error {
	var code int
	var what string
	verdict := doc.Verdict()
	switch verdict {
	case analysis.Fail:
		code, what = exitFailed, "an objective failed"
	case analysis.InvalidResult:
		code, what = exitInvalid, "measurement invalid"
	case analysis.Inconclusive:
		code, what = exitInconclusive, "inconclusive"
	default:
		return nil
	}
	if doc.Gate != nil && doc.Gate.Verdict == verdict {
		what = "gate " + string(verdict)
	}
	return &codedError{code, what + ": " + doc.Reason()}
}
