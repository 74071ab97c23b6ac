//go:build linux

package main

import (
	"fmt"
	"strconv"
	"time"
)

// cell is one load that several tools apply.
type cell struct {
	Connections int           `json:"connections,omitempty"`
	KeepAlive   bool          `json:"keepalive"`
	Rate        int           `json:"rate,omitempty"` // requests/s; 0: closed loop
	Length      time.Duration `json:"length_ns"`
	Tools       []string      `json:"tools"`
}

func (c cell) String() string {
	switch {
	case c.Rate > 0:
		return fmt.Sprintf("%d/s", c.Rate)
	case c.KeepAlive:
		return fmt.Sprintf("keep-alive c=%d", c.Connections)
	}
	return fmt.Sprintf("no keep-alive c=%d", c.Connections)
}

// Our own two transports under names of tools.
const (
	fast    = "plimsoll fast"
	general = "plimsoll general"
)

// spread is over how many connections a peer sends a constant rate.
const spread = 50

// rateLength is how long a constant rate lasts: at the lowest one a second has
// few requests.
const rateLength = 3 * time.Second

// cells are what is measured. Those that are several times slower than the
// others are left out where nothing more can be learnt of them.
func cells(length time.Duration) []cell {
	lean := []string{fast, "wrk", "ab"}
	all := append(lean[:len(lean):len(lean)], general, "hey", "vegeta", "bombardier")
	return []cell{
		{Connections: 1, KeepAlive: true, Length: length, Tools: lean},
		{Connections: 10, KeepAlive: true, Length: length, Tools: all},
		{Connections: 100, KeepAlive: true, Length: length, Tools: all},
		{Connections: 1000, KeepAlive: true, Length: length, Tools: lean},
		{Connections: 10, Length: length, Tools: append(lean[:len(lean):len(lean)], general, "hey")},
		{Connections: spread, KeepAlive: true, Rate: 1000, Length: rateLength, Tools: []string{fast, "vegeta", "hey", "bombardier"}},
		{Connections: spread, KeepAlive: true, Rate: 10_000, Length: rateLength, Tools: []string{fast, "vegeta"}},
		{Connections: spread, KeepAlive: true, Rate: 30_000, Length: rateLength, Tools: []string{fast, "vegeta"}},
	}
}

// arguments is the command line that makes a tool apply a cell to a URL, and
// what it is to read from stdin. The traps: wrk ignores a header without a
// space after its colon; bombardier's -a leaves keep-alive on; ab wants a path;
// hey's rate is that of each worker; vegeta starts a worker for each late
// request unless told how many.
func arguments(tool string, c cell, url string) (args []string, stdin string, err error) {
	seconds := strconv.Itoa(int(c.Length / time.Second))
	conns := strconv.Itoa(c.Connections)
	switch tool {
	case fast, general:
		return ours(tool, c, url), "", nil
	case "wrk":
		args = []string{"-t1", "-c" + conns, "-d" + seconds + "s", "--timeout", "30s"}
		if !c.KeepAlive {
			args = append(args, "-H", "Connection: close")
		}
	case "ab":
		// -t sets -n, so -n has to follow it.
		args = []string{"-q", "-t", seconds, "-n", "10000000", "-c", conns}
		if c.KeepAlive {
			args = append(args, "-k")
		}
	case "hey":
		args = []string{"-z", seconds + "s", "-c", conns}
		if !c.KeepAlive {
			args = append(args, "-disable-keepalive")
		}
		if c.Rate > 0 {
			args = append(args, "-q", strconv.Itoa(c.Rate/c.Connections))
		}
	case "vegeta":
		args = []string{"attack", "-rate", strconv.Itoa(c.Rate), "-duration", seconds + "s", "-workers", conns, "-max-workers", conns, "-connections", conns}
		return args, "GET " + url + "\n", nil
	case "bombardier":
		args = []string{"-c", conns, "-d", seconds + "s", "--print", "r", "--timeout", "30s"}
		if c.Rate > 0 {
			args = append(args, "-r", strconv.Itoa(c.Rate))
		}
	default:
		return nil, "", fmt.Errorf("no tool is called %q", tool)
	}
	return append(args, url), "", nil
}

func ours(tool string, c cell, url string) []string {
	transport := "general"
	if tool == fast {
		transport = "fast"
	}
	args := []string{"bench", "--quiet", "--format", "json", "--transport", transport, "-d", c.Length.String()}
	if c.KeepAlive {
		args = append(args, "-k")
	}
	if c.Rate > 0 {
		args = append(args, "--rate", fmt.Sprintf("%d/s", c.Rate))
	} else {
		args = append(args, "-c", strconv.Itoa(c.Connections))
	}
	return append(args, url)
}
