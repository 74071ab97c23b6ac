package scenarios

import (
	"encoding/json"
	"fmt"
	"time"

	"plimsoll/internal/units"
)

const (
	defaultWarmup = 5 * time.Second
	// defaultLimit is when a warm-up until steady ends at the latest.
	defaultLimit = 2 * time.Minute
	// leastLimit is when it is first looked whether a system is steady.
	leastLimit = 40 * time.Second
)

// The warm-ups that are no duration.
const (
	none   = "none"
	steady = "steady"
)

// Warmup is how a stack is warmed up before it is measured. The zero Warmup is
// none.
type Warmup struct {
	// For is how long; with UntilSteady, how long at most.
	For time.Duration
	// UntilSteady ends it when the system is steady.
	UntilSteady bool
}

// Text says it in words: "none", "10s", "until steady, at most 2m".
func (w Warmup) Text() string {
	switch {
	case w.UntilSteady:
		return "until steady, at most " + units.Duration(w.For)
	case w.For == 0:
		return none
	}
	return units.Duration(w.For)
}

// written is the warm-up as a file has it.
func (w Warmup) written() warmup {
	if w.UntilSteady {
		return warmup{long: true, until: warmupUntil{Until: steady, Limit: warmupLimit(w.For)}}
	}
	return warmup{text: warmupText(w.Text())}
}

// warmup is how a stack is warmed up, as a word or with a limit.
type warmup struct {
	text  warmupText
	until warmupUntil
	long  bool // it is written as a mapping
}

// warmupUntil is the long form of steady.
type warmupUntil struct {
	Until steadyWord  `json:"until" jsonschema:"enum=steady" jsonschema_description:"What ends the warm-up: steady."`
	Limit warmupLimit `json:"limit,omitzero" jsonschema_description:"When it ends at the latest, 40s or more; 2m if left out."`
}

// Choose decodes a mapping as a warmupUntil, and anything else as a text.
func (w *warmup) Choose(mapping bool) any {
	if w.long = mapping; mapping {
		return &w.until
	}
	return &w.text
}

// MarshalJSON writes what was read.
func (w warmup) MarshalJSON() ([]byte, error) {
	if w.long {
		return json.Marshal(w.until)
	}
	return json.Marshal(w.text)
}

// plain is the warm-up that was meant.
func (w warmup) plain() Warmup {
	switch {
	case w.long || w.text == steady:
		limit := time.Duration(w.until.Limit)
		if limit == 0 {
			limit = defaultLimit
		}
		return Warmup{For: limit, UntilSteady: true}
	case w.text == "":
		return Warmup{For: defaultWarmup}
	case w.text == none:
		return Warmup{}
	}
	// One that cannot be read was noted when it was decoded.
	d, _ := units.ParseDuration(string(w.text))
	return Warmup{For: d}
}

// warmupText is steady, none or a duration.
type warmupText string

// UnmarshalText checks the text and keeps it.
func (w *warmupText) UnmarshalText(text []byte) error {
	*w = warmupText(text)
	if *w == none || *w == steady {
		return nil
	}
	if _, err := units.ParseDuration(string(text)); err != nil {
		return fmt.Errorf("%w; or steady, {until: steady, limit: 4m} or none", err)
	}
	return nil
}

// steadyWord is steady.
type steadyWord string

// UnmarshalText accepts what a warm-up may wait for.
func (s *steadyWord) UnmarshalText(text []byte) error {
	return oneOf(s, string(text), []string{steady}, "a warm-up cannot wait for %q; until: steady is what there is, and a duration stands by itself (warmup: 10s)%s")
}

// warmupLimit is a duration that leaves time to tell anything.
type warmupLimit time.Duration

// UnmarshalText reads what MarshalText writes.
func (l *warmupLimit) UnmarshalText(text []byte) error {
	d, err := units.ParseDuration(string(text))
	if err == nil && d < leastLimit {
		err = fmt.Errorf("%s is too short to tell whether a system is steady; it takes %s at least, and minutes where it starts slowly", units.Duration(d), units.Duration(leastLimit))
	}
	*l = warmupLimit(d)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (l warmupLimit) MarshalText() ([]byte, error) { return duration(l).MarshalText() }
