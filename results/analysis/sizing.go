package analysis

import (
	"fmt"

	"plimsoll/results"
	"plimsoll/results/analysis/size"
	"plimsoll/scenarios"
	"plimsoll/scenarios/prices"
)

// SizingSchema is the schema that a Sizing states.
const SizingSchema = "plimsoll.size/1"

// SizeQuery is what is asked of stored runs. What is empty is taken from them,
// where they leave no choice.
type SizeQuery struct {
	Rate float64 // requests per second
	// Objectives have to be met at a rate for it to be supported; empty: those
	// of the first run.
	Objectives []scenarios.Objective
	// Environment, and Service: the one that is scaled.
	Environment string
	Service     string
	// Loads are the names of those that are steps of the ladder of rates;
	// empty: all open loops of a constant rate.
	Loads  []string
	Prices *prices.Prices // nil: none
	Seed   uint64
}

// ChoiceError says that the runs leave a choice, or do not have what was
// chosen.
type ChoiceError struct{ text string }

func (e *ChoiceError) Error() string { return e.text }

func choose(format string, args ...any) error { return &ChoiceError{fmt.Sprintf(format, args...)} }

// Sizing is the answer to a SizeQuery with all that it rests on.
type Sizing struct {
	Schema      string   `json:"schema"`
	Runs        []string `json:"runs"`
	Scenario    string   `json:"scenario"`
	Environment string   `json:"environment"`
	Service     string   `json:"service"`
	Objectives  []string `json:"objectives"`
	// Pattern says what the loads share; empty where there is no ladder.
	Pattern string  `json:"pattern,omitempty"`
	Rate    float64 `json:"rate_rps"`
	// Levels are what each number of replicas supports.
	Levels []SizedLevel `json:"levels"`
	Answer size.Answer  `json:"answer"`
	// Retrograde is there if the most replicas carried less than fewer did.
	Retrograde *size.Drop `json:"retrograde,omitempty"`
	// Needs are what the services need for the rate: with the planned number
	// of replicas where there is one.
	Needs []Need `json:"needs"`
	// NeedsFrom is the number of replicas that they were measured with.
	NeedsFrom int   `json:"needs_from,omitempty"`
	Cost      *Cost `json:"cost,omitempty"`
	// Closed is what closed loops reached, where there are such loads and no
	// ladder. It is no capacity.
	Closed *ClosedScaling `json:"closed,omitempty"`
	Notes  []string       `json:"notes"`
}

// SizedLevel is what was measured with one number of replicas.
type SizedLevel struct {
	size.Level
	// Supported is the mean over the starts (geometric), per second; 0 where a
	// start supported no rate. Least and Most are over the starts.
	Supported float64 `json:"supported_rps"`
	Least     float64 `json:"least_rps"`
	Most      float64 `json:"most_rps"`
	// NextFailed is the lowest rate that failed in any start; 0: none did.
	NextFailed float64 `json:"next_failed_rps,omitempty"`
	Trials     int     `json:"trials"` // that count
	Scale      string  `json:"scale"`
}

// summarize computes what a level's starts have in common.
func (l *SizedLevel) summarize() {
	l.Supported = l.Level.Supported()
	met := rangeOf(each(l.Starts, func(s size.Start) float64 { return s.Met }))
	l.Least, l.Most = met.Min, met.Max
}

// Need is what one service needs.
type Need struct {
	Service string `json:"service"`
	// Replicas is 0 where the answer gives no number.
	Replicas int `json:"replicas,omitempty"`
	// CPUPerRequest is in ns, over all replicas of the service.
	CPUPerRequest float64 `json:"cpu_ns_per_request"`
	// VCPUs is what the rate uses up, with nothing to spare.
	VCPUs float64 `json:"vcpus"`
	// ReplicaMemory is the highest peak of a replica, in bytes, Memory that of
	// all replicas; 0 where Replicas is.
	ReplicaMemory float64 `json:"replica_memory_bytes"`
	Memory        float64 `json:"memory_bytes,omitempty"`
}

// Cost is what the needs cost.
type Cost struct {
	prices.Prices
	PerHour            float64 `json:"per_hour"`
	PerMillionRequests float64 `json:"per_million_requests"`
}

// ClosedScaling is the throughput of a closed loop by the number of replicas.
type ClosedScaling struct {
	Load       string       `json:"load"`
	Levels     []SizedLevel `json:"levels"`
	Curve      *size.Curve  `json:"curve,omitempty"`
	Retrograde *size.Drop   `json:"retrograde,omitempty"`
	Text       string       `json:"text"`
}

// SizeUp says how many replicas the rate needs, from what is stored. An error
// is a *ChoiceError if the query has to say more.
func SizeUp(runs []*results.Run, q SizeQuery) (*Sizing, error) {
	s := &sizer{SizeQuery: q, searches: map[start]found{}}
	for _, run := range runs {
		s.runs = append(s.runs, labelled(run))
	}
	for _, settle := range []func() error{s.settleObjectives, s.settleEnvironment, s.settleService, s.settleLadder} {
		if err := settle(); err != nil {
			return nil, err
		}
	}
	doc := &Sizing{
		Schema: SizingSchema, Scenario: s.runs[0].Manifest.Scenario, Environment: s.Environment, Service: s.Service,
		Pattern: s.pattern, Rate: q.Rate, Levels: []SizedLevel{}, Needs: []Need{}, Notes: []string{}, Objectives: []string{},
	}
	for _, run := range s.runs {
		doc.Runs = append(doc.Runs, run.Manifest.ID)
	}
	for _, o := range s.Objectives {
		doc.Objectives = append(doc.Objectives, o.Text)
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	doc.Levels = s.levels()
	var levels []size.Level
	for _, l := range doc.Levels {
		levels = append(levels, l.Level)
	}
	var err error
	if doc.Answer, err = size.Decide(levels, q.Rate, q.Seed); err != nil {
		return nil, err
	}
	if s.pattern == "" {
		doc.Closed = s.closedScaling()
		doc.Answer = noLadder(q.Rate, doc.Closed)
	}
	doc.Retrograde = size.Retrograde(levels)
	s.addNeeds(doc)
	doc.Notes = append(doc.Notes, s.notes()...)
	return doc, nil
}
