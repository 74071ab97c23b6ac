// Package units reads and prints the quantities that people write and read:
// durations, rates, sizes and counts.
package units

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a duration such as "10s", "2m" or "1m30s". A number
// without a unit is an error, as is a negative duration.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, errors.New("is empty; write a duration such as 10s or 2m")
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%q has no unit; write %ss or %sms", text, text, text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write one such as 10s, 250ms or 1m30s", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", text)
	}
	return d, nil
}

// ParseRate reads a rate as a whole number of requests per period: "200/s",
// "3000/m", "50/10s"; without a period it is per second. The number is at
// least 1.
func ParseRate(text string) (count int, per time.Duration, err error) {
	number, per, err := splitRate(text)
	if err != nil {
		return 0, 0, err
	}
	count, err = strconv.Atoi(number)
	if err != nil {
		if f, ferr := strconv.ParseFloat(number, 64); ferr == nil && f != math.Trunc(f) {
			return 0, 0, fmt.Errorf("%q is not a whole number of requests; use a longer period, such as 30/m for 0.5/s", number)
		}
		return 0, 0, notARate(text)
	}
	if count < 1 {
		return 0, 0, fmt.Errorf("%q is less than one request", text)
	}
	return count, per, nil
}

// ParseThroughput reads a rate that need not be whole, such as "649.8/s", and
// returns it per second.
func ParseThroughput(text string) (float64, error) {
	number, per, err := splitRate(text)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return 0, notARate(text)
	}
	return f / per.Seconds(), nil
}

func notARate(text string) error {
	return fmt.Errorf("%q is not a rate; write one such as 200/s or 3000/m", text)
}

// splitRate splits "200/s" into the number as written and the period.
func splitRate(text string) (number string, per time.Duration, err error) {
	number, period, found := strings.Cut(strings.TrimSpace(text), "/")
	number, period = strings.TrimSpace(number), strings.TrimSpace(period)
	if number == "" {
		return "", 0, notARate(text)
	}
	if !found {
		return number, time.Second, nil
	}
	switch period {
	case "s":
		return number, time.Second, nil
	case "m", "min":
		return number, time.Minute, nil
	case "h":
		return number, time.Hour, nil
	}
	per, err = time.ParseDuration(period)
	if err != nil || per <= 0 {
		return "", 0, fmt.Errorf("%q has an unknown period %q; use /s, /m or /h", text, period)
	}
	return number, per, nil
}
