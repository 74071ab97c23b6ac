package topology

import "testing"

func TestCores(t *testing.T) {
	for want, limits := range map[float64]Limits{
		0:    {},
		1.5:  {CPUs: 1.5},
		0.5:  {CPUQuota: 50_000},
		0.25: {CPUQuota: 50_000, CPUPeriod: 200_000},
	} {
		if got := limits.Cores(); got != want {
			t.Errorf("%+v: %v cores, want %v", limits, got, want)
		}
	}
	if got := (Limits{CPUQuota: -1}).Cores(); got != 0 {
		t.Errorf("a quota of -1 is none, not %v cores", got)
	}
}
