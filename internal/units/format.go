package units

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// groupSpace separates groups of three digits; it is narrow and never breaks
// a line.
const groupSpace = "\u202f"

// Latency prints how long something took, to three significant digits: "312
// µs", "4.21 ms", "1.08 s".
func Latency(d time.Duration) string {
	if d == 0 {
		return "0 ms"
	}
	scales := []struct {
		unit string
		size time.Duration
	}{{"ns", time.Nanosecond}, {"µs", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}}
	for i, s := range scales {
		v := float64(d) / float64(s.size)
		// What rounds to 1000 belongs to the next unit.
		if math.Abs(v) < 999.5 || i == len(scales)-1 {
			return significant(v, s.size == time.Nanosecond) + " " + s.unit
		}
	}
	panic("unreachable: the last scale takes everything")
}

// Bytes prints a size to three significant digits: "512 B", "12.3 MiB".
func Bytes(n int64) string {
	v := float64(n)
	for i, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if math.Abs(v) < 1023.5 || unit == "EiB" {
			return significant(v, i == 0) + " " + unit
		}
		v /= 1024
	}
	panic("unreachable: the last unit takes everything")
}

// Count prints a whole number with its digits in groups of three.
func Count(n int64) string {
	return group(strconv.FormatInt(n, 10))
}

// Rate prints a number per second as tables have it: "0.25", "649.8",
// "12 345".
func Rate(perSecond float64) string {
	switch abs := math.Abs(perSecond); {
	case abs < 9.995:
		return strconv.FormatFloat(perSecond, 'f', 2, 64)
	case abs < 9999.95:
		return group(strconv.FormatFloat(perSecond, 'f', 1, 64))
	}
	return group(strconv.FormatFloat(perSecond, 'f', 0, 64))
}

// Duration prints a duration as people write it, without units that are zero:
// "10s", "2m", "1h30m". It can be read by ParseDuration.
func Duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// significant prints v to three significant digits, but never rounds away
// digits before the decimal point.
func significant(v float64, whole bool) string {
	decimals := 0
	switch abs := math.Abs(v); {
	case whole:
	case abs < 9.995:
		decimals = 2
	case abs < 99.95:
		decimals = 1
	}
	return group(strconv.FormatFloat(v, 'f', decimals, 64))
}

// group separates the digits before the decimal point in groups of three.
// Numbers of four digits are grouped too, so that columns line up.
func group(number string) string {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	whole, fraction, hasFraction := strings.Cut(number, ".")
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(groupSpace)
		}
		b.WriteRune(digit)
	}
	if hasFraction {
		return sign + b.String() + "." + fraction
	}
	return sign + b.String()
}
