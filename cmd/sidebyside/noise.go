//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc, which is the same on all
// architectures that Go runs on.
const tick = time.Second / 100

// moment is the whole machine's CPU time by what it went to.
type moment struct{ total, idle, steal time.Duration }

func now() (moment, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return moment{}, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	const idle, iowait, steal = 4, 5, 8 // proc_stat(5); guest time is part of user time
	if len(fields) <= steal || fields[0] != "cpu" {
		return moment{}, fmt.Errorf("/proc/stat: %q is not as proc_stat(5) describes it", first)
	}
	var m moment
	for i, field := range fields[1 : steal+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return moment{}, fmt.Errorf("/proc/stat: %w", err)
		}
		m.total += time.Duration(n) * tick
		switch i + 1 {
		case idle, iowait:
			m.idle += time.Duration(n) * tick
		case steal:
			m.steal = time.Duration(n) * tick
		}
	}
	return m, nil
}

// disturbance is the share of the machine's CPU time, 0 to 1, that neither
// generator nor server had: what the host took (steal) and what other
// processes took.
type disturbance struct {
	Steal  float64 `json:"steal"`
	Others float64 `json:"others"`
}

func (m moment) until(end moment, used time.Duration) disturbance {
	total := end.total - m.total
	if total <= 0 {
		return disturbance{}
	}
	steal := end.steal - m.steal
	others := total - (end.idle - m.idle) - steal - used
	return disturbance{Steal: float64(steal) / float64(total), Others: max(0, float64(others)/float64(total))}
}
