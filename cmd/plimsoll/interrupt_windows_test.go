package main

import (
	"errors"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func interrupt(*testscript.TestScript, time.Duration, string, []string) error {
	return errors.New("no Ctrl-C for a child on Windows")
}
