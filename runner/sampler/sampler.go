// Package sampler reads the CPU and memory counters of a trial's replicas: all
// of them at the two edges of the load, and again and again in between.
package sampler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"plimsoll/results"
	"plimsoll/runner/engine"
)

// Subject is something to be metered.
type Subject struct {
	Replica string // the name that samples carry
	Service string
	ID      string // what the engine's Meterer knows it by
}

// Sampler meters subjects. Close it when done.
type Sampler struct {
	subjects []metered
	interval time.Duration
	source   string
}

type metered struct {
	Subject
	meter engine.Meter
	// lost is set once the subject could not be read any more.
	lost bool
}

// Open finds a meter for every subject.
func Open(ctx context.Context, m engine.Meterer, subjects []Subject) (*Sampler, error) {
	s := &Sampler{}
	for _, subject := range subjects {
		meter, metering, err := m.Meter(ctx, subject.ID)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("meter %s: %w", subject.Replica, err), s.Close())
		}
		s.subjects = append(s.subjects, metered{Subject: subject, meter: meter})
		s.interval = max(s.interval, metering.Interval)
		s.source = metering.Source
	}
	return s, nil
}

// Source names where the figures come from and how often they are read.
func (s *Sampler) Source() string {
	if len(s.subjects) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, every %v", s.source, s.interval)
}

// Reading is one subject's counters.
type Reading struct {
	Subject
	engine.Usage
}

// Sample turns a reading into a line whose time counts from origin.
func (r Reading) Sample(origin time.Time) results.Sample {
	return results.Sample{
		Replica: r.Replica, Service: r.Service, At: r.At.Sub(origin),
		CPU: r.CPU, MemoryBytes: r.MemoryBytes, Throttled: r.Throttled,
		NetIn: r.NetIn, NetOut: r.NetOut, BlockRead: r.BlockRead, BlockWrite: r.BlockWrite,
	}
}

// Read reads all subjects at once. A subject that cannot be read (it has
// ended, most likely) gives an error the first time and is left out from then
// on; what it used after its last reading is not known.
func (s *Sampler) Read(ctx context.Context) ([]Reading, error) {
	readings := make([]*Reading, len(s.subjects))
	errs := make([]error, len(s.subjects))
	var wg sync.WaitGroup
	for i := range s.subjects {
		subject := &s.subjects[i]
		if subject.lost {
			continue
		}
		wg.Go(func() {
			usage, err := subject.meter.Read(ctx)
			switch {
			case err == nil:
				readings[i] = &Reading{subject.Subject, usage}
			case ctx.Err() == nil:
				subject.lost = true
				errs[i] = fmt.Errorf("%s could not be metered any more: %w", subject.Replica, err)
			}
		})
	}
	wg.Wait()
	var got []Reading
	for _, r := range readings {
		if r != nil {
			got = append(got, *r)
		}
	}
	return got, errors.Join(errs...)
}

// Watch reads all subjects at the meters' interval until ctx is done. Times of
// samples count from origin.
func (s *Sampler) Watch(ctx context.Context, origin time.Time, emit func(results.Line) error) error {
	if len(s.subjects) == 0 {
		return nil
	}
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.Emit(ctx, origin, emit); err != nil {
			return err
		}
	}
}

// Emit reads all subjects once and emits a sample for each, and a warning for
// each that was lost.
func (s *Sampler) Emit(ctx context.Context, origin time.Time, emit func(results.Line) error) error {
	readings, lost := s.Read(ctx)
	return EmitAll(readings, lost, origin, emit)
}

// EmitAll emits readings that were made earlier.
func EmitAll(readings []Reading, lost error, origin time.Time, emit func(results.Line) error) error {
	for _, r := range readings {
		if err := emit(r.Sample(origin)); err != nil {
			return err
		}
	}
	if lost != nil {
		return emit(results.Warning{What: lost.Error()})
	}
	return nil
}

// Close releases the meters.
func (s *Sampler) Close() error {
	var errs []error
	for _, m := range slices.Backward(s.subjects) {
		errs = append(errs, m.meter.Close())
	}
	return errors.Join(errs...)
}
