package scenarios

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseObjective(t *testing.T) {
	tests := []struct {
		text string
		want Objective
	}{
		{"p(99) < 1s", Objective{"p(99) < 1s", Percentile, 99, "<", 1e9, Place{}}},
		{"  p99<250ms ", Objective{"p99<250ms", Percentile, 99, "<", 250e6, Place{}}},
		{"p( 99.9 ) <= 1m", Objective{"p( 99.9 ) <= 1m", Percentile, 99.9, "<=", 60e9, Place{}}},
		{"p100 > 1ms", Objective{"p100 > 1ms", Percentile, 100, ">", 1e6, Place{}}},
		{"mean < 50ms", Objective{"mean < 50ms", Mean, 0, "<", 50e6, Place{}}},
		{"max < 2s", Objective{"max < 2s", Max, 0, "<", 2e9, Place{}}},
		{"errors < 0.1%", Objective{"errors < 0.1%", Errors, 0, "<", 0.001, Place{}}},
		{"errors <= 0", Objective{"errors <= 0", Errors, 0, "<=", 0, Place{}}},
		{"errors < 100 %", Objective{"errors < 100 %", Errors, 0, "<", 1, Place{}}},
		{"throughput > 100/s", Objective{"throughput > 100/s", Throughput, 0, ">", 100, Place{}}},
		{"throughput >= 649.8/s", Objective{"throughput >= 649.8/s", Throughput, 0, ">=", 649.8, Place{}}},
		{"throughput >= 30/m", Objective{"throughput >= 30/m", Throughput, 0, ">=", 0.5, Place{}}},
	}
	for _, tt := range tests {
		got, err := ParseObjective(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.text, diff)
		}
	}
}

func TestBadObjectives(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "is not an objective"},
		{"p(99)", "is not an objective"},
		{"p(99) == 1s", "is not an objective"},
		{"p(99) <", "is not an objective"},
		{"p(99) < > 1s", "is not an objective"},
		{"p() < 1s", "is not an objective"},
		{"p < 1s", "has no percentile"},
		{"p(0) < 1s", "has no percentile"},
		{"p(100.1) < 1s", "has no percentile"},
		{"p(1.2.3) < 1s", "has no percentile"},
		{"p(99) < 1", "no unit"},
		{"p(99) < 0s", "nothing meets"},
		{"p(99) < -1s", "negative"},
		{"maen < 1s", `did you mean "mean"?`},
		{"errors < 1", "no percent sign"},
		{"errors < 101%", "not between"},
		{"errors < -1%", "not between"},
		{"errors < NaN%", "not a share"},
		{"throughput > 1x", "not a rate"},
		{"recovery < 10s", "not supported by this version"},
	}
	for _, tt := range tests {
		got, err := ParseObjective(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %+v, %v, want an error with %q", tt.text, got, err, tt.want)
		}
	}
}

func FuzzParseObjective(f *testing.F) {
	for _, text := range []string{"p(99) < 1s", "p99.9>=1m", "errors < 0.1%", "throughput > 1e3/m", "mean<5us", "recovery < 1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseObjective(text)
		if err != nil {
			return
		}
		if math.IsNaN(o.Limit) || math.IsInf(o.Limit, 0) || o.Limit < 0 {
			t.Errorf("%q has the limit %v", text, o.Limit)
		}
		if again, err := ParseObjective(o.Text); err != nil || again != o {
			t.Errorf("%q is %+v, its text gives %+v, %v", text, o, again, err)
		}
	})
}
