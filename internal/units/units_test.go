package units

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		err  string // a part of the message; empty: none
	}{
		{"10s", 10 * time.Second, ""},
		{" 2m ", 2 * time.Minute, ""},
		{"1m30s", 90 * time.Second, ""},
		{"250ms", 250 * time.Millisecond, ""},
		{"0.5s", 500 * time.Millisecond, ""},
		{"0", 0, ""},
		{"0s", 0, ""},
		{"", 0, "empty"},
		{"10", 0, "write 10s"},
		{"1.5", 0, "no unit"},
		{"-3s", 0, "negative"},
		{"ten seconds", 0, "not a duration"},
		{"9999999h", 0, "not a duration"},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.text)
		checkError(t, tt.text, err, tt.err)
		if got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestParseRate(t *testing.T) {
	tests := []struct {
		text  string
		count int
		per   time.Duration
		err   string
	}{
		{"200/s", 200, time.Second, ""},
		{"3000/m", 3000, time.Minute, ""},
		{"3000/min", 3000, time.Minute, ""},
		{"7 / h", 7, time.Hour, ""},
		{"50", 50, time.Second, ""},
		{"50/10s", 50, 10 * time.Second, ""},
		{"5/1h0m0s", 5, time.Hour, ""},
		{"0/s", 0, 0, "less than one"},
		{"-1/s", 0, 0, "less than one"},
		{"0.5/s", 0, 0, "30/m"},
		{"many/s", 0, 0, "not a rate"},
		{"/s", 0, 0, "not a rate"},
		{"", 0, 0, "not a rate"},
		{"10/x", 0, 0, "unknown period"},
		{"10/-1s", 0, 0, "unknown period"},
		{"99999999999999999999/s", 0, 0, "not a rate"},
	}
	for _, tt := range tests {
		count, per, err := ParseRate(tt.text)
		checkError(t, tt.text, err, tt.err)
		if count != tt.count || per != tt.per {
			t.Errorf("ParseRate(%q) = %d, %v, want %d, %v", tt.text, count, per, tt.count, tt.per)
		}
	}
}

func TestParseThroughput(t *testing.T) {
	tests := []struct {
		text string
		want float64
		err  string
	}{
		{"100/s", 100, ""},
		{"649.8/s", 649.8, ""},
		{"30/m", 0.5, ""},
		{"12", 12, ""},
		{"-1/s", 0, "not a rate"},
		{"NaN/s", 0, "not a rate"},
		{"inf", 0, "not a rate"},
		{"1s", 0, "not a rate"},
	}
	for _, tt := range tests {
		got, err := ParseThroughput(tt.text)
		checkError(t, tt.text, err, tt.err)
		if math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("ParseThroughput(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func checkError(t *testing.T, text string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%q: unexpected error: %v", text, err)
	case want != "" && err == nil:
		t.Errorf("%q: no error, want one with %q", text, want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("%q: error %q does not contain %q", text, err, want)
	}
}

func TestFormats(t *testing.T) {
	thin := func(s string) string { return strings.ReplaceAll(s, "_", groupSpace) }
	tests := []struct{ what, got, want string }{
		{"zero", Latency(0), "0 ms"},
		{"ns", Latency(840), "840 ns"},
		{"µs", Latency(312 * time.Microsecond), "312 µs"},
		{"µs with decimals", Latency(4210), "4.21 µs"},
		{"just below 1 ms", Latency(999_499), "999 µs"},
		{"rounds up to 1 ms", Latency(999_600), "1.00 ms"},
		{"ms", Latency(4210 * time.Microsecond), "4.21 ms"},
		{"rounds up to 10.0", Latency(9_996 * time.Microsecond), "10.0 ms"},
		{"tens of ms", Latency(42_149 * time.Microsecond), "42.1 ms"},
		{"s", Latency(1080 * time.Millisecond), "1.08 s"},
		{"minutes", Latency(100 * time.Second), "100 s"},
		{"an hour", Latency(time.Hour), thin("3_600 s")},
		{"negative", Latency(-4210 * time.Microsecond), "-4.21 ms"},

		{"no bytes", Bytes(0), "0 B"},
		{"bytes", Bytes(512), "512 B"},
		{"one KiB", Bytes(1024), "1.00 KiB"},
		{"nearly one MiB", Bytes(1024*1024 - 1), "1.00 MiB"},
		{"1023 KiB", Bytes(1023 * 1024), thin("1_023 KiB")},
		{"MiB", Bytes(12_900_000), "12.3 MiB"},
		{"256 MiB", Bytes(256 << 20), "256 MiB"},
		{"most", Bytes(math.MaxInt64), "8.00 EiB"},

		{"count", Count(999), "999"},
		{"grouped", Count(1_234_567), thin("1_234_567")},
		{"negative count", Count(-1000), thin("-1_000")},
		{"least count", Count(math.MinInt64), thin("-9_223_372_036_854_775_808")},

		{"small rate", Rate(0.25), "0.25"},
		{"rate", Rate(649.84), "649.8"},
		{"rate of thousands", Rate(1234.56), thin("1_234.6")},
		{"great rate", Rate(12345.6), thin("12_346")},

		{"seconds", Duration(10 * time.Second), "10s"},
		{"minutes", Duration(2 * time.Minute), "2m"},
		{"both", Duration(130 * time.Second), "2m10s"},
		{"hours", Duration(90 * time.Minute), "1h30m"},
		{"whole hours", Duration(10 * time.Hour), "10h"},
		{"none", Duration(0), "0s"},
		{"ten minutes", Duration(10 * time.Minute), "10m"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"10s", "1m30s", "0", "-1s", "1e3s", "9223372036s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		again, err := ParseDuration(Duration(d))
		if err != nil || again != d {
			t.Errorf("%q is %v, printed as %q it is %v, %v", text, d, Duration(d), again, err)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"200/s", "50", "0.5/s", "3/10s", "1/1ns", "/", "1/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		count, per, err := ParseRate(text)
		if err == nil && (count < 1 || per <= 0) {
			t.Errorf("ParseRate(%q) = %d, %v", text, count, per)
		}
	})
}
