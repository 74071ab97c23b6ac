package sampler_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/results"
	"plimsoll/runner/engine"
	"plimsoll/runner/sampler"
)

// meters is a Meterer whose replicas use half a core, until they end.
type meters struct {
	ends   map[string]time.Time
	closed int
}

func (m *meters) Meter(_ context.Context, id string) (engine.Meter, engine.Metering, error) {
	if id == "unknown" {
		return nil, engine.Metering{}, errors.New("no such replica")
	}
	return &meter{m, id, time.Now()}, engine.Metering{Source: "fake", Interval: 200 * time.Millisecond}, nil
}

type meter struct {
	*meters
	id    string
	began time.Time
}

func (m *meter) Read(context.Context) (engine.Usage, error) {
	if end, ok := m.ends[m.id]; ok && time.Now().After(end) {
		return engine.Usage{}, errors.New("it has ended")
	}
	return engine.Usage{At: time.Now(), CPU: time.Since(m.began) / 2, MemoryBytes: 1 << 20}, nil
}

func (m *meter) Close() error { m.closed++; return nil }

func subjects(names ...string) []sampler.Subject {
	var all []sampler.Subject
	for _, name := range names {
		all = append(all, sampler.Subject{Replica: name, Service: "web", ID: name})
	}
	return all
}

// collect takes in what a sampler emits.
type collect struct {
	samples  []results.Sample
	warnings []string
}

func (c *collect) line(l results.Line) error {
	switch l := l.(type) {
	case results.Sample:
		c.samples = append(c.samples, l)
	case results.Warning:
		c.warnings = append(c.warnings, l.What)
	}
	return nil
}

func TestWatchReadsOnAGridBetweenTheEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meters{}
		s, err := sampler.Open(t.Context(), m, subjects("web-1", "web-2"))
		if err != nil {
			t.Fatal(err)
		}
		var got collect
		readings, lost := s.Read(t.Context())
		origin := time.Now().Add(20 * time.Millisecond)
		if err := sampler.EmitAll(readings, lost, origin, got.line); err != nil {
			t.Fatal(err)
		}
		watching, stop := context.WithTimeout(t.Context(), 1010*time.Millisecond)
		defer stop()
		if err := s.Watch(watching, origin, got.line); err != nil {
			t.Fatal(err)
		}
		if err := s.Emit(t.Context(), origin, got.line); err != nil {
			t.Fatal(err)
		}
		var at []time.Duration
		for _, sample := range got.samples {
			if sample.Replica == "web-1" {
				at = append(at, sample.At)
				if want := (sample.At + 20*time.Millisecond) / 2; sample.CPU != want {
					t.Errorf("at %v: CPU %v, want %v", sample.At, sample.CPU, want)
				}
			}
		}
		const ms = time.Millisecond
		if want := []time.Duration{-20 * ms, 180 * ms, 380 * ms, 580 * ms, 780 * ms, 980 * ms, 990 * ms}; !slices.Equal(at, want) {
			t.Errorf("web-1 was read at %v, want %v", at, want)
		}
		if len(got.samples) != 14 || len(got.warnings) != 0 {
			t.Errorf("%d samples, warnings %v; want 7 of each of 2 replicas and none", len(got.samples), got.warnings)
		}
		if s.Source() != "fake, every 200ms" {
			t.Errorf("source %q", s.Source())
		}
		if err := s.Close(); err != nil || m.closed != 2 {
			t.Errorf("close: %v, %d meters closed", err, m.closed)
		}
	})
}

// A replica that ends is missed once, and the others are read on.
func TestReplicaThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meters{ends: map[string]time.Time{"web-2": time.Now().Add(300 * time.Millisecond)}}
		s, err := sampler.Open(t.Context(), m, subjects("web-1", "web-2"))
		if err != nil {
			t.Fatal(err)
		}
		var got collect
		watching, stop := context.WithTimeout(t.Context(), 1010*time.Millisecond)
		defer stop()
		if err := s.Watch(watching, time.Now(), got.line); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, sample := range got.samples {
			count[sample.Replica]++
		}
		if count["web-1"] != 5 || count["web-2"] != 1 || len(got.warnings) != 1 {
			t.Errorf("readings %v, warnings %v; want 5 and 1, and one warning", count, got.warnings)
		}
	})
}

func TestOpenClosesWhatItHasOpened(t *testing.T) {
	m := &meters{}
	if _, err := sampler.Open(t.Context(), m, subjects("web-1", "unknown")); err == nil {
		t.Error("a subject that cannot be metered is an error")
	}
	if m.closed != 1 {
		t.Errorf("%d meters were closed, want the one that was opened", m.closed)
	}
}

func TestWatchEndsWithTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sampler.Open(t.Context(), &meters{}, subjects("web-1"))
		if err != nil {
			t.Fatal(err)
		}
		full := errors.New("disk full")
		if err := s.Watch(t.Context(), time.Now(), func(results.Line) error { return full }); !errors.Is(err, full) {
			t.Errorf("got %v, want the sink's error", err)
		}
	})
}
