package worker

import (
	"os"
	"time"

	"plimsoll/internal/proc"
)

// processUsage reads what an engine's meter reads of this process.
type processUsage struct{ process *proc.Process }

func openProcess() (processUsage, error) {
	process, err := proc.Open(os.Getpid())
	return processUsage{process}, err
}

func (p processUsage) read() (cpu time.Duration, rss int64, err error) {
	counters, err := p.process.Read()
	return counters.CPU, counters.MemoryBytes, err
}

func (p processUsage) close() { _ = p.process.Close() }
