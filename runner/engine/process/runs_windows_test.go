package process_test

import (
	"os"
	"strconv"
	"testing"
)

// runs reports whether a process exists.
func runs(t *testing.T, id string) bool {
	t.Helper()
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return process.Release() == nil
}
