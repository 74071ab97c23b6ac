package main

import (
	"os"

	"github.com/urfave/cli/v3"

	"plimsoll/runner/load"
)

// benchTrust reads whose certificates are accepted.
func benchTrust(cmd *cli.Command) (load.Trust, error) {
	trust := load.Trust{Insecure: cmd.Bool("insecure")}
	if !cmd.IsSet("cacert") {
		return trust, nil
	}
	if trust.Insecure {
		return trust, usageErrorf("--insecure accepts every certificate; leave out --cacert (or --insecure)")
	}
	text, err := os.ReadFile(cmd.String("cacert"))
	if err != nil {
		return trust, usageErrorf("--cacert: %v", err)
	}
	trust.CA = string(text)
	if _, err := trust.Config(""); err != nil {
		return trust, usageErrorf("--cacert %s: %v", cmd.String("cacert"), err)
	}
	return trust, nil
}
