//go:build unix

package process_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// runs reports whether a process exists; one that has ended and waits for
// whoever adopted it to notice does not count.
func runs(t *testing.T, id string) bool {
	t.Helper()
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	status, err := os.ReadFile("/proc/" + id + "/status") // none: not Linux, or ended meanwhile
	return err != nil && syscall.Kill(pid, 0) == nil || err == nil && !strings.Contains(string(status), "State:\tZ")
}
