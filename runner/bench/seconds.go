package bench

import (
	"math"
	"slices"
	"time"

	"plimsoll/results"
)

// seconds joins what several workers report of the same second and hands it
// out as one interval, in order, as soon as nobody can add to it any more.
type seconds struct {
	emit func(begin time.Time, i results.Interval) error
	// begin is the phase's.
	begin time.Time
	// next is the number of the first of open.
	next int
	open []results.Interval
	// reported is how many seconds each worker has reported; math.MaxInt of
	// one that has ended.
	reported []int
}

func newSeconds(workers int, emit func(time.Time, results.Interval) error) *seconds {
	return &seconds{emit: emit, reported: make([]int, workers)}
}

// add takes in the next second of a worker. The joined interval has neither
// names nor the use of a worker: neither is shown while the load runs.
func (s *seconds) add(worker int, i results.Interval) error {
	i.ByName, i.ServedBy, i.Worker = nil, nil, results.WorkerUsage{}
	if at := s.reported[worker] - s.next; at == len(s.open) {
		s.open = append(s.open, i)
	} else {
		second := &s.open[at]
		second.Length = max(second.Length, i.Length)
		second.Requests.Add(i.Requests)
		second.Bytes.Add(i.Bytes)
		second.Latencies.Merge(i.Latencies)
	}
	s.reported[worker]++
	return s.handOut()
}

// end says that a worker has no more to report.
func (s *seconds) end(worker int) error {
	s.reported[worker] = math.MaxInt
	return s.handOut()
}

func (s *seconds) handOut() error {
	for ; len(s.open) > 0 && s.next < slices.Min(s.reported); s.next++ {
		if err := s.emit(s.begin, s.open[0]); err != nil {
			return err
		}
		s.open = s.open[1:]
	}
	return nil
}
