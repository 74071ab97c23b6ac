package scenarios_test

import (
	"testing"
	"time"

	"plimsoll/scenarios"
)

func TestRateOf(t *testing.T) {
	for perSecond, want := range map[float64]string{200: "200/s", 67.2: "672/10s", 3.46: "346/1m40s", 1e6: "1000000/s"} {
		got := scenarios.RateOf(perSecond)
		if got.String() != want || got.PerSecond() != perSecond {
			t.Errorf("%v: %s, %v/s; want %s", perSecond, got, got.PerSecond(), want)
		}
	}
}

// TestLoadAt: another rate leaves everything else as it is, and does not change.
func TestLoadAt(t *testing.T) {
	ramp := scenarios.Load{
		Name: "ramp", Mode: scenarios.Open, Arrivals: scenarios.Poisson, Duration: time.Minute, KeepAlive: true, Connections: 20,
		Rate: scenarios.Rate{Count: 1, Per: time.Second}, Stages: []scenarios.Stage{{To: scenarios.Rate{Count: 9, Per: time.Second}, Over: time.Minute}},
	}
	got := ramp.At(scenarios.RateOf(50))
	if want := "open loop, 50/s for 1m, Poisson arrivals, at most 20 at once"; got.Text() != want || !got.KeepAlive {
		t.Errorf("%q, keep-alive %v; want %q", got.Text(), got.KeepAlive, want)
	}
	if len(ramp.Stages) != 1 || got.WarmupRate() != scenarios.RateOf(50) {
		t.Errorf("the load itself became %q, and is warmed up with %s", ramp.Text(), got.WarmupRate())
	}
}
