package worker

import (
	"runtime/debug"

	"plimsoll/results"
)

// ownUsage reads what this process has used.
type ownUsage struct {
	process processUsage
	gc      debug.GCStats
}

func openUsage() (*ownUsage, error) {
	process, err := openProcess()
	if err != nil {
		return nil, err
	}
	return &ownUsage{process: process}, nil
}

func (u *ownUsage) read() (results.WorkerUsage, error) {
	cpu, rss, err := u.process.read()
	if err != nil {
		return results.WorkerUsage{}, err
	}
	debug.ReadGCStats(&u.gc)
	return results.WorkerUsage{CPU: cpu, RSSBytes: rss, GCPause: u.gc.PauseTotal}, nil
}

func (u *ownUsage) close() { u.process.close() }
