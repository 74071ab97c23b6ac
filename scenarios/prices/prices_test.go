package prices

import (
	"errors"
	"strings"
	"testing"

	"plimsoll/scenarios/yamlfile"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		want       Prices
		err        string // a part of the message; empty: none
	}{
		{"all of it", "per_vcpu_hour: 0.0316\nper_gib_hour: .0042\ncurrency: EUR\n", Prices{.0316, .0042, "EUR"}, ""},
		{"memory for nothing", "{per_vcpu_hour: 1, per_gib_hour: 0, currency: USD}", Prices{1, 0, "USD"}, ""},
		{"a comment of one's own", "x-source: a bill\nper_vcpu_hour: 1\nper_gib_hour: 1\ncurrency: €\n", Prices{1, 1, "€"}, ""},
		{"an unknown key", "per_cpu_hour: 1\n", Prices{}, `p.yaml:1:1: per_cpu_hour: unknown key; did you mean "per_vcpu_hour"?`},
		{"a missing key", "per_vcpu_hour: 1\ncurrency: EUR\n", Prices{}, "per_gib_hour: is missing"},
		{"negative", "per_vcpu_hour: 1\nper_gib_hour: -1\ncurrency: EUR\n", Prices{}, "p.yaml:2:15: per_gib_hour: is negative"},
		{"no number", "per_vcpu_hour: cheap\nper_gib_hour: 1\ncurrency: EUR\n", Prices{}, `p.yaml:1:16: per_vcpu_hour: "cheap" is not a price`},
		{"infinite", "per_vcpu_hour: .inf\nper_gib_hour: 1\ncurrency: EUR\n", Prices{}, "is not a price"},
		{"no value", "per_vcpu_hour:\nper_gib_hour: 1\ncurrency: EUR\n", Prices{}, "p.yaml:1:1"},
		{"an empty currency", "per_vcpu_hour: 1\nper_gib_hour: 1\ncurrency: ''\n", Prices{}, "p.yaml:3:11: currency: is empty"},
		{"twice", "per_vcpu_hour: 1\nper_vcpu_hour: 1\nper_gib_hour: 1\ncurrency: EUR\n", Prices{}, "a second time"},
		{"a list", "- 1\n", Prices{}, "must be a mapping"},
		{"empty", "", Prices{}, "is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse("p.yaml", []byte(tt.text))
			if tt.err == "" {
				if err != nil || got != tt.want {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			var located *yamlfile.Error
			if !errors.As(err, &located) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v, want %q", err, tt.err)
			}
		})
	}
}

func TestPerHour(t *testing.T) {
	if got := (Prices{2, 3, "EUR"}).PerHour(1.5, 2<<30); got != 9 {
		t.Errorf("%v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("per_vcpu_hour: 0.0316\nper_gib_hour: .0042\ncurrency: EUR\n"))
	f.Add([]byte("per_vcpu_hour: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("p.yaml", text)
		if err == nil && (!(p.PerVCPUHour >= 0) || !(p.PerGiBHour >= 0) || p.Currency == "") {
			t.Errorf("%+v from %q", p, text)
		}
	})
}
