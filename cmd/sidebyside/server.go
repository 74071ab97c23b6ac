//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"plimsoll/fixtures"
)

// server is a null target in a process of its own.
type server struct {
	url, stats string
	cmd        *exec.Cmd
}

// startServer starts a null target that keeps so many arrival instants.
func startServer(ctx context.Context, plimsoll string, arrivals int) (*server, error) {
	args := []string{"fixture", "null", "--listen", "127.0.0.1:0", "--stats", "127.0.0.1:0", "--arrivals", strconv.Itoa(arrivals)}
	s := &server{cmd: exec.CommandContext(ctx, plimsoll, args...)}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(serverCPU, s.cmd); err != nil {
		return nil, fmt.Errorf("start the null target: %w", err)
	}
	lines := bufio.NewScanner(stderr)
	for (s.url == "" || s.stats == "") && lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			s.url = "http://" + address + "/"
		}
		if address, ok := strings.CutPrefix(lines.Text(), "stats on "); ok {
			s.stats = "http://" + address + "/"
		}
	}
	if s.url == "" || s.stats == "" {
		return nil, fmt.Errorf("the null target did not start: %v", s.cmd.Wait())
	}
	return s, nil
}

// stop ends the server.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the null target: %w", err)
	}
	_ = s.cmd.Wait() // its exit code says only how it was told to end
	return nil
}

// take returns the server's counters, and the arrival instants once.
func (s *server) take(ctx context.Context) (fixtures.NullStats, error) {
	var stats fixtures.NullStats
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.stats, nil)
	if err != nil {
		return stats, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return stats, fmt.Errorf("ask the null target for its counters: %w", err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		return stats, fmt.Errorf("read the null target's counters: %w", err)
	}
	return stats, nil
}

// cpu is what the server has used up so far.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ") // a name may hold spaces
	fields := strings.Fields(rest)
	const user, system = 11, 12 // proc_pid_stat(5): fields 14 and 15, of which two are cut off
	if !ok || len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %q is not as proc_pid_stat(5) describes it", s.cmd.Process.Pid, text)
	}
	var ticks int64
	for _, field := range fields[user : system+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
