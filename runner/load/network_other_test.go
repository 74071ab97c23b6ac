//go:build !unix

package load_test

import (
	"testing"
	"time"
)

func lateListener(t *testing.T, _ time.Duration) string {
	t.Skip("a full queue of connections is made with the calls of Unix")
	return ""
}

func processCPU(t *testing.T) time.Duration {
	t.Skip("CPU time is read with the calls of Unix")
	return 0
}
