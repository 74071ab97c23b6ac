//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// peaks follows the memory of a process and of its descendants. getrusage(2)
// is of no use for that: the kernel counts the memory that a process had
// before its exec, which is the parent's, and says nothing of sums.
type peaks struct {
	quit chan struct{}
	done chan struct{}
	high map[int]int64 // VmHWM by process, in bytes
}

// watchMemory reads the peaks 20 times a second until stop.
func watchMemory(pid int) *peaks {
	p := &peaks{quit: make(chan struct{}), done: make(chan struct{}), high: map[int]int64{}}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-ticker.C:
				p.read(pid)
			}
		}
	}()
	return p
}

// stop returns the largest process's peak and the sum of all, 0 if the process
// ended before it was looked at.
func (p *peaks) stop() (largest, together int64) {
	close(p.quit)
	<-p.done
	for _, bytes := range p.high {
		largest = max(largest, bytes)
		together += bytes
	}
	return largest, together
}

// read takes in a process and its children. Those that have ended meanwhile
// keep what was read last.
func (p *peaks) read(pid int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64); err == nil {
				p.high[pid] = kilobytes << 10
			}
		}
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is good
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				p.read(n)
			}
		}
	}
}
