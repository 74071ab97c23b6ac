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
	if gate := doc.Gate; gate != nil && gate.Verdict == doc.Verdict() {
		return gateError(gate)
	}
	switch doc.Verdict() {
	case analysis.Fail:
		return &codedError{exitFailed, "an objective failed: " + firstWith(doc, analysis.Fail)}
	case analysis.InvalidResult:
		return &codedError{exitInvalid, "measurement invalid: " + firstWith(doc, analysis.InvalidResult)}
	case analysis.Inconclusive:
		text := firstWith(doc, analysis.Inconclusive)
		if text == "" {
			text = firstWith(doc, analysis.NotApplicable)
		}
		return &codedError{exitInconclusive, "inconclusive: " + text}
	}
	return nil
}

// gateError is verdictError for a gate.
func gateError(g *analysis.GateResult) error {
	code := map[analysis.Verdict]int{analysis.Fail: exitFailed, analysis.InvalidResult: exitInvalid, analysis.Inconclusive: exitInconclusive}[g.Verdict]
	for _, m := range g.Metrics {
		if m.Verdict == g.Verdict && code != exitOK {
			return &codedError{code, fmt.Sprintf("gate %s: %s", m.Verdict, m.Text)}
		}
	}
	return nil
}

// firstWith describes the first objective with a verdict, and how many more
// there are.
func firstWith(doc *analysis.Document, v analysis.Verdict) string {
	var text string
	more := -1
	for _, o := range doc.Objectives {
		if o.Verdict != v {
			continue
		}
		if more++; more > 0 {
			continue
		}
		text = fmt.Sprintf("%s in %s", o.Objective, o.Cell)
		if o.Observed != "" {
			text += ": " + o.Observed
		}
		if o.Why != "" {
			text += " (" + o.Why + ")"
		}
	}
	if text == "" && v == analysis.InvalidResult {
		for _, c := range doc.Cells {
			if c.Trials > 0 && c.Counted == 0 {
				return "no trial counts in " + c.Name
			}
		}
	}
	if more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
