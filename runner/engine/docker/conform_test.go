package docker

import (
	"testing"

	"plimsoll/internal/testenv"
	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
)

func TestConformance(t *testing.T) {
	testenv.Docker(t)
	self := enginetest.BuildHelper(t)
	open := func(t *testing.T) engine.Engine { return connect(t, Options{Self: self}) }
	enginetest.Conform(t, open, enginetest.Options{})
}
