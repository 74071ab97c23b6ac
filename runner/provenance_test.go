package runner

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/scenarios"
	"plimsoll/scenarios/topology"
)

func TestNoteLimits(t *testing.T) {
	limits := map[string]float64{}
	noteLimits(limits, scenarios.Environment{Name: "url"})
	noteLimits(limits, scenarios.Environment{Name: "production", Topology: &topology.Topology{Services: []topology.Service{
		{Name: "proxy"},
		{Name: "static", Limits: topology.Limits{CPUQuota: 50_000}},
		{Name: "web", Limits: topology.Limits{CPUs: 2}},
	}}})
	want := map[string]float64{"production/static": 0.5, "production/web": 2}
	if diff := cmp.Diff(want, limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
