package cgroup

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseCount reads a file that is one number.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%d is out of range", n)
	}
	return int64(n), nil
}

// parseKeyed finds a key in lines of "key number".
func parseKeyed(text, key string) (n int64, found bool, err error) {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, " "); ok && k == key {
			n, err = parseCount(v)
			if err != nil {
				err = fmt.Errorf("%s: %w", key, err)
			}
			return n, true, err
		}
	}
	return 0, false, nil
}

// micros turns a count of microseconds into a duration.
func micros(n int64) (time.Duration, error) {
	if n > math.MaxInt64/int64(time.Microsecond) {
		return 0, fmt.Errorf("%d microseconds are out of range", n)
	}
	return time.Duration(n) * time.Microsecond, nil
}

func takeUsageV1(text string, c *Counters) error {
	n, err := parseCount(text)
	c.CPU = time.Duration(n)
	return err
}

func takeThrottledV1(text string, c *Counters) error {
	n, found, err := parseKeyed(text, "throttled_time")
	if found {
		throttled := time.Duration(n)
		c.Throttled = &throttled
	}
	return err
}

func takeCPUV2(text string, c *Counters) error {
	n, found, err := parseKeyed(text, "usage_usec")
	if err != nil {
		return err
	}
	if !found {
		return errors.New("it has no usage_usec")
	}
	if c.CPU, err = micros(n); err != nil {
		return err
	}
	// Only with the cpu controller.
	n, found, err = parseKeyed(text, "throttled_usec")
	if err != nil || !found {
		return err
	}
	throttled, err := micros(n)
	c.Throttled = &throttled
	return err
}

func takeMemory(text string, c *Counters) (err error) {
	c.MemoryBytes, err = parseCount(text)
	return err
}

// takeInactive subtracts the page cache that was not used lately. Both numbers
// are read one after the other, so it may be the larger one.
func takeInactive(key string) func(string, *Counters) error {
	return func(text string, c *Counters) error {
		n, found, err := parseKeyed(text, key)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("it has no %s", key)
		}
		if n < c.MemoryBytes {
			c.MemoryBytes -= n
		}
		return nil
	}
}

// takeBlockV2 sums up lines like "8:0 rbytes=1 wbytes=2 rios=3".
func takeBlockV2(text string, c *Counters) error {
	var read, written int64
	for line := range strings.Lines(text) {
		for _, field := range strings.Fields(line) {
			key, value, _ := strings.Cut(field, "=")
			if key != "rbytes" && key != "wbytes" {
				continue
			}
			n, err := parseCount(value)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if key == "rbytes" {
				read += n
			} else {
				written += n
			}
		}
	}
	c.BlockRead, c.BlockWrite = &read, &written
	return nil
}

// takeBlockV1 sums up lines like "8:0 Read 1" and "8:0 Write 2". Without a
// device there has been nothing to count, or nothing that could be.
func takeBlockV1(text string, c *Counters) error {
	var read, written int64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue // "Total 0"
		}
		n, err := parseCount(fields[2])
		if err != nil {
			return fmt.Errorf("%s %s: %w", fields[0], fields[1], err)
		}
		switch fields[1] {
		case "Read":
			read += n
			c.BlockRead = &read
		case "Write":
			written += n
			if written > 0 {
				c.BlockWrite = &written
			}
		}
	}
	return nil
}

// takeNetwork sums up the interfaces of a net/dev file. Its two heading lines
// have no colon; behind the colon come eight counters of what was received,
// bytes first, and eight of what was sent.
func takeNetwork(text string, c *Counters) error {
	var in, out int64
	for line := range strings.Lines(text) {
		name, counters, found := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !found || name == "lo" {
			continue
		}
		fields := strings.Fields(counters)
		if len(fields) < 9 {
			return fmt.Errorf("interface %s: %d counters, want 16", name, len(fields))
		}
		received, err := parseCount(fields[0])
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		sent, err := parseCount(fields[8])
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		in, out = in+received, out+sent
	}
	c.NetIn, c.NetOut = &in, &out
	return nil
}
