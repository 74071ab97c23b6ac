package analysis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/scenarios"
)

// PairingSchema is the schema that a Pairing states.
const PairingSchema = "plimsoll.compare/1"

// Subject is what Pair holds against another: a run, or some of its cells.
type Subject struct {
	// Asked is how it was asked for: "latest:training".
	Asked    string
	Manifest results.Manifest
	Document *Document
	// Scenario is the run's own; nil: it has none, or one that cannot be read.
	Scenario *scenarios.Scenario
	Selector Selector
}

// Pairing holds two sides against each other, cell by cell. It says how far
// they are apart, and never which one is to be taken.
type Pairing struct {
	Schema string      `json:"schema"`
	A      PairingSide `json:"a"`
	B      PairingSide `json:"b"`
	// Scope says what such ratios can and cannot tell.
	Scope string `json:"scope"`
	// Advisory says why the ratios of two runs are no more than advice; empty
	// if both sides are of one run.
	Advisory string `json:"advisory,omitempty"`
	// Pairs are the cells that could be compared, in the order of A's.
	Pairs []Pair `json:"pairs"`
	// Refused are those that could not, and Unmatched the cells of either side
	// that the other side has none for.
	Refused   []Refusal `json:"refused"`
	Unmatched []string  `json:"unmatched"`
	// Differences are what is recorded to differ between the sides beside
	// their numbers.
	Differences []Difference `json:"differences"`
	// Expect says how many of the intervals can be expected to be wrong.
	Expect   string   `json:"expect,omitempty"`
	Warnings []string `json:"warnings"`
}

// PairingSide says what one side is.
type PairingSide struct {
	Asked string `json:"asked"`
	// Label is what tells it from the other side.
	Label    string    `json:"label"`
	Run      string    `json:"run"`
	Scenario string    `json:"scenario"`
	Started  time.Time `json:"started"`
	Selector Selector  `json:"selector"`
}

// Pair is a cell of each side.
type Pair struct {
	Name    string   `json:"name"` // what both have in common: "web=3 · ab"
	Load    LoadInfo `json:"load"`
	A       *Cell    `json:"a"`
	B       *Cell    `json:"b"`
	Changes []Change `json:"changes"`
	// InTurns says that the trials of both sides took turns, so that what the
	// machine did meanwhile met both alike.
	InTurns bool `json:"in_turns"`
	// Cautions are to be read with the numbers.
	Cautions []string  `json:"cautions"`
	Findings []Finding `json:"findings"`
}

// Refusal is a pair of cells that are not to be compared, and why.
type Refusal struct {
	Name        string       `json:"name"`
	Differences []Difference `json:"differences"`
}

// Text is a refusal in a sentence.
func (r Refusal) Text() string { return r.Name + ": " + r.why() }

func (r Refusal) why() string {
	parts := make([]string, 0, len(r.Differences))
	for _, d := range r.Differences {
		parts = append(parts, d.Text())
	}
	return strings.Join(parts, "; ")
}

// Difference is a thing that differs, with both sides' values.
type Difference struct {
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Text is a difference in words: "load, concurrency: A has 10, B has 20".
func (d Difference) Text() string {
	if d.A == "" && d.B == "" {
		return d.What
	}
	return fmt.Sprintf("%s: A has %s, B has %s", d.What, d.A, d.B)
}

// sameRun reports whether both sides are of one run. A copy of a run's folder
// is that run.
func sameRun(a, b Subject) bool {
	return a.Manifest.ID == b.Manifest.ID && a.Manifest.Started.Equal(b.Manifest.Started)
}

// Compare pairs the cells of two subjects and compares each pair. Cells belong
// together that have environment, scale and load in common, where not both
// selectors name one. An error says that a selector names nothing.
func Compare(a, b Subject) (*Pairing, error) {
	left, err := a.Document.Select(a.Selector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Asked, err)
	}
	right, err := b.Document.Select(b.Selector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Asked, err)
	}
	p := &Pairing{
		Schema: PairingSchema, A: sideOf(a), B: sideOf(b), Scope: scopeOf(a, b),
		Pairs: []Pair{}, Refused: []Refusal{}, Unmatched: []string{}, Differences: []Difference{},
		Warnings: distinct(slices.Concat(a.Document.Warnings, b.Document.Warnings)),
	}
	p.A.Label, p.B.Label = sideLabels(a, b)
	if !sameRun(a, b) {
		p.Advisory = advisory
	}
	matched := map[*Cell]bool{}
	for _, l := range left {
		for _, r := range right {
			if !partners(a.Selector, b.Selector, l, r) {
				continue
			}
			matched[l], matched[r] = true, true
			p.add(pairSide{a, l}, pairSide{b, r})
		}
	}
	for _, c := range left {
		if !matched[c] {
			p.Unmatched = append(p.Unmatched, "A: "+c.Name)
		}
	}
	for _, c := range right {
		if !matched[c] {
			p.Unmatched = append(p.Unmatched, "B: "+c.Name)
		}
	}
	p.expect()
	return p, nil
}

// Refusal is why nothing at all could be compared; empty: something was.
func (p *Pairing) Refusal() string {
	switch {
	case len(p.Pairs) > 0:
		return ""
	case len(p.Refused) == 0:
		return "no cell of A has a counterpart of the same environment, scale and load in B (" + strings.Join(p.Unmatched, ", ") +
			"); name them, as in RUN:ENV/SCALE/LOAD"
	}
	// Most of them differ in the same.
	var why []string
	names := map[string][]string{}
	for _, r := range p.Refused {
		text := r.why()
		if names[text] == nil {
			why = append(why, text)
		}
		names[text] = append(names[text], r.Name)
	}
	for i, text := range why {
		why[i] = strings.Join(names[text], ", ") + ": " + text
	}
	return strings.Join(why, "\n")
}

// pairSide is one cell and what it belongs to.
type pairSide struct {
	Subject
	cell *Cell
}

// namedCell is a cell and the side that it is on.
type namedCell struct {
	name string
	*Cell
}

func pairOf(a, b *Cell) []namedCell { return []namedCell{{"A", a}, {"B", b}} }

func partners(a, b Selector, l, r *Cell) bool {
	match := func(a, b, l, r string) bool { return a != "" && b != "" || l == r }
	return match(a.Environment, b.Environment, bare(l), bare(r)) && match(a.Scale, b.Scale, l.Scale, r.Scale) && match(a.Load, b.Load, l.Load, r.Load)
}

// add compares one pair, or refuses to.
func (p *Pairing) add(a, b pairSide) {
	name := common(a.cell, b.cell)
	if differ := refusal(a, b); len(differ) > 0 {
		p.Refused = append(p.Refused, Refusal{Name: name, Differences: differ})
		return
	}
	pair := Pair{
		Name: name, A: a.cell, B: b.cell, Changes: []Change{}, Cautions: cautions(a, b), Findings: []Finding{},
		InTurns: sameRun(a.Subject, b.Subject) && inTurns(a.cell.counted(), b.cell.counted()),
	}
	for _, l := range a.Document.Loads {
		if l.Name == a.cell.Load {
			pair.Load = l
		}
	}
	if p.Advisory == "" && !pair.InTurns {
		pair.Cautions = append(pair.Cautions, notInTurns)
	}
	for _, m := range pairMetrics(a.cell, b.cell) {
		pair.Changes = append(pair.Changes, pair.change(m))
	}
	for _, side := range []struct {
		name string
		pairSide
	}{{"A", a}, {"B", b}} {
		for _, f := range side.Document.Findings {
			// What an invalid trial showed is not among the numbers.
			if f.Cell == side.cell.Name && f.Kind != "invalid" {
				f.Cell = side.name
				pair.Findings = append(pair.Findings, f)
			}
		}
	}
	p.Pairs = append(p.Pairs, pair)
	for _, d := range circumstances(a, b) {
		if !slices.Contains(p.Differences, d) {
			p.Differences = append(p.Differences, d)
		}
	}
}

// common names what both cells are.
func common(a, b *Cell) string {
	var parts []string
	for _, both := range [][2]string{{bare(a), bare(b)}, {a.Scale, b.Scale}, {a.Load, b.Load}} {
		if both[0] == both[1] {
			parts = append(parts, both[0])
		} else {
			parts = append(parts, both[0]+" | "+both[1])
		}
	}
	return strings.Join(parts, " · ")
}

// expect counts the intervals that can be trusted to hold as often as they say:
// of many some are wrong.
func (p *Pairing) expect() {
	n := 0
	for _, pair := range p.Pairs {
		for _, c := range pair.Changes {
			if pair.InTurns && c.Interval.None == "" {
				n++
			}
		}
	}
	if n > 1 {
		p.Expect = fmt.Sprintf("Where trials took turns an interval holds the true ratio in %.0f of 100 cases at the least: of %d such intervals here about %.1f can be expected to miss.",
			100*Confidence, n, (1-Confidence)*float64(n))
	}
}
